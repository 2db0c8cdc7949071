// HTTP+SSE, the transport of 2024-11-05: GET opens a session and its stream, POST hands in messages, whose answers come on the stream.
import { AppError } from '../../base/errors.ts'
import { type Message, readableId, readMessage } from '../../wire/message.ts'
import { isOwner } from '../access/owner.ts'
import type { Answer, RpcId } from '../answer.ts'
import { dispatchNotification, dispatchRequest } from '../dispatcher.ts'
import type { Call, Outbound, Room } from '../exchange.ts'
import type { Session } from '../session.ts'
import { readBody } from './body.ts'
import { pathOf } from './http-point.ts'
import { acceptedBy, isMediaType } from './outbound.ts'
import { createReception, type HttpHandler } from './reception.ts'
import { refuse } from './refusal.ts'
import { SseConnection } from './sse-connection.ts'
import { traceOf } from './trace.ts'
import type { Visit } from './visit.ts'

/** Requests of one client that wait for their answers. */
const MAX_REQUESTS = 64

export interface Sse {
  /** Never rejects. Where it is served is a matter of the configuration; gone from there, it ends its streams. */
  readonly handle: HttpHandler
  /** Ends the streams, those without a session among them, so that a draining server is not held open by them. */
  drain(): void
}

export function createSse(room: Room): Sse {
  const connections = new Map<string, SseConnection>()
  const handle = createReception(room, (visit) => {
    // whatever a header says: nothing newer is spoken here
    visit.exchange.identity.era = 'legacy'
    switch (visit.request.method) {
      case 'GET':
        return open(visit)
      case 'POST':
        return take(visit)
      default:
        return visit.reply.empty(405, ALLOWED)
    }
  })
  return {
    handle,
    drain() {
      for (const connection of connections.values()) connection.end()
    },
  }

  async function open({ exchange, headers, request, response, reply, release }: Visit) {
    if (!acceptedBy(headers.accept).stream)
      throw new AppError(
        'WIRE_NOT_ACCEPTABLE',
        'an event stream is all that is offered here; send Accept: text/event-stream',
      )
    const { limits } = exchange.runtime
    if (connections.size >= limits.sessions)
      throw new AppError('SESSION_LIMIT', `all ${limits.sessions} streams are in use`)
    // unguessable, and no proof of anything: a message passes the same checks as any other
    const id = room.createId()
    const url = `${pathOf(request)}?sessionId=${id}`
    const wanted = () => isServed(room)
    const connection = new SseConnection({ id, room, exchange, reply, response, url, wanted })
    // reserved before anything is awaited
    connections.set(id, connection)
    let cancel = () => {}
    try {
      if (!(await connection.open())) return
      // from now on each message passes the points of the generation of its time
      release()
      cancel = room.clock.after(limits.header_timeout, () => {
        if (!connection.session) connection.end()
      })
      await connection.closed()
    } finally {
      cancel()
      connections.delete(id)
      for (const waiting of connection.requests) waiting.abort()
      if (connection.session) room.sessions.end(connection.session, 'stream ended')
    }
  }

  async function take(visit: Visit): Promise<void> {
    const { exchange, headers, request, reply } = visit
    const id = sessionIdOf(request.url)
    // a client that tries Streamable HTTP first goes on to GET when it is told so
    if (id === undefined) return reply.empty(405, ALLOWED)
    const { limits } = exchange.runtime
    const connection = connectionOf(id, visit)
    if (!isMediaType(headers['content-type'], 'application/json'))
      throw new AppError(
        'WIRE_UNSUPPORTED_MEDIA',
        'the body is not application/json; send Content-Type: application/json',
      )
    const bounds = { bytes: limits.body, timeout: limits.header_timeout }
    const bytes = await readBody(request, bounds, room.wheel)
    let message: Message
    try {
      message = readMessage(bytes, limits)
      assertTakes(connection, message)
    } catch (error) {
      return refuse(room, exchange, reply, error, readableId(bytes, limits))
    }
    const call = callOf(visit, connection, message)
    // counted before anything is awaited
    if (message.kind === 'request') connection.requests.add(exchange.request)
    const opens = connection.session === undefined
    if (opens) connection.opening = true
    try {
      await reply.empty(202)
      if (visit.response.statusCode === 202) await perform(call, connection)
    } finally {
      connection.requests.delete(exchange.request)
      if (opens) connection.opening = false
    }
  }

  async function perform(call: Call, connection: SseConnection): Promise<void> {
    switch (call.message.kind) {
      case 'request':
        return answer(call, connection)
      case 'notification':
        return dispatchNotification(call)
      default:
        if (!call.session?.asking?.settle(call.message)) room.report.dropped('answer to nothing')
    }
  }

  async function answer(call: Call, connection: SseConnection): Promise<void> {
    const given: Answer & { sessionId?: string } = await dispatchRequest(call)
    if (given.sessionId !== undefined) {
      const session = room.sessions.get(given.sessionId, connection.principal)
      // the stream ended meanwhile: nobody would end this session
      if (connection.gone) return room.sessions.end(session, 'stream ended')
      connection.enter(session)
    }
    await connection.answer(call.exchange, call.message.id as RpcId, given)
  }

  function connectionOf(id: string, { exchange }: Visit): SseConnection {
    const connection = connections.get(id)
    if (!connection || !isOwner(connection.principal, exchange.identity.principal))
      throw new AppError(
        'SESSION_UNKNOWN',
        'the stream of this session is unknown or has ended; open another with GET',
      )
    return connection
  }

  function callOf({ exchange, headers }: Visit, connection: SseConnection, message: Message): Call {
    const { identity } = exchange
    const { session } = connection
    identity.method = message.method ?? ''
    identity.trace ??= traceOf(message)
    if (session) {
      inSession(identity, session)
      room.sessions.use(session)
    }
    const { revision = '', capabilities = {} } = session ?? {}
    const outbound: Outbound = {
      notify: (sent, dropped) => connection.notify(sent, dropped, exchange),
      // what stands is of the modern era, which this transport does not have
      stand: async () => undefined,
    }
    return { exchange, message, revision, session, capabilities, outbound, headers, room }
  }
}

const ALLOWED = { allow: 'GET, POST' }

function inSession(identity: Call['exchange']['identity'], session: Session): void {
  identity.session = session.id
  identity.sessionLabels = session.labels
  identity.client = session.client
}

/** Throws SESSION_REQUIRED, SESSION_BUSY or WIRE_INVALID_REQUEST. */
function assertTakes(connection: SseConnection, { kind, method }: Message): void {
  const { session, opening, requests } = connection
  const opens = kind === 'request' && method === 'initialize'
  if (opens && (session || opening))
    throw new AppError(
      'WIRE_INVALID_REQUEST',
      'the session of this stream is open already; open another stream for another',
    )
  if (!opens && !session)
    throw new AppError(
      'SESSION_REQUIRED',
      'no session is open on this stream; send initialize first',
    )
  if (kind === 'request' && requests.size >= MAX_REQUESTS)
    throw new AppError(
      'SESSION_BUSY',
      `${MAX_REQUESTS} requests of this stream wait for their answers; wait for some`,
    )
}

function sessionIdOf(target: string | undefined): string | undefined {
  const query = target?.split('?', 2)[1]
  return (query && new URLSearchParams(query).get('sessionId')) || undefined
}

function isServed(room: Room): boolean {
  try {
    return room.current().listen.sse !== undefined
  } catch {
    return false
  }
}
