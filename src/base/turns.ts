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

/** At most `lanes` at a time, begun in their order, with rests as above. Rejects with the first failure; what has begun goes on. */
export async function inLanes<T>(
  items: Iterable<T>,
  lanes: number,
  work: (item: T) => Promise<void> | void,
): Promise<void> {
  const next = items[Symbol.iterator]()
  let end = performance.now() + TURN
  const lane = async () => {
    for (let item = next.next(); !item.done; item = next.next()) {
      await work(item.value)
      if (performance.now() < end) continue
      await setImmediate()
      end = performance.now() + TURN
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}
