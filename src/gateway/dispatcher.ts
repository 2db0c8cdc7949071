// The one dispatcher below every transport: a message comes in, passes its points, and an answer goes out.
import { AppError, isAppError } from '../base/errors.ts'
import { type Message, readMessage } from '../wire/message.ts'
import { type Answer, faultAnswer } from './answer.ts'
import type { Call } from './exchange.ts'
import { instanceOf } from './links.ts'
import { type Method, methodOf } from './methods.ts'
import { passNotification } from './notification/notifications.ts'
import type { Session } from './session.ts'

/** Never rejects: whatever goes wrong becomes an answer. */
export async function dispatchRequest(call: Call): Promise<Answer> {
  const { exchange, message, room, session } = call
  const { request, identity } = exchange
  const id = message.id as string | number
  const inflight = call.inflight ?? session?.inflight
  try {
    const method = methodOf(identity.method, identity.era)
    if (inflight?.has(id))
      throw new AppError(
        'WIRE_INVALID_REQUEST',
        'a request with this id is still in flight in this session',
      )
    inflight?.set(id, request)
    try {
      const answer = await method.handle(call)
      assertDecided(call, method, answer)
      room.report.finished(exchange, answer.outcome ?? 'ok', answer.code)
      return answer
    } finally {
      inflight?.delete(id)
    }
  } catch (error) {
    const refused = call.outbound.refusal
    if (refused) {
      room.report.finished(exchange, refused.outcome ?? 'fault', refused.code)
      return refused
    }
    const fault = isAppError(error)
      ? error
      : new AppError('INTERNAL', 'the gateway failed', { cause: error })
    room.report.raised(exchange, fault, identity.method)
    room.report.finished(exchange, 'fault', fault.code)
    return faultAnswer(id, fault, identity.requestId, identity.era)
  }
}

/** A way of answering that nobody asked for permission must not be one: the answer is withheld. */
function assertDecided({ exchange }: Call, { needs }: Method, { outcome }: Answer): void {
  const { runtime, decided } = exchange
  if (needs === 'nothing' || runtime.access === null || decided || outcome === 'denied') return
  throw new AppError('INTERNAL', 'a request was answered without a permission decision')
}

/** A client's notification: passes its point, then does what it is for. Nothing a client says without an id goes upstream as it is. */
export async function dispatchNotification(call: Call): Promise<void> {
  const { exchange, message, room, session } = call
  const passed = await passNotification(
    room,
    exchange,
    exchange.request,
    message,
    'client_to_server',
  )
  if (!passed) return
  const heard = passed.bytes === message.bytes ? message : readMessage(passed.bytes)
  if (message.method === 'notifications/cancelled') {
    const id = passed.params?.requestId
    const inflight = call.inflight ?? session?.inflight
    if (typeof id === 'string' || typeof id === 'number') inflight?.get(id)?.abort()
  }
  if (message.method === 'notifications/progress') session?.asking?.progress(heard)
  if (message.method === 'notifications/roots/list_changed' && session)
    tellRoots(call, session, heard)
  // initialized needs nothing
}

/** Only servers that this session has a connection to of its own know that it has roots. */
function tellRoots({ exchange, room }: Call, session: Session, message: Message): void {
  for (const { own } of exchange.runtime.upstreams.values()) {
    const told = own?.link(instanceOf(session))?.notify(message)
    told?.catch((error: unknown) =>
      room.log.debug({ error }, 'a server was not told that roots have changed'),
    )
  }
}
