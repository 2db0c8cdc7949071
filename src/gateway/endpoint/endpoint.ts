// The MCP endpoint on HTTP: POST, GET and DELETE of both eras become calls to the dispatcher, and their answers responses.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { AppError, isAppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Trace } from '../../engine/context.ts'
import { checkModernHeaders } from '../../wire/headers.ts'
import { type Message, readableId, readMessage } from '../../wire/message.ts'
import { claimsModern, eraOf, isLegacyRevision, META, MODERN } from '../../wire/revision.ts'
import { type Answer, denialAnswer, refusalAnswer } from '../answer.ts'
import { dispatchNotification, dispatchRequest } from '../dispatcher.ts'
import { type Call, createExchange, type Exchange, type Room } from '../exchange.ts'
import { clientOf, createOpenings, openingDenied } from '../opening.ts'
import type { Session } from '../session.ts'
import { readBody } from './body.ts'
import { createHostCheck } from './hosts.ts'
import {
  type Accepts,
  acceptedBy,
  createOutbound,
  type HttpOutbound,
  isMediaType,
} from './outbound.ts'
import { createReply, type HttpRequestPayload, httpPayload, type Reply, sendable } from './reply.ts'
import { openStream } from './stream.ts'

/** `surface` is what conditions and the audit see: `http` on our own listener, `express` when mounted. */
export type HttpHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  surface: string,
) => Promise<void>

interface Visit {
  readonly exchange: Exchange
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly reply: Reply
  /** Headers as the http points left them. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** Lets go of the runtime before the visit ends: a stream outlives generations. */
  readonly release: () => void
}

