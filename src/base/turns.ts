// Work in steps: done at once, or in turns of the event loop so that requests are answered in between; it does not know what work.
import { setImmediate } from 'node:timers/promises'

/** Every `yield` is a place where the work may rest. */
export type Steps<T> = Generator<void, T, void>

/** How long the work goes on before others have their turn, in milliseconds. */
const TURN = 2

export function inOne<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** Rests only when a turn has been used up: what is quickly done is done at once. */
export async function inTurns<T>(steps: Steps<T>): Promise<T> {
  let end = performance.now() + TURN
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    if (performance.now() < end) continue
    await setImmediate()
    end = performance.now() + TURN
  }
}
