// The MCP endpoint on HTTP: every request passes its point and the host check, then POST, GET or DELETE takes it on.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { AppError } from '../../base/errors.ts'
import { claimsModern, MODERN } from '../../wire/revision.ts'
import { createExchange, type Exchange, type Room } from '../exchange.ts'
import type { ListenOptions } from '../options.ts'
import { createHostCheck } from './hosts.ts'
import { httpPayload, passHttp, pathOf } from './http-point.ts'
import { acceptedBy } from './outbound.ts'
import { createPost, sessionOf } from './post.ts'
import { refuse, unavailable } from './refusal.ts'
import { Reply } from './reply.ts'
import { openStream, resumeStream } from './stream.ts'
import { traceparentOf } from './trace.ts'
import type { Headers, Visit } from './visit.ts'

/** `surface` is what conditions and the audit see: `http` on our own listener, `express` when mounted. */
export type HttpHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  surface: string,
) => Promise<void>

/** One handler for every MCP request over HTTP, whatever server it is mounted in. Never rejects. */
export function createEndpoint(room: Room): HttpHandler {
  const post = createPost(room)
  const checkHost = hostChecks()

  return async (request, response, surface) => {
    let exchange: Exchange
    try {
      exchange = createExchange(room, surface, traceparentOf(request))
    } catch (error) {
      return unavailable(response, error)
    }
    const release = exchange.runtime.pin()
    // as far as it can be known before the body is read; a modern body without this header is refused
    const version = request.headers['mcp-protocol-version']
    if (typeof version === 'string' && claimsModern(version)) exchange.identity.era = 'modern'
    const { generation, listen } = exchange.runtime
    const pre = generation.runner('http_pre_request')
    const shown = pre ?? generation.runner('http_post_request')
    const payload = shown ? httpPayload(request, pathOf(request)) : undefined
    const reply = new Reply(room, exchange, payload, response)
    try {
      let headers = request.headers as Headers
      if (pre && payload) {
        // every request passes its point, also one that is refused right after
        const changed = await passHttp(pre, room, exchange, payload, reply)
        if (!changed) return
        headers = { ...headers, ...changed }
      }
      checkHost(listen, request)
      await route({ exchange, request, response, reply, headers, release })
    } catch (error) {
      await refuse(room, exchange, reply, error)
    } finally {
      release()
    }
  }

  function route(visit: Visit): void | Promise<void> {
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

  function get(visit: Visit): void | Promise<void> {
    const { reply, exchange, headers } = visit
    if (headers['mcp-protocol-version'] === MODERN) return notAllowed(reply)
    if (!acceptedBy(headers.accept).stream)
      throw new AppError('WIRE_NOT_ACCEPTABLE', 'accept text/event-stream')
    const session = sessionOf(room, visit)
    exchange.identity.session = session.id
    const last = headers['last-event-id']
    return last === undefined
      ? openStream(room, session, visit)
      : resumeStream(room, session, visit, last)
  }

  function end(visit: Visit): void | Promise<void> {
    if (visit.headers['mcp-protocol-version'] === MODERN) return notAllowed(visit.reply)
    room.sessions.end(sessionOf(room, visit), 'client')
    return visit.reply.empty(200)
  }
}

/** Compiled once per configuration of the listener. */
function hostChecks(): (listen: ListenOptions, request: IncomingMessage) => void {
  const checks = new WeakMap<object, ReturnType<typeof createHostCheck>>()
  return (listen, request) => {
    let check = checks.get(listen)
    if (!check) {
      check = createHostCheck(listen)
      checks.set(listen, check)
    }
    check(request)
  }
}

function notAllowed(reply: Reply): void | Promise<void> {
  return reply.empty(405, { allow: 'POST' })
}
