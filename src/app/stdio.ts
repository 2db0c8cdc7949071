// One client on stdin and stdout, in front of a gateway in this process or of one at a URL: no listener; drained when the client closes its side or a signal comes.

import { type Clock, systemClock } from '../base/clock.ts'
import { createDisposer, type Disposer } from '../base/dispose.ts'
import type { LogLevel } from '../base/log.ts'
import { createBridge } from '../bridge/bridge.ts'
import { divertStdout } from '../host/services/output.ts'
import type { LineService, Pipes } from '../wire/line-service.ts'
import { createGateway, type Gateway, type GatewayOptions } from './gateway.ts'
import { createLog } from './log.ts'
import type { ReloadResult } from './reload.ts'

/** What serves one client on stdin and stdout. */
export interface RunningStdio {
  /** Resolves when the client has closed its side, or takes nothing any more. */
  readonly over: Promise<void>
  /** Milliseconds that what was read is given to end. */
  drain(): number
  /** Reads the configuration again, where there is one; never rejects. */
  reload(): Promise<ReloadResult | undefined>
  /** Answers what was read, up to `limits.drain`, ends what is left and the servers. `now`: without the wait. Idempotent. */
  stop(options?: { now?: boolean }): Promise<void>
}

/** A gateway that serves one client. */
export interface StdioGateway extends RunningStdio {
  readonly gateway: Gateway
}

/** How long a client may take to read the last answers. */
const LAST_WORDS = 1000

/** A gateway at a URL takes what its own `limits.drain` says; this is how long the bridge waits for it. */
const BRIDGE_DRAIN = 30_000

/**
 * Runs a gateway for the client on stdin and stdout. What other code in this process prints to stdout goes to stderr: stdout carries
 * messages only. Rejects as `createGateway` does, with nothing left running.
 */
export async function startStdio(options: GatewayOptions): Promise<StdioGateway> {
  const owned = createDisposer()
  try {
    const pipes = ownPipes(owned)
    const gateway = await createGateway(options)
    owned.defer(() => gateway.close({ hurry: Promise.resolve() }))
    const { clock } = gateway
    const patience = () => gateway.state().loaded.config.limits.drain
    const lines = gateway.stdio(pipes)
    const running = serve(lines, { owned, clock, patience, stopping: () => gateway.drain() })
    return { ...running, gateway, reload: () => gateway.reload() }
  } catch (error) {
    await owned.dispose().catch(() => {})
    throw error
  }
}

export interface StdioBridgeOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly logLevel: LogLevel
}

/** Carries the client on stdin and stdout to a running gateway. */
export async function startStdioBridge(options: StdioBridgeOptions): Promise<RunningStdio> {
  const { url, headers, logLevel } = options
  const owned = createDisposer()
  const clock = systemClock
  try {
    const pipes = ownPipes(owned)
    const bridge = await createBridge({ url, headers, clock, log: createLog(logLevel) }, pipes)
    owned.defer(() => bridge.close())
    const patience = () => BRIDGE_DRAIN
    const running = serve(bridge.lines, { owned, clock, patience, stopping() {} })
    return { ...running, reload: async () => undefined }
  } catch (error) {
    await owned.dispose().catch(() => {})
    throw error
  }
}

function ownPipes(owned: Disposer): Pipes {
  const diversion = divertStdout(process.stdout, process.stderr)
  owned.defer(diversion.restore)
  return { input: process.stdin, output: diversion }
}

interface Serving {
  readonly owned: Disposer
  readonly clock: Clock
  patience(): number
  stopping(): void
}

function serve(
  lines: LineService,
  { owned, clock, patience, stopping }: Serving,
): Omit<RunningStdio, 'reload'> {
  const hurry = Promise.withResolvers<void>()
  owned.defer(async () => {
    lines.stop()
    stopping()
    await within(clock, patience(), [lines.idle(), lines.gone, hurry.promise])
    lines.end()
    await within(clock, LAST_WORDS, [lines.idle().then(() => lines.flushed())])
  })
  return {
    over: lines.over,
    drain: patience,
    stop(how = {}) {
      if (how.now) hurry.resolve()
      return owned.dispose()
    },
  }
}

async function within(clock: Clock, ms: number, events: Promise<void>[]): Promise<void> {
  const late = Promise.withResolvers<void>()
  const cancel = clock.after(ms, late.resolve)
  await Promise.race([...events, late.promise])
  cancel()
}
