// POST on the MCP endpoint: one message of either era becomes a call to the dispatcher, and its answer the response.
import { AppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import { checkModernHeaders } from '../../wire/headers.ts'
import { type Message, readableId, readMessage } from '../../wire/message.ts'
import {
  eraOf,
  isLegacyRevision,
  LEGACY_REVISIONS,
  META,
  MODERN,
  MODERN_REVISIONS,
} from '../../wire/revision.ts'
import type { Answer } from '../answer.ts'
import { isBatch } from '../batch.ts'
import { dispatchNotification, dispatchRequest } from '../dispatcher.ts'
import type { Call, Room } from '../exchange.ts'
import { takeAnswer } from '../incoming.ts'
import { clientOf, createOpenings, type Opening, openingDenied } from '../opening.ts'
import type { Session } from '../session.ts'
import { postBatch } from './batch.ts'
import { readBody } from './body.ts'
import { type Accepts, acceptedBy, HttpOutbound, isMediaType } from './outbound.ts'
import { refuse } from './refusal.ts'
import { traceOf } from './trace.ts'
import type { Visit } from './visit.ts'

/** Rejects with what `refuse` answers. */
export function createPost(room: Room): (visit: Visit) => Promise<void> {
  const openings = createOpenings(room.clock.now)

  return async (visit) => {
    const { exchange, headers } = visit
    const { identity, runtime } = exchange
    const { limits } = runtime
    if (!isMediaType(headers['content-type'], 'application/json'))
      throw new AppError(
        'WIRE_UNSUPPORTED_MEDIA',
        'the body is not application/json; send Content-Type: application/json',
      )
    const accepts = acceptedBy(headers.accept)
    if (!accepts.json && !accepts.stream)
      throw new AppError('WIRE_NOT_ACCEPTABLE', 'accept application/json and text/event-stream')
    const bounds = { bytes: limits.body, timeout: limits.header_timeout }
    const bytes = await readBody(visit.request, bounds, room.wheel)
    let message: Message
    try {
      message = readMessage(bytes, limits)
    } catch (error) {
      if (isBatch(error)) return postBatch({ room, visit, accepts, sessionOf }, bytes)
      // a refusal names the request it refuses, where that can be read
      return refuse(room, exchange, visit.reply, error, readableId(bytes, limits))
    }
    identity.method = message.method ?? ''
    identity.trace ??= traceOf(message)
    identity.era = eraOf(message, headers['mcp-protocol-version'])
    const answering =
      identity.era === 'modern' ? modern(visit, message, accepts) : legacy(visit, message, accepts)
    await answering
  }

  // not async, as nothing is waited for but policies on openings: each async function of a call costs it a promise and a frame
  function modern(visit: Visit, message: Message, accepts: Accepts): Promise<void> {
    const { exchange, reply, headers, response } = visit
    const { identity } = exchange
    try {
      checkModernHeaders(headers, message)
    } catch (error) {
      return refuse(room, exchange, reply, error, message.id)
    }
    const meta = (isObject(message.params?._meta) ? message.params._meta : {}) as JsonObject
    const client = clientOf(meta[META.clientInfo])
    identity.client = client
    identity.sessionLabels = room.labelsOf(identity.principal, client)
    const declared = meta[META.clientCapabilities]
    const asked = isObject(declared) ? (declared as JsonObject) : {}
    // in this era the end of the response is the end of the request; observers of one that was answered still run
    response.once('close', () => {
      if (!response.writableFinished) exchange.request.abort()
    })
    const call = callOf(visit, message, accepts, { revision: MODERN, capabilities: asked })
    const opening = openings(exchange, { client, revision: MODERN, capabilities: asked })
    return opening instanceof Promise ? opened(visit, call, opening) : answer(visit, call)
  }

  async function opened(visit: Visit, call: HttpCall, deciding: Promise<Opening>): Promise<void> {
    const { exchange, reply } = visit
    let opening: Opening
    try {
      opening = await deciding
    } catch (error) {
      return refuse(room, exchange, reply, error, call.message.id)
    }
    if (!('violation' in opening))
      return answer(visit, { ...call, capabilities: opening.capabilities })
    room.report.finished(exchange, 'denied', opening.violation.code)
    await reply.json(openingDenied(call, opening.violation))
  }

  async function legacy(visit: Visit, message: Message, accepts: Accepts): Promise<void> {
    if (message.method === 'initialize' && message.kind === 'request')
      return initialize(visit, message, accepts)
    const { identity } = visit.exchange
    const session = sessionOf(room, visit)
    const { revision, capabilities } = session
    identity.session = session.id
    identity.sessionLabels = session.labels
    identity.client = session.client
    const call = callOf(visit, message, accepts, { revision, capabilities, session })
    if (message.kind === 'result' || message.kind === 'error') {
      takeAnswer(room, session, message)
      await visit.reply.empty(202)
    } else await answer(visit, call)
  }

  async function initialize(visit: Visit, message: Message, accepts: Accepts): Promise<void> {
    const call = callOf(visit, message, accepts, { revision: '', capabilities: {} })
    const opened: Answer & { sessionId?: string } = await dispatchRequest(call)
    const extra: Record<string, string> = opened.sessionId
      ? { 'mcp-session-id': opened.sessionId }
      : {}
    await call.outbound.finish({ ...opened, headers: { ...opened.headers, ...extra } })
    // the client was not told of it
    if (opened.sessionId && call.outbound.refusal) {
      const { principal, virtualServer } = visit.exchange.identity
      const session = room.sessions.get(opened.sessionId, principal, virtualServer)
      room.sessions.end(session, 'refused')
    }
  }

  function callOf(
    { exchange, reply, headers, release }: Visit,
    message: Message,
    accepts: Accepts,
    of: Pick<Call, 'revision' | 'capabilities'> & { readonly session?: Session },
  ): HttpCall {
    const { revision, capabilities, session } = of
    const asker = { room, exchange, id: message.id, revision, session, release }
    const outbound = new HttpOutbound(reply, accepts, asker)
    return { exchange, message, revision, session, capabilities, outbound, headers, room }
  }
}

interface HttpCall extends Call {
  readonly outbound: HttpOutbound
}

async function answer({ reply }: Visit, call: HttpCall): Promise<void> {
  const { kind } = call.message
  if (kind === 'request') {
    const sent = call.outbound.finish(await dispatchRequest(call))
    if (sent instanceof Promise) await sent
  } else if (kind === 'notification') {
    await dispatchNotification(call)
    await reply.empty(202)
  } else {
    const what = 'the message is neither a request nor a notification'
    throw new AppError('WIRE_INVALID_REQUEST', what)
  }
}

/** The session a legacy request names. Throws WIRE_UNSUPPORTED_VERSION, SESSION_REQUIRED or SESSION_UNKNOWN. */
export function sessionOf(room: Room, { exchange, headers }: Visit): Session {
  const revision = headers['mcp-protocol-version']
  if (revision !== undefined && !isLegacyRevision(revision)) {
    throw new AppError(
      'WIRE_UNSUPPORTED_VERSION',
      `the protocol version ${revision.slice(0, 32)} is not supported; use one of data.supported`,
      {
        data: {
          supported: [...MODERN_REVISIONS, ...LEGACY_REVISIONS],
          requested: revision.slice(0, 64),
        },
      },
    )
  }
  const { principal, virtualServer } = exchange.identity
  return room.sessions.get(headers['mcp-session-id'], principal, virtualServer)
}
