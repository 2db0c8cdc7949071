// A message of which nobody waits for more than that it was taken: notifications and answers to requests of the server.
import { AppError } from '../../base/errors.ts'
import type { Message } from '../../wire/message.ts'
import type { TransportDeps } from '../transport.ts'
import type { Headers, HttpCore } from './http.ts'

/** Sends a notification or an answer, of which only the status comes back. */
export function sendQuietly(
  core: HttpCore,
  deps: TransportDeps,
  bytes: Uint8Array,
  headers: Headers,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const exchange = core.send(
    { method: 'POST', headers: core.headers(undefined, headers), body: bytes },
    {
      message: (message: Message) => core.inbox(message),
      end: () => resolve(),
      refused: ({ status }) =>
        reject(new AppError('UPSTREAM_PROTOCOL', `a notification was refused with ${status}`)),
      failed: reject,
    },
  )
  const cancel = deps.clock.after(deps.limits.requestTimeout, () => {
    exchange.abort()
    reject(new AppError('UPSTREAM_TIMEOUT', 'a notification was not taken in time'))
  })
  return promise.finally(cancel)
}
