// The life of `start` and `stdio` between signals: first SIGTERM or SIGINT drains, the second ends it now, SIGHUP reloads.
import { EXIT, type Exit } from './exit.ts'
import type { Shell } from './shell.ts'

/** What this needs of a running gateway. */
export interface Stoppable {
  /** Resolves when nobody is served any more: that is as good as a signal. */
  readonly over?: Promise<void>
  reload(): Promise<unknown>
  stop(options?: { now?: boolean }): Promise<void>
}

export interface Watch<G> {
  /** Called once, unless a signal came first. */
  ready(running: G): void
  /** Milliseconds that requests in flight are given. */
  drain(running: G): number
  note(text: string): void
}

/** After the drain, what is being closed gets this long; the process then ends with what is left. */
const GRACE = 15_000
/** Ctrl-C reaches the whole process group, and npm passes it on: one signal, told twice. */
const ECHO = 250
const HURRY = 5_000

/** Resolves when the gateway has stopped; rejects when it did not start. */
export async function untilStopped<G extends Stoppable>(
  starting: Promise<G>,
  shell: Shell,
  watch: Watch<G>,
): Promise<Exit> {
  const stop = Promise.withResolvers<void>()
  const hurry = Promise.withResolvers<void>()
  let signals = 0
  let last = Number.NEGATIVE_INFINITY
  const onStop = (): void => {
    const now = performance.now()
    const echo = now - last < ECHO
    last = now
    if (echo) return
    signals++
    if (signals === 1) stop.resolve()
    else if (signals === 2) hurry.resolve()
    else shell.abort(EXIT.fault)
  }
  let running: G | undefined
  const off = [
    shell.onSignal('SIGINT', onStop),
    shell.onSignal('SIGTERM', onStop),
    shell.onSignal('SIGHUP', () => void running?.reload()),
  ]
  try {
    // a start cannot be interrupted halfway; whoever asks twice does not want to wait for its end
    const aborted = hurry.promise.then(() => undefined)
    running = await Promise.race([starting, aborted])
    if (running === undefined) return abort(shell)
    if (signals === 0) watch.ready(running)
    void running.over?.then(() => {
      signals++
      stop.resolve()
    })
    await stop.promise
    return await shutDown(running, shell, watch, hurry.promise)
  } finally {
    for (const release of off) release()
  }
}

async function shutDown<G extends Stoppable>(
  running: G,
  shell: Shell,
  watch: Watch<G>,
  hurry: Promise<void>,
): Promise<Exit> {
  const drain = watch.drain(running)
  watch.note(
    `stopping: requests in flight have ${Math.round(drain / 1000)} s; a second signal ends them now`,
  )
  const end = (): void => {
    watch.note('not everything could be closed in time')
    shell.abort(EXIT.fault)
  }
  const timers = [setTimeout(end, drain + GRACE)]
  void hurry.then(() => {
    timers.push(setTimeout(end, HURRY))
    return running.stop({ now: true })
  })
  try {
    await running.stop()
    return EXIT.ok
  } finally {
    for (const timer of timers) clearTimeout(timer)
  }
}

function abort(shell: Shell): Exit {
  shell.abort(EXIT.fault)
  return EXIT.fault
}
