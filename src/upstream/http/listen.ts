// Keeps the gateway told of changed lists by a modern server: one standing subscription per link; what the change means is the gateway's.
import { Cancellation } from '../../base/caller.ts'
import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { isObject } from '../../base/json.ts'
import type { Logger } from '../../base/log.ts'
import { type Message, makeRequest } from '../../wire/message.ts'
import type { ClientInfo, UpstreamLink } from '../client.ts'
import { modernMeta } from '../handshake.ts'
import { backoffDelay } from '../lane.ts'
import type { RestartOptions } from '../options.ts'

export interface ListenDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly clientInfo: ClientInfo
  readonly restart: RestartOptions
  readonly random: () => number
  notification(message: Message): void
}

const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged'

/**
 * Subscribes to the list changes the server advertises (2026-07-28 patterns/subscriptions) and again, with back-off, when
 * the stream ends; a server that refuses is not asked again. Does nothing when there is nothing to hear or in the legacy
 * era, where such notifications come unasked. Returns what ends it.
 */
export function listenForChanges(link: UpstreamLink, deps: ListenDeps): () => void {
  const caller = new Cancellation()
  const notifications = advertised(link)
  let cancel = () => {}
  let failures = 0

  async function listen(): Promise<void> {
    const meta = modernMeta(deps.clientInfo, link.revision)
    const message = makeRequest('subscriptions/listen', { notifications, _meta: meta })
    try {
      const reply = await link.request({
        message,
        edits: [],
        timeout: Number.POSITIVE_INFINITY,
        caller,
        onNotification(heard) {
          failures = 0
          if (heard.method !== ACKNOWLEDGED) deps.notification(heard)
        },
      })
      if (reply.message.kind === 'error') {
        deps.log.info({ code: reply.message.error?.code }, 'the server refuses to tell of changes')
        return
      }
    } catch (error) {
      if (caller.aborted) return
      deps.log.debug({ reason: messageOf(error) }, 'a subscription ended')
    }
    failures++
    if (caller.aborted) return
    cancel = deps.clock.after(backoffDelay(failures, deps.restart, deps.random()), () => listen())
  }

  if (link.era === 'modern' && Object.keys(notifications).length > 0) void listen()
  return () => {
    cancel()
    caller.abort()
  }
}

function advertised({ capabilities }: UpstreamLink): Record<string, true> {
  const wanted: Record<string, true> = {}
  for (const kind of ['tools', 'prompts', 'resources'] as const) {
    const offered = capabilities[kind]
    if (isObject(offered) && offered.listChanged === true) wanted[`${kind}ListChanged`] = true
  }
  return wanted
}
