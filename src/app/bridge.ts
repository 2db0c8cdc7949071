// The client on stdin and stdout of this process, carried to a gateway at a URL; no gateway is loaded here.
import { systemClock } from '../base/clock.ts'
import { createDisposer } from '../base/dispose.ts'
import type { LogLevel } from '../base/log.ts'
import { createBridge } from '../bridge/bridge.ts'
import { createLog } from './log.ts'
import { ownPipes, type RunningStdio, serve } from './pipes.ts'

/** The gateway has a `limits.drain` of its own; this is how long it is waited for. */
const DRAIN = 30_000

export interface BridgeCommand {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly logLevel: LogLevel
}

/** Carries the client on stdin and stdout to a running gateway. */
export async function startBridge(options: BridgeCommand): Promise<RunningStdio> {
  const { url, headers, logLevel } = options
  const owned = createDisposer()
  const clock = systemClock
  try {
    const pipes = ownPipes(owned)
    const bridge = await createBridge({ url, headers, clock, log: createLog(logLevel) }, pipes)
    owned.defer(() => bridge.close())
    const patience = () => DRAIN
    const running = serve(bridge.lines, { owned, clock, patience, stopping() {} })
    return { ...running, reload: async () => undefined }
  } catch (error) {
    await owned.dispose().catch(() => {})
    throw error
  }
}
