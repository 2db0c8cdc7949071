// A client on stdin and stdout and a gateway at a URL, joined; the policies run at the gateway, nothing is decided here.
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import { type LineService, type Pipes, serveLines } from '../wire/line-service.ts'
import { type Carrier, createCarrier } from './carrier.ts'
import { createTransfers, type Headers } from './transfer.ts'

export interface BridgeOptions {
  /** The gateway's MCP endpoint. */
  readonly url: string
  /** Sent with every request. */
  readonly headers: Headers
  readonly clock: Clock
  readonly log: Logger
}

export interface Bridge {
  readonly lines: LineService
  /** Ends the session at the gateway, then all connections. Idempotent. */
  close(): Promise<void>
}

/** Longest line; the gateway's own limit is usually lower. */
const LINE = 64 * 1024 * 1024

export async function createBridge(options: BridgeOptions, pipes: Pipes): Promise<Bridge> {
  let isFull = () => false
  let carrier: Carrier | undefined
  const transfers = await createTransfers({ ...options, isFull: () => isFull() })
  const lines = serveLines(pipes, LINE, (writer) => {
    isFull = () => writer.full
    carrier = createCarrier(options, transfers, writer)
    return carrier
  })
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await carrier?.close()
    await transfers.close()
  }
  return {
    lines,
    close() {
      closing ??= close()
      return closing
    },
  }
}
