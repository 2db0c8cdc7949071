// Who may speak to the API at all: no page of another origin, whatever credentials it has; it looks at headers only.
import type { IncomingHttpHeaders } from 'node:http'
import { AppError } from '../../base/errors.ts'

/** What a browser says of a request that no other page made. */
const OWN_SITES: readonly unknown[] = [undefined, 'same-origin', 'none']

/**
 * There is no CORS: a page elsewhere could read nothing, and here it can send nothing either (Fetch Metadata, RFC 6454).
 * Throws API_ORIGIN_REFUSED.
 */
export function assertOwnOrigin(headers: IncomingHttpHeaders): void {
  if (!OWN_SITES.includes(headers['sec-fetch-site']))
    throw new AppError('API_ORIGIN_REFUSED', 'Sec-Fetch-Site says that another site sent this')
  const { origin, host } = headers
  if (origin !== undefined && hostOf(origin) !== host?.toLowerCase())
    throw new AppError('API_ORIGIN_REFUSED', 'the Origin header names another origin than Host')
}

// "null" is the origin of a page that has none
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}
