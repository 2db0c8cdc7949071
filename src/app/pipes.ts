// stdin and stdout of this process, given to whoever serves the one client there; drained when it closes its side or a signal comes.
import type { Clock } from '../base/clock.ts'
import type { Disposer } from '../base/dispose.ts'
import { divertStdout } from '../host/services/output.ts'
import type { LineService, Pipes } from '../wire/line-service.ts'

/** What serves one client on stdin and stdout. */
export interface RunningStdio {
  /** Resolves when the client has closed its side, or takes nothing any more. */
  readonly over: Promise<void>
  /** Milliseconds that what was read is given to end. */
  drain(): number
  /** Reads the configuration again, where there is one; never rejects. */
  reload(): Promise<unknown>
  /** Answers what was read, up to `limits.drain`, ends what is left and the servers. `now`: without the wait. Idempotent. */
  stop(options?: { now?: boolean }): Promise<void>
}

/** How long a client may take to read the last answers. */
const LAST_WORDS = 1000

/** What other code in this process prints to stdout goes to stderr from now on: stdout carries messages only. */
export function ownPipes(owned: Disposer): Pipes {
  const diversion = divertStdout(process.stdout, process.stderr)
  owned.defer(diversion.restore)
  return { input: process.stdin, output: diversion }
}

export interface Serving {
  readonly owned: Disposer
  readonly clock: Clock
  patience(): number
  stopping(): void
}

/** `owned` ends it: in the reverse order of what it was given, so first what was read is answered. */
export function serve(
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
