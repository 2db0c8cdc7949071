// The one way of every API request: origin, rate, route, who, whether, parameters, body, handler, answer; no handler checks any of it again.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { AppError, isAppError } from '../base/errors.ts'
import type { Principal } from '../engine/context.ts'
import type { Target } from '../identity/access.ts'
import type { ApiHandle } from './handle.ts'
import { problemOf } from './problem.ts'
import { assertNoBody, readBody } from './request/body.ts'
import { readCondition } from './request/etag.ts'
import { assertOwnOrigin } from './request/guard.ts'
import { readIdempotencyKey } from './request/idempotency.ts'
import { createQueryReader, type QueryReader, readId } from './request/parameters.ts'
import { createRateLimit, type RateLimit } from './request/rate.ts'
import { assertFits, type Check, createCheck } from './request/schema.ts'
import type { Call, Route } from './route.ts'
import { BASE, createRouter, type Matched, type Router } from './router.ts'
import { sendAnswer, sendProblem } from './send.ts'

export type Pipeline = (request: IncomingMessage, response: ServerResponse) => Promise<void>

interface Parts {
  readonly api: ApiHandle
  readonly router: Router
  readonly perAddress: RateLimit
  readonly perPrincipal: RateLimit
  readonly readers: ReadonlyMap<Route, { readonly query: QueryReader; readonly body: Check }>
}

/** Never rejects. */
export function createPipeline(api: ApiHandle, routes: readonly Route[]): Pipeline {
  const { clock, rate } = api
  const parts: Parts = {
    api,
    router: createRouter(routes),
    perAddress: createRateLimit({ name: 'address', perMinute: rate.address, clock }),
    perPrincipal: createRateLimit({ name: 'principal', perMinute: rate.principal, clock }),
    readers: new Map(
      routes.map((route) => [
        route,
        { query: createQueryReader(route.query), body: createCheck(route.body?.check ?? {}) },
      ]),
    ),
  }
  return async (request, response) => {
    const requestId = api.createId()
    const headers: Record<string, string> = { 'x-request-id': requestId }
    const trail: Trail = { requestId, headers }
    try {
      await run(parts, request, response, trail)
    } catch (error) {
      tell(api, request, trail, error)
      if (response.headersSent) return void response.destroy()
      const problem = problemOf(error, requestId)
      if (problem.status >= 500)
        api.log.error({ requestId, code: problem.code, error }, 'the admin API failed')
      sendProblem(request, response, problem, headers)
    }
  }
}

/** Attempts are told, and as many as the limits let through: what is answered 429 is not. */
function tell({ refused }: ApiHandle, request: IncomingMessage, trail: Trail, error: unknown) {
  if (!refused || !isAppError(error)) return
  const { code, message: reason } = error
  if (code !== 'AUTH_INVALID' && code !== 'AUTH_DENIED') return
  // a decision has been told where it was made
  if (error.data?.right !== undefined || error.data?.scopes !== undefined) return
  const { requestId, principal, found } = trail
  const { operation, right } = found?.route ?? {}
  const id = found?.id === '' ? undefined : found?.id.slice(0, MOST_SHOWN)
  const address = request.socket.remoteAddress
  refused({ code, reason, requestId, principal, operation, right, id, address })
}

/** Of an id in the audit, as it stood in the path. */
const MOST_SHOWN = 256

interface Trail {
  readonly requestId: string
  principal?: Principal
  found?: Matched
  /** Grows as the limits are passed; every answer has them. */
  readonly headers: Record<string, string>
}

async function run(
  parts: Parts,
  request: IncomingMessage,
  response: ServerResponse,
  trail: Trail,
): Promise<void> {
  const { requestId, headers } = trail
  const { api, router, perAddress, perPrincipal } = parts
  assertOwnOrigin(request.headers)
  const { path, query } = targetOf(request)
  Object.assign(headers, perAddress.take(request.socket.remoteAddress ?? ''))
  const found = router.match(request.method ?? '', path)
  if ('allow' in found) {
    response.writeHead(204, { ...headers, allow: found.allow }).end()
    return
  }
  trail.found = found
  const principal = await authenticate(api, request, query)
  trail.principal = principal
  Object.assign(headers, perPrincipal.take(`${principal.tenant ?? ''}\0${principal.id}`))
  const { route } = found
  const id = route.path.includes('{id}') ? readId(found.id) : ''
  await authorise(api, route, { principal, requestId })
  const call = await readCall(parts, request, { route, id, query, principal, requestId })
  const answer = await route.handle(call, api)
  await sendAnswer(request, response, answer, { more: headers, call })
}