/** One handler for every MCP request over HTTP, whatever server it is mounted in. Never rejects. */
export function createEndpoint(room: Room): HttpHandler {
  const openings = createOpenings(room.clock.now)
  const hostChecks = new WeakMap<object, ReturnType<typeof createHostCheck>>()
  const checkHost = (exchange: Exchange, request: IncomingMessage) => {
    const { listen } = exchange.runtime
    let check = hostChecks.get(listen)
    if (!check) {
      check = createHostCheck(listen)
      hostChecks.set(listen, check)
    }
    check(request)
  }

  return async (request, response, surface) => {
    let exchange: Exchange
    try {
      exchange = createExchange(room, surface, traceparentOf(request))
    } catch (error) {
      return unavailable(response, error)
    }
    const release = exchange.runtime.pin()
    // as far as it can be known before the body is read; a modern body without this header is refused
    if (claimsModern(request.headers['mcp-protocol-version']?.toString()))
      exchange.identity.era = 'modern'
    const payload = httpPayload(request, pathOf(request))
    const reply = createReply(room, exchange, payload, response)
    try {
      // every request passes its point, also one that is refused right after
      const headers = await passHttp(room, exchange, payload, reply)
      if (headers) {
        checkHost(exchange, request)
        const left = { ...request.headers, ...headers } as Visit['headers']
        await route({ exchange, request, response, reply, headers: left, release })
      }
    } catch (error) {
      await refuse(room, exchange, reply, error)
    } finally {
      release()
    }
  }

  function route(visit: Visit): Promise<void> {
    switch (visit.request.method) {
      case 'POST':
        return post(visit)
      case 'GET':
        return get(visit)
      case 'DELETE':
        return end(visit)
      default:
        throw new AppError('WIRE_METHOD_NOT_ALLOWED', 'this endpoint takes POST, GET and DELETE')
    }
  }

  async function post(visit: Visit): Promise<void> {
    const { exchange, headers } = visit
    const { limits } = exchange.runtime
    if (!isMediaType(headers['content-type'], 'application/json'))
      throw new AppError('WIRE_UNSUPPORTED_MEDIA', 'the body must be application/json')
    const accepts = acceptedBy(headers.accept)
    if (!accepts.json && !accepts.stream)
      throw new AppError('WIRE_NOT_ACCEPTABLE', 'accept application/json and text/event-stream')
    const bytes = await readBody(
      visit.request,
      { bytes: limits.body, timeout: limits.header_timeout },
      room.clock,
    )
    let message: Message
    try {
      message = readMessage(bytes, limits)
    } catch (error) {
      // a refusal names the request it refuses, where that can be read
      return refuse(room, exchange, visit.reply, error, readableId(bytes, limits))
    }
    exchange.identity.method = message.method ?? ''
    exchange.identity.trace ??= traceOf(message)
    exchange.identity.era = eraOf(message, headers['mcp-protocol-version'])
    if (exchange.identity.era === 'modern') await postModern(visit, message, accepts)
    else await postLegacy(visit, message, accepts)
  }

  async function postModern(visit: Visit, message: Message, accepts: Accepts): Promise<void> {
    const { exchange, reply, headers, response } = visit
    try {
      checkModernHeaders(headers, message)
    } catch (error) {
      return refuse(room, exchange, reply, error, message.id)
    }
    const meta = (isObject(message.params?._meta) ? message.params._meta : {}) as JsonObject
    const client = clientOf(meta[META.clientInfo])
    exchange.identity.client = client
    exchange.identity.sessionLabels = room.labelsOf(exchange.identity.principal, client)
    const declared = meta[META.clientCapabilities]
    const seed = {
      client,
      revision: MODERN,
      capabilities: isObject(declared) ? (declared as JsonObject) : {},
    }
    // in this era the end of the response is the end of the request; observers of one that was answered still run
    response.once('close', () => {
      if (!response.writableFinished) exchange.request.abort()
    })
    let opening: Awaited<ReturnType<typeof openings>>
    try {
      opening = await openings(exchange, seed)
    } catch (error) {
      return refuse(room, exchange, reply, error, message.id)
    }
    const outbound = createOutbound(visit.reply, accepts)
    const call: Call = {
      exchange,
      message,
      revision: MODERN,
      session: undefined,
      capabilities: seed.capabilities,
      outbound,
      headers,
      room,
    }
    if ('violation' in opening) {
      room.report.finished(exchange, 'denied', opening.violation.code)
      return reply.json(openingDenied(call, opening.violation))
    }
    await answer(visit, { ...call, capabilities: opening.capabilities }, outbound)
  }

  async function postLegacy(visit: Visit, message: Message, accepts: Accepts): Promise<void> {
    const { exchange, reply, headers } = visit
    const outbound = createOutbound(visit.reply, accepts)
    if (message.method === 'initialize' && message.kind === 'request') {
      const call: Call = {
        exchange,
        message,
        revision: '',
        session: undefined,
        capabilities: {},
        outbound,
        headers,
        room,
      }
      const opened: Answer & { sessionId?: string } = await dispatchRequest(call)
      const extra: Record<string, string> = opened.sessionId
        ? { 'mcp-session-id': opened.sessionId }
        : {}
      return outbound.finish({ ...opened, headers: { ...opened.headers, ...extra } })
    }
    const session = sessionOf(visit)
    exchange.identity.session = session.id
    exchange.identity.sessionLabels = session.labels
    exchange.identity.client = session.client
    const call: Call = {
      exchange,
      message,
      revision: session.revision,
      session,
      capabilities: session.capabilities,
      outbound,
      headers,
      room,
    }
    if (message.kind === 'result' || message.kind === 'error') {
      // an answer to a request the gateway never relays: taken, and gone
      room.report.dropped('answer to nothing')
      return reply.empty(202)
    }
    await answer(visit, call, outbound)
  }

  async function answer({ reply }: Visit, call: Call, outbound: HttpOutbound): Promise<void> {
    if (call.message.kind === 'notification') {
      await dispatchNotification(call)
      return reply.empty(202)
    }
    if (call.message.kind !== 'request')
      throw new AppError(
        'WIRE_INVALID_REQUEST',
        'the message is neither a request nor a notification',
      )
    await outbound.finish(await dispatchRequest(call))
  }

  function sessionOf({ exchange, headers }: Visit): Session {
    const revision = headers['mcp-protocol-version']
    if (revision !== undefined && !isLegacyRevision(revision)) {
      throw new AppError(
        'WIRE_UNSUPPORTED_VERSION',
        `the protocol version ${revision.slice(0, 32)} is not supported`,
      )
    }
    return room.sessions.get(headers['mcp-session-id'], exchange.identity.principal)
  }

  async function get(visit: Visit): Promise<void> {
    const { reply, exchange, headers, response } = visit
    if (headers['mcp-protocol-version'] === MODERN) return notAllowed(reply)
    if (!acceptedBy(headers.accept).stream)
      throw new AppError('WIRE_NOT_ACCEPTABLE', 'accept text/event-stream')
    const session = sessionOf(visit)
    exchange.identity.session = session.id
    const max = exchange.runtime.limits.streams_per_session
    await openStream(room, max, session, { reply, response, opened: visit.release })
  }

  async function end(visit: Visit): Promise<void> {
    if (visit.headers['mcp-protocol-version'] === MODERN) return notAllowed(visit.reply)
    room.sessions.end(sessionOf(visit), 'client')
    await visit.reply.empty(200)
  }
}

