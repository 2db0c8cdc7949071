// Where a redirect leads and what may travel with it; it sends nothing.
import { AppError } from '../base/errors.ts'
import type { EgressResponse, Outgoing } from './request.ts'

const REDIRECTS = new Set([301, 302, 303, 307, 308])
// across origins only what says nothing about who asks; a key may stand in any other header
const HARMLESS = new Set(['accept', 'accept-language', 'user-agent'])

/** The next request, or null when the response is the answer. Throws EGRESS_REFUSED. */
export function follow(outgoing: Outgoing, response: EgressResponse): Outgoing | null {
  const location = response.headers.location
  if (!REDIRECTS.has(response.status) || location === undefined) return null
  const url = URL.parse(location, outgoing.url.href)
  if (!url) throw new AppError('EGRESS_REFUSED', 'the redirect leads to no URL')
  if (outgoing.url.protocol === 'https:' && url.protocol !== 'https:') {
    throw new AppError('EGRESS_REFUSED', 'the redirect leaves https')
  }
  const elsewhere = url.origin !== outgoing.url.origin
  const headers = elsewhere
    ? pick(outgoing.headers, (name) => HARMLESS.has(name))
    : outgoing.headers
  if (keepsMethod(outgoing.method, response.status)) {
    if (elsewhere && outgoing.body !== undefined) {
      throw new AppError('EGRESS_REFUSED', 'the redirect would send the body to another origin')
    }
    return { ...outgoing, url, headers }
  }
  return {
    url,
    method: 'GET',
    headers: pick(headers, (name) => !name.startsWith('content-')),
    body: undefined,
  }
}

// RFC 9110 section 15.4: 301 and 302 turn a POST into a GET, 303 everything but HEAD
function keepsMethod(method: string, status: number): boolean {
  if (status === 303) return method === 'GET' || method === 'HEAD'
  if (status === 301 || status === 302) return method !== 'POST'
  return true
}

function pick(
  headers: Readonly<Record<string, string>>,
  wanted: (name: string) => boolean,
): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => wanted(name)))
}
