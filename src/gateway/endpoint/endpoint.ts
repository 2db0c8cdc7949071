// The MCP endpoint on HTTP: POST, GET and DELETE of both eras become calls to the dispatcher, and their answers responses.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { AppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import { checkModernHeaders } from '../../wire/headers.ts'
import { type Message, readableId, readMessage } from '../../wire/message.ts'
import { claimsModern, eraOf, isLegacyRevision, META, MODERN } from '../../wire/revision.ts'
import type { Answer } from '../answer.ts'
import { dispatchNotification, dispatchRequest } from '../dispatcher.ts'
import { type Call, createExchange, type Exchange, type Room } from '../exchange.ts'
import { clientOf, createOpenings, openingDenied } from '../opening.ts'
import type { Session } from '../session.ts'
import { readBody } from './body.ts'
import { createHostCheck } from './hosts.ts'
import { passHttp, pathOf } from './http-point.ts'
import {
  type Accepts,
  acceptedBy,
  createOutbound,
  type HttpOutbound,
  isMediaType,
} from './outbound.ts'
import { refuse, unavailable } from './refusal.ts'
import { createReply, httpPayload, type Reply } from './reply.ts'
import { openStream } from './stream.ts'
import { traceOf, traceparentOf } from './trace.ts'

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
