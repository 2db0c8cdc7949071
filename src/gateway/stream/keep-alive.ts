// Comments on a stream that may say nothing for a long time, so that no proxy takes it for dead.
import type { Clock } from '../../base/clock.ts'
import { encodeComment } from '../../wire/sse.ts'

const KEEP_ALIVE = 15_000
const COMMENT = encodeComment('keep-alive')

/** Until the returned function is called, or `write` says that nobody is there. */
export function keepAlive(clock: Clock, write: (frame: Buffer) => boolean): () => void {
  const beat = () => {
    if (write(COMMENT)) cancel = clock.after(KEEP_ALIVE, beat)
  }
  let cancel = clock.after(KEEP_ALIVE, beat)
  return () => cancel()
}
