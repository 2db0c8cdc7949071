// What a caller asks for as a request that may be sent: URL, method and headers by allow-list; it reaches no one.
import { AppError } from '../base/errors.ts'
import { hostOf, portOf, type Reach } from './hosts.ts'
import type { Outgoing } from './request.ts'

/** What `prepare` reads of a caller's request. */
export interface Asked {
  readonly method?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | Uint8Array | undefined
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
// what frames a message or names its peer is ours to say
const OWN_HEADERS = new Set([
  'host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive', 'upgrade', 'te', 'trailer', 'expect', 'proxy-authorization', 'proxy-connection',
]) // biome-ignore format: a table

/** Throws EGRESS_REFUSED. */
export function prepare(text: string, request: Asked): Outgoing {
  const url = URL.parse(text)
  if (!url) throw new AppError('EGRESS_REFUSED', 'the address is no URL')
  const method = (request.method ?? 'GET').toUpperCase()
  if (!METHODS.has(method))
    throw new AppError(
      'EGRESS_REFUSED',
      'the method is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
    )
  const headers: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    if (OWN_HEADERS.has(name.toLowerCase()))
      throw new AppError('EGRESS_REFUSED', `the header ${name.toLowerCase()} may not be set`)
    headers[name.toLowerCase()] = value
  }
  headers['user-agent'] ??= 'portcullis'
  return { url, method, headers, body: request.body }
}

/** Whether a URL, the first or one of a redirect, may be asked at all. Throws EGRESS_REFUSED. */
export function checkUrl(url: URL, reach: Reach): void {
  const host = hostOf(url)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw refused(host, `${url.protocol} is not http or https`)
  if (url.username !== '' || url.password !== '') throw refused(host, 'the URL carries credentials')
  if (host === '' || host.split('.').includes('')) throw refused(host, 'the host is malformed')
  const reason = reach.refusesHost(host, portOf(url))
  if (reason) throw refused(host, reason)
}

function refused(host: string, reason: string): AppError {
  return new AppError('EGRESS_REFUSED', `${host} is not reached: ${reason}`, { data: { host } })
}
