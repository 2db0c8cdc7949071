// Where a message from a server goes: to the call that waits for it, to the gateway, or into the count of strays; it reads no bytes.
import { Cancellation } from '../base/caller.ts'
import { isAppError } from '../base/errors.ts'
import { isObject } from '../base/json.ts'
import type { Logger } from '../base/log.ts'
import type { Message } from '../wire/message.ts'
import { META } from '../wire/revision.ts'
import type { Call, Calls } from './calls.ts'
import type { ServerRequest } from './client.ts'

export interface InboxOptions {
  readonly calls: Calls
  readonly log: Logger
  /** Answers a request of the server. */
  answer(bytes: Uint8Array): void
  /** Not tied to a request. */
  notification(message: Message): void
  /** Resolves to the answer; undefined: nobody can be asked. */
  request(asked: ServerRequest): Promise<Uint8Array> | undefined
}

/** Takes one message; `call` is the request on whose own stream it came, if it came on one. */
export interface Inbox {
  (message: Message, call?: Call): void
  /** Nobody can be answered any more. */
  close(): void
}

/** Requests of one server that are being answered; one more is refused. */
const MAX_ASKED = 64

const TOO_MANY = '"error":{"code":-32600,"message":"too many requests, or one id twice"}'
const NOBODY = '"error":{"code":-32601,"message":"the client cannot be asked"}'
const WITHDRAWN = '"error":{"code":-32603,"message":"the client gave no answer"}'
const FAILED = '"error":{"code":-32603,"message":"the gateway failed"}'

// these concern every session, on whatever stream a server chose to send them
const UNRELATED = new Set([
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
])

export function createInbox(options: InboxOptions): Inbox {
  const { calls, log } = options
  const asked = new Map<string | number, Cancellation>()
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
    // ours to cancel are the requests of the server
    if (method === 'notifications/cancelled') {
      asked.get(message.params?.requestId as string | number)?.abort()
      return
    }
    const owner = calls.find(subscriptionOf(message)) ?? (UNRELATED.has(method) ? undefined : call)
    if (owner) owner.request.onNotification?.(message)
    else options.notification(message)
  }

  function answer(id: string | number, rest: string): void {
    options.answer(Buffer.from(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},${rest}}`))
  }

  function request(message: Message, call: Call | undefined): void {
    const id = message.id as string | number
    if (message.method === 'ping') answer(id, '"result":{}')
    else if (asked.has(id) || asked.size >= MAX_ASKED) answer(id, TOO_MANY)
    else ask(message, id, call)
  }

  function ask(message: Message, id: string | number, call: Call | undefined): void {
    const caller = new Cancellation()
    const request = { message, caller, tell: options.answer }
    const answering = call?.request.onRequest?.(request) ?? options.request(request)
    if (!answering) {
      answer(id, NOBODY)
      return
    }
    asked.set(id, caller)
    const release = calls.hold(call?.id)
    answering
      .then((bytes) => {
        if (!caller.aborted) options.answer(bytes)
      })
      .catch((error: unknown) => {
        if (caller.aborted) return
        answer(id, isAppError(error, 'DISPATCH_ABORTED') ? WITHDRAWN : FAILED)
        if (!isAppError(error, 'DISPATCH_ABORTED'))
          log.error({ error, method: message.method }, 'a request of the server was not answered')
      })
      .finally(() => {
        asked.delete(id)
        release()
      })
  }

  function route(message: Message, call: Call | undefined): void {
    if (message.kind === 'request') request(message, call)
    else if (message.kind === 'notification') notification(message, call)
    else if (!calls.settle(message)) stray(message)
  }

  const inbox = (message: Message, call?: Call): void => {
    try {
      route(message, call)
    } catch (error) {
      // a listener that throws must not take the connection, and all who use it, with it
      log.error({ error, method: message.method }, 'a message of the server could not be handed on')
    }
  }
  return Object.assign(inbox, {
    close() {
      for (const caller of asked.values()) caller.abort()
    },
  })
}

// the id of the subscriptions/listen a notification belongs to (patterns/subscriptions); ids of ours are numbers
function subscriptionOf(message: Message): number {
  const meta = isObject(message.params) ? message.params._meta : undefined
  const id = isObject(meta) ? meta[META.subscriptionId] : undefined
  return typeof id === 'number' ? id : Number(typeof id === 'string' && id !== '' ? id : Number.NaN)
}
