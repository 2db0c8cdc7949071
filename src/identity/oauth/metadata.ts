// The protected resource metadata of the gateway (RFC 9728) and where it stands; whoever serves HTTP serves it.
import type { JsonObject } from '../../base/json.ts'
import type { OAuthOptions } from '../options.ts'

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** The document, as JSON. */
export function resourceMetadata(options: OAuthOptions): JsonObject {
  const { audience, issuers, required_scopes, scopes, metadata } = options
  const supported = [...new Set([...required_scopes, ...Object.values(scopes)])]
  return {
    resource: audience,
    authorization_servers: issuers.map(({ issuer }) => issuer),
    bearer_methods_supported: ['header'],
    ...(supported.length > 0 && { scopes_supported: supported }),
    ...(metadata.name !== undefined && { resource_name: metadata.name }),
    ...(metadata.documentation !== undefined && { resource_documentation: metadata.documentation }),
    ...(metadata.policy_uri !== undefined && { resource_policy_uri: metadata.policy_uri }),
    ...(metadata.tos_uri !== undefined && { resource_tos_uri: metadata.tos_uri }),
  }
}

/** The paths below which it is served: that of the audience, and the root, where clients look next. */
export function metadataPaths({ audience }: Pick<OAuthOptions, 'audience'>): readonly string[] {
  const path = new URL(audience).pathname.replace(/\/$/, '')
  return path === '' ? [WELL_KNOWN] : [`${WELL_KNOWN}${path}`, WELL_KNOWN]
}

/** Its address, for `resource_metadata` of challenges (RFC 9728 section 3.1: inserted between host and path). */
export function metadataAddress({ audience }: Pick<OAuthOptions, 'audience'>): string {
  const { origin, search } = new URL(audience)
  return `${origin}${metadataPaths({ audience })[0]}${search}`
}
