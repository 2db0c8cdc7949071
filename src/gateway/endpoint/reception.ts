// What every HTTP request to the gateway passes, whatever it is for: its points, the check of its host, and who sent it; who takes it on is told.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { claimsModern } from '../../wire/revision.ts'
import { createAuthentication } from '../access/credentials.ts'
import { createExchange, type Exchange, type Room } from '../exchange.ts'
import type { ListenOptions } from '../options.ts'
import { createHostCheck } from './hosts.ts'
import { httpPayload, passHttp, pathOf } from './http-point.ts'
import { refuse, unavailable } from './refusal.ts'
import { Reply } from './reply.ts'
import { traceparentOf } from './trace.ts'
import type { Headers, Visit } from './visit.ts'

/** `surface` is what conditions and the audit see: `http` on our own listener, `express` when mounted, `sse` for HTTP+SSE. */
export type HttpHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  surface: string,
  virtualServer?: string,
) => Promise<void>

/** Never rejects. `known`: nobody gets in without the authenticator; only what says how to pass it is for everybody. */
export function createReception(
  room: Room,
  take: (visit: Visit) => void | Promise<void>,
  known = true,
): HttpHandler {
  const checkHost = hostChecks()
  const authenticate = createAuthentication()

  return async (request, response, surface, virtualServer) => {
    let exchange: Exchange
    try {
      exchange = createExchange(room, surface, traceparentOf(request), virtualServer)
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
      const authenticating = known ? authenticate(exchange, request, headers) : undefined
      if (authenticating) await authenticating
      await take({ exchange, request, response, reply, headers, release })
    } catch (error) {
      await refuse(room, exchange, reply, error)
    } finally {
      release()
    }
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
