// Asks an idle server now and then whether it is still there, and gives up its connection when it is not.
import type { Clock } from '../../base/clock.ts'
import { isAppError, messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import { makeRequest } from '../../wire/message.ts'
import type { ClientInfo } from '../client.ts'
import { modernMeta } from '../handshake.ts'
import type { Connection } from '../lane.ts'

export interface HealthDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly clientInfo: ClientInfo
  readonly every: number
  readonly timeout: number
}

/**
 * Any answer is a sign of life, an error too: not every server knows ping. Calls under way are not disturbed by a probe,
 * because a server that computes does not answer one; their own deadlines watch it. Returns what ends the watch.
 */
export function watchHealth(connection: Connection, deps: HealthDeps): () => void {
  const { clock, every, timeout } = deps
  let ended = false
  let cancel = () => {}

  function next(ms: number): void {
    if (!ended) cancel = clock.after(ms, turn)
  }

  function turn(): void {
    const idle = connection.idle()
    if (idle < every) next(Math.max(every - idle, 1))
    else void probe().finally(() => next(every))
  }

  async function probe(): Promise<void> {
    const { link } = connection
    const message =
      link.era === 'legacy'
        ? makeRequest('ping')
        : makeRequest('server/discover', { _meta: modernMeta(deps.clientInfo, link.revision) })
    try {
      await link.request({ message, edits: [], timeout })
    } catch (error) {
      // refused for another reason than silence, such as a full queue: no evidence
      if (ended || isAppError(error, 'DISPATCH_ABORTED')) return
      deps.log.warn({ reason: messageOf(error) }, 'the server does not answer probes')
      connection.drop('it does not answer probes')
    }
  }

  if (every > 0) next(every)
  return () => {
    ended = true
    cancel()
  }
}
