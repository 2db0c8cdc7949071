// A gateway whose only client is on stdin and stdout: no listener, drained when the client closes its side or a signal comes.
import { createDisposer } from '../base/dispose.ts'
import { divertStdout } from '../host/services/output.ts'
import type { LineService } from '../wire/line-service.ts'
import { createGateway, type Gateway, type GatewayOptions } from './gateway.ts'
import type { ReloadResult } from './reload.ts'

/** A gateway that serves one client on a pair of pipes. */
export interface RunningStdio {
  readonly gateway: Gateway
  /** Resolves when the client has closed its side, or takes nothing any more. */
  readonly over: Promise<void>
  /** Reads the configuration again; never rejects. */
  reload(): Promise<ReloadResult>
  /** Answers what was read, up to `limits.drain`, ends what is left and the servers. `now`: without the wait. Idempotent. */
  stop(options?: { now?: boolean }): Promise<void>
}

/** How long a client may take to read the last answers. */
const LAST_WORDS = 1000

/**
 * Serves stdin and stdout of this process. What other code in it prints to stdout goes to stderr: stdout carries messages only.
 * Rejects as `createGateway` does, with nothing left running.
 */
export async function startStdio(options: GatewayOptions): Promise<RunningStdio> {
  const owned = createDisposer()
  try {
    const diversion = divertStdout(process.stdout, process.stderr)
    owned.defer(diversion.restore)
    const gateway = await createGateway(options)
    owned.defer(() => gateway.close({ hurry: Promise.resolve() }))
    const hurry = Promise.withResolvers<void>()
    const connection = gateway.stdio({ input: process.stdin, output: diversion })
    owned.defer(() => drain(gateway, connection, hurry.promise))
    return {
      gateway,
      over: connection.over,
      reload: () => gateway.reload(),
      stop(how = {}) {
        if (how.now) hurry.resolve()
        return owned.dispose()
      },
    }
  } catch (error) {
    await owned.dispose().catch(() => {})
    throw error
  }
}

async function drain(
  gateway: Gateway,
  connection: LineService,
  hurry: Promise<void>,
): Promise<void> {
  connection.stop()
  gateway.drain()
  const patience = gateway.state().loaded.config.limits.drain
  await within(gateway, patience, [connection.idle(), connection.gone, hurry])
  connection.end()
  await within(gateway, LAST_WORDS, [connection.idle().then(() => connection.flushed())])
}

async function within(gateway: Gateway, ms: number, events: Promise<void>[]): Promise<void> {
  const late = Promise.withResolvers<void>()
  const cancel = gateway.clock.after(ms, late.resolve)
  await Promise.race([...events, late.promise])
  cancel()
}