function notAllowed(reply: Reply): Promise<void> {
  return reply.empty(405, { allow: 'POST' })
}

/** The headers to go on with; null when the request has been answered. */
async function passHttp(
  room: Room,
  exchange: Exchange,
  payload: HttpRequestPayload,
  reply: Reply,
): Promise<Record<string, string> | null> {
  const runner = exchange.runtime.generation.runner('http_pre_request')
  if (!runner) return {}
  const outcome = await runner.dispatch(payload, exchange.request, {})
  const { requestId, era } = exchange.identity
  switch (outcome.kind) {
    case 'pass':
      return changedHeaders(payload.headers, outcome.payload.headers)
    case 'fault':
      throw outcome.fault
    case 'deny':
      room.report.finished(exchange, 'denied', outcome.violation.code)
      await reply.json(denialAnswer('http', outcome.violation, { id: undefined, requestId, era }))
      return null
    case 'respond': {
      const { status, headers, body } = outcome.answer
      // an interim status would leave the client waiting, and node writes no other
      if (status < 200 || status > 599)
        throw new AppError('PLUGIN_PATCH_INVALID', 'a policy answered with no HTTP status')
      room.report.finished(exchange, 'ok', undefined)
      await reply.json({
        bytes: Buffer.from(JSON.stringify(body ?? null)),
        status,
        ...(headers ? { headers: sendable(headers) } : {}),
      })
      return null
    }
  }
}

// what plugins saw redacted is not written back
function changedHeaders(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): Record<string, string> {
  const changed: Record<string, string> = {}
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (before[name] !== after[name]) changed[name.toLowerCase()] = after[name] as string
  }
  return changed
}

// the path that was routed by: the target may be a whole URL or have a fragment, and policies must not read another path in it
function pathOf(request: IncomingMessage & { path?: string; baseUrl?: string }): string {
  const path = request.path ?? (request.url ?? '/').split('?', 1)[0] ?? '/'
  // Express gives a mounted handler the path below the mount; what the client asked for is both
  return request.baseUrl ? request.baseUrl + (path === '/' ? '' : path) : path
}

/** Before the start and after the end there is no runtime to answer with. */
function unavailable(response: ServerResponse, error: unknown): void {
  const fault = isAppError(error)
    ? error
    : new AppError('INTERNAL', 'the gateway failed', { cause: error })
  const { bytes } = refusalAnswer(undefined, fault, '')
  response
    .writeHead(fault.http, { 'content-type': 'application/json', 'retry-after': '5' })
    .end(bytes)
}

/** A request that could not be taken at all. */
async function refuse(
  room: Room,
  exchange: Exchange,
  reply: Reply,
  error: unknown,
  id?: string | number,
): Promise<void> {
  const fault = isAppError(error)
    ? error
    : new AppError('INTERNAL', 'the gateway failed', { cause: error })
  room.report.raised(exchange, fault, exchange.identity.method || 'http')
  room.report.finished(exchange, 'fault', fault.code)
  if (reply.gone) return
  const answer = refusalAnswer(id, fault, exchange.identity.requestId)
  const allow: Record<string, string> =
    fault.code === 'WIRE_METHOD_NOT_ALLOWED' ? { allow: 'POST, GET, DELETE' } : {}
  // the rest of a body that was refused unread would be taken for the next request
  const close: Record<string, string> =
    fault.code === 'WIRE_TOO_LARGE' || fault.code === 'WIRE_TIMEOUT' ? { connection: 'close' } : {}
  await reply.json({ ...answer, headers: { ...answer.headers, ...allow, ...close } })
}

// W3C Trace Context, section 3.2: ids of zeros and version ff are not valid
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

function traceOf(message: Message): Trace | undefined {
  const meta = message.params?._meta
  const given = isObject(meta) ? meta.traceparent : undefined
  return typeof given === 'string' && TRACEPARENT.test(given) ? { traceparent: given } : undefined
}

function traceparentOf(request: IncomingMessage): string | undefined {
  const { traceparent } = request.headers
  return typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : undefined
}
