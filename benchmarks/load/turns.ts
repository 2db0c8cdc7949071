// How long the event loop of this process stands still while something is done in it.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds: finer than what is looked for. */
const RESOLUTION = 1
/** What the work leaves for later is still seen. */
const AFTER = 100

export interface Watched<T> {
  /** Milliseconds: the longest turn, by the clock or by `cpu`, whichever is less. */
  readonly turn: number
  /** Milliseconds: the longest delay of a timer, whoever caused it. */
  readonly stall: number
  readonly ms: number
  readonly result: T
}

export type CpuClock = () => NodeJS.CpuUsage

/**
 * The longest turn of the loop: elapsed, or CPU time where that is less, because what others take of the core is no stall of ours.
 * `cpu`: of the process, other threads included, so that it is never too little; or of this thread alone.
 */
export async function watched<T>(
  work: () => Promise<T>,
  cpu: CpuClock = () => process.cpuUsage(),
): Promise<Watched<T>> {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION })
  const turns = watchTurns(cpu)
  delay.enable()
  await sleep(20)
  delay.reset()
  const begun = performance.now()
  const result = await work()
  const ms = performance.now() - begun
  await sleep(AFTER)
  delay.disable()
  return { turn: turns.stop(), stall: delay.max / 1e6, ms, result }
}

function watchTurns(clock: CpuClock): { stop(): number } {
  const now = () => {
    const { user, system } = clock()
    return { at: performance.now(), cpu: (user + system) / 1000 }
  }
  let longest = 0
  let last = now()
  let immediate = setImmediate(function turn() {
    const { at, cpu } = now()
    longest = Math.max(longest, Math.min(at - last.at, cpu - last.cpu))
    last = { at, cpu }
    immediate = setImmediate(turn)
  })
  return {
    stop() {
      clearImmediate(immediate)
      return longest
    },
  }
}
