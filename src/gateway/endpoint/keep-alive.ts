// Comments on a silent event stream, which keep proxies from closing it.
import type { Clock } from '../../base/clock.ts'
import type { Reply } from './reply.ts'

const EVERY = 15_000

/** Ends by itself with the stream; the returned function ends it at once. */
export function keepAlive(clock: Clock, reply: Reply): () => void {
  const beat = (): void => {
    if (reply.comment('keep-alive')) cancel = clock.after(EVERY, beat)
  }
  let cancel = clock.after(EVERY, beat)
  return () => cancel()
}