interface RequestTarget {
  /** Below BASE. */
  readonly path: string
  readonly query: URLSearchParams
}

function targetOf({ url = '/' }: IncomingMessage): RequestTarget {
  const at = url.indexOf('?')
  const path = at < 0 ? url : url.slice(0, at)
  return { path: path.slice(BASE.length), query: new URLSearchParams(at < 0 ? '' : url.slice(at)) }
}

/** Nobody is anonymous here, whatever the MCP endpoint allows. */
async function authenticate(
  { authenticator }: ApiHandle,
  request: IncomingMessage,
  query: URLSearchParams,
): Promise<Principal> {
  const { socket, headers, rawHeaders } = request
  // of two, whoever stands before us may have read the other one
  if (rawHeaders.filter((name, at) => at % 2 === 0 && /^authorization$/i.test(name)).length > 1)
    throw new AppError('AUTH_INVALID', 'there are several Authorization headers', {
      data: { error: 'invalid_request' },
    })
  const principal = await authenticator.authenticate({
    authorization: headers.authorization,
    certificate: certificateOf(socket as TLSSocket),
    address: socket.remoteAddress,
    queryToken: query.has('access_token'),
    told: true,
  })
  if (principal.kind === 'anonymous')
    throw new AppError('AUTH_REQUIRED', 'the admin API takes no request without credentials')
  return principal
}

function certificateOf(socket: TLSSocket): Uint8Array | undefined {
  if (!socket.encrypted || !socket.authorized) return undefined
  return socket.getPeerX509Certificate?.()?.raw
}

interface Asker {
  readonly principal: Principal
  readonly requestId: string
}

/** Each request is decided about once: what is about an entity by the registry, which knows its id and whose it is. */
async function authorise(api: ApiHandle, route: Route, { principal, requestId }: Asker) {
  const { right, kind, reach } = route
  if (right === undefined || kind !== undefined) return
  const tenant = reach === 'gateway' ? undefined : principal.tenant
  const target: Target = { kind: 'gateway', tenant }
  const decision = await api.authorise({ principal, right, target, requestId })
  if (decision.allowed) return
  throw new AppError('AUTH_DENIED', `${right}: ${decision.reason}`, {
    data: { scopes: decision.scopes ?? [] },
  })
}

interface Unread extends Asker {
  readonly id: string
  readonly route: Route
  readonly query: URLSearchParams
}

async function readCall(
  { api, readers }: Parts,
  request: IncomingMessage & { readonly baseUrl?: string },
  { route, id, query, principal, requestId }: Unread,
): Promise<Call> {
  const { headers } = request
  const reader = readers.get(route)
  const values = reader?.query(query) ?? {}
  const ifMatch = readCondition('If-Match', textOf(headers['if-match']))
  const ifNoneMatch = readCondition('If-None-Match', textOf(headers['if-none-match']))
  const key = textOf(headers['idempotency-key'])
  const body = await bodyOf(api, request, route)
  if (body !== undefined && reader) assertFits(reader.body, body, 'API_BODY')
  const path = (request.url ?? '').slice(BASE.length)
  const keyed = { principal, method: route.method, path, body }
  return {
    principal,
    requestId,
    id,
    query: values,
    body,
    ifMatch,
    ifNoneMatch,
    idempotency: route.headers.includes('Idempotency-Key')
      ? readIdempotencyKey(key, keyed)
      : undefined,
    base: `${request.baseUrl ?? ''}${BASE}`,
    cursors: api.cursors,
  }
}

async function bodyOf(api: ApiHandle, request: IncomingMessage, { body: rules }: Route) {
  if (rules === undefined) {
    assertNoBody(request)
    return undefined
  }
  const { clock, bodyTimeout: timeout } = api
  return readBody(request, { ...rules, clock, timeout, readJson: api.readJson })
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header
}
