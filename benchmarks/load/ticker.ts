// Wakes the open loop when the next request is due: a thread that sleeps on a futex, because timers of the event loop are a millisecond coarse.
import { parentPort, workerData } from 'node:worker_threads'

const { starts, origin } = workerData as { starts: Float64Array; origin: number }
const never = new Int32Array(new SharedArrayBuffer(4))
let next = 0
while (next < starts.length) {
  const now = performance.timeOrigin + performance.now() - origin
  const due = starts[next] as number
  if (due > now) Atomics.wait(never, 0, 0, due - now)
  // one message for all that are due at once
  while (next < starts.length && (starts[next] as number) <= Math.max(due, now)) next++
  parentPort?.postMessage(next)
}
