// Where the keys of an issuer are, from its metadata (RFC 8414 section 3, OpenID Connect Discovery section 4); it reads no key.
import { fetchJson, type Reach } from './document.ts'

/** The addresses at which an issuer may have its metadata, in the order in which MCP clients try them, too. */
export function metadataAddresses(issuer: string): string[] {
  const { origin, pathname, search } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [
    `${origin}/.well-known/oauth-authorization-server${path}${search}`,
    `${origin}/.well-known/openid-configuration${path}${search}`,
    ...(path === '' ? [] : [`${origin}${path}/.well-known/openid-configuration${search}`]),
  ]
}

/** Rejects when no metadata of the issuer can be had. */
export async function discoverKeys(issuer: string, timeout: number, reach: Reach): Promise<string> {
  const end = reach.clock.now() + timeout
  for (const address of metadataAddresses(issuer)) {
    const left = end - reach.clock.now()
    if (left <= 0) throw new Error('its metadata was not found in time')
    const metadata = await fetchJson(address, left, reach)
    if (metadata === undefined) continue
    // one issuer must not be taken for another (RFC 8414 section 3.3, RFC 9207)
    if (metadata.issuer !== issuer) throw new Error('its metadata is that of another issuer')
    if (typeof metadata.jwks_uri !== 'string') throw new Error('its metadata names no jwks_uri')
    return safe(metadata.jwks_uri, issuer)
  }
  throw new Error('it has no metadata; set jwks_uri')
}

// keys that come in the clear could be anybody's, unless the issuer itself does: that is on loopback
function safe(address: string, issuer: string): string {
  const url = URL.parse(address)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== new URL(issuer).protocol))
    throw new Error('its jwks_uri is no https URL')
  if (url.protocol === 'http:' && url.hostname !== new URL(issuer).hostname)
    throw new Error('its jwks_uri is no https URL')
  return url.href
}
