// Where a message from a server goes: to the call that waits for it, to the gateway, or into the count of strays; it reads no bytes.
import { isObject } from '../base/json.ts'
import type { Logger } from '../base/log.ts'
import type { Message } from '../wire/message.ts'
import { META } from '../wire/revision.ts'
import type { Call, Calls } from './calls.ts'

export interface InboxOptions {
  readonly calls: Calls
  readonly log: Logger
  /** Answers a request of the server. */
  answer(json: string): void
  /** Not tied to a request. */
  notification(message: Message): void
  request(message: Message): void
}

/** Takes one message; `call` is the request on whose own stream it came, if it came on one. */
export type Inbox = (message: Message, call?: Call) => void

// these concern every session, on whatever stream a server chose to send them
const UNRELATED = new Set([
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
])

export function createInbox(options: InboxOptions): Inbox {
  const { calls, log } = options
  let strays = 0

  function stray(message: Message): void {
    strays++
    log.debug({ kind: message.kind, method: message.method, strays }, 'a message nobody waits for')
  }

  function notification(message: Message, call: Call | undefined): void {
    const method = message.method ?? ''
    if (method === 'notifications/progress') {
      if (!calls.progress(message)) stray(message)
      return
    }
    // ours to cancel are the requests of the server, and those are answered already
    if (method === 'notifications/cancelled') return
    const owner = calls.find(subscriptionOf(message)) ?? (UNRELATED.has(method) ? undefined : call)
    if (owner) owner.request.onNotification?.(message)
    else options.notification(message)
  }

  function request(message: Message): void {
    const id = JSON.stringify(message.id)
    if (message.method === 'ping') {
      options.answer(`{"jsonrpc":"2.0","id":${id},"result":{}}`)
      return
    }
    const error = '{"code":-32601,"message":"the gateway does not relay requests of servers"}'
    options.answer(`{"jsonrpc":"2.0","id":${id},"error":${error}}`)
    options.request(message)
  }

  function route(message: Message, call: Call | undefined): void {
    if (message.kind === 'request') request(message)
    else if (message.kind === 'notification') notification(message, call)
    else if (!calls.settle(message)) stray(message)
  }

  return (message, call) => {
    try {
      route(message, call)
    } catch (error) {
      // a listener that throws must not take the connection, and all who use it, with it
      log.error({ error, method: message.method }, 'a message of the server could not be handed on')
    }
  }
}

// the id of the subscriptions/listen a notification belongs to (patterns/subscriptions); ids of ours are numbers
function subscriptionOf(message: Message): number {
  const meta = isObject(message.params) ? message.params._meta : undefined
  const id = isObject(meta) ? meta[META.subscriptionId] : undefined
  return typeof id === 'number' ? id : Number(typeof id === 'string' && id !== '' ? id : Number.NaN)
}
