// The section `identity`: its JSON Schema and type; nothing is read or verified here.
// Over 300 lines because it is a table.
import type { Resolved } from '../config/schema/resolved.ts'

const texts = (description: string) =>
  ({
    type: 'array',
    minItems: 1,
    items: { type: 'string', minLength: 1 },
    description,
  }) as const

const roleNames = (description: string) =>
  ({
    type: 'array',
    items: { type: 'string', minLength: 1 },
    uniqueItems: true,
    description,
  }) as const

const TENANT = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  description: 'the tenant it belongs to',
} as const

const PRINCIPAL_ID = {
  type: 'string',
  minLength: 1,
  maxLength: 256,
  pattern: '^[^\\s#|]+$',
  'x-expects': 'a name without white space, # and |',
  description: 'the id of the principal',
} as const

const RULE = {
  type: 'object',
  description: 'what the role may do; everything that is given has to match',
  additionalProperties: false,
  required: ['actions'],
  properties: {
    actions: texts('rights, such as mcp:tool.call; * stands for any run of characters'),
    servers: texts('names of servers; exact, with * a glob, or between slashes an RE2 expression'),
    tools: texts("names of tools, the servers' own"),
    prompts: texts("names of prompts, the servers' own"),
    resources: texts('URIs of resources; * stops at a slash, ** does not'),
    tenants: texts('tenants of what is asked for; "*" alone reaches into every tenant'),
    entities: texts('kinds of entities, or kind/id, of the admin API'),
  },
} as const

const ROLE = {
  type: 'object',
  description: 'one role; a rule that denies wins over all that allow',
  additionalProperties: false,
  properties: {
    allow: { type: 'array', items: RULE, default: [], description: 'what the role may do' },
    deny: {
      type: 'array',
      items: RULE,
      default: [],
      description: 'what whoever has the role may not do, whatever other roles allow',
    },
    inherits: roleNames('roles whose rules it has, too'),
  },
} as const

const KEY = {
  type: 'object',
  description: 'one API key; the key itself stands nowhere',
  additionalProperties: false,
  required: ['id', 'hash', 'principal'],
  properties: {
    id: {
      type: 'string',
      pattern: '^[a-z0-9][a-z0-9-]{2,31}$',
      'x-expects': '3 to 32 lower-case letters, digits and -',
      description: 'the part of the key between pcl_ and the next _',
    },
    hash: {
      type: 'string',
      pattern: '^sha256:[0-9a-f]{64}$',
      'x-expects': 'sha256: and 64 hexadecimal digits, never the key itself',
      'x-secret': true,
      description: 'SHA-256 of the whole key',
    },
    principal: { ...PRINCIPAL_ID, description: 'whose key it is' },
    kind: {
      enum: ['user', 'service'],
      default: 'service',
      description: 'what the principal is',
    },
    roles: roleNames('roles of whoever shows the key'),
    tenant: TENANT,
    expires: {
      type: 'string',
      pattern: '^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2})?Z)?$',
      'x-expects': 'a date such as 2027-01-31 or 2027-01-31T12:00:00Z',
      description: 'when it ends, UTC; without it never',
    },
    scopes: texts('rights that the key is for, of those that its roles give; without it all'),
    revoked: { type: 'boolean', default: false, description: 'the key is no longer accepted' },
  },
} as const

/** Asymmetric only: a key that verifies can then never be one that signs. */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const

export type Algorithm = (typeof ALGORITHMS)[number]

const URL_PATTERN = '^https?://[^\\s/?#@"\\\\]+(?:[/?][^\\s#"\\\\]*)?$'

const ISSUER = {
  type: 'object',
  description: 'one authorization server',
  additionalProperties: false,
  required: ['issuer'],
  properties: {
    issuer: {
      type: 'string',
      pattern: URL_PATTERN,
      'x-expects': 'an https URL without credentials and fragment',
      description: 'its identifier, exactly as in the claim iss',
    },
    name: {
      type: 'string',
      pattern: '^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$',
      'x-expects': 'letters, digits, "." and "-"',
      description: 'stands before # in the ids of its principals; without it the issuer does',
    },
    jwks_uri: {
      type: 'string',
      pattern: URL_PATTERN,
      'x-expects': 'an https URL without credentials and fragment',
      description: 'where its keys are; without it they are found through its metadata (RFC 8414)',
    },
    algorithms: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { enum: ALGORITHMS },
      default: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'],
      description: 'signatures that are accepted',
    },
    audiences: texts(
      'audiences that are accepted beside identity.oauth.audience, for issuers without RFC 8707',
    ),
    roles_claim: {
      type: 'string',
      minLength: 1,
      description:
        'the claim that names roles, members of members with dots; without it tokens bring no roles',
    },
    tenant_claim: {
      type: 'string',
      minLength: 1,
      description: 'the claim that names the tenant; a token without it is refused then',
    },
    tenant: { ...TENANT, description: 'the tenant of all principals of this issuer' },
  },
} as const

const OAUTH = {
  type: 'object',
  description: 'accept JWT access tokens of these issuers (OAuth 2.1 resource server)',
  additionalProperties: false,
  required: ['issuers', 'audience'],
  properties: {
    issuers: { type: 'array', minItems: 1, items: ISSUER, description: 'who may issue tokens' },
    audience: {
      type: 'string',
      pattern: URL_PATTERN,
      'x-expects': 'an https URL without credentials and fragment',
      description: 'the canonical URI of this gateway (RFC 8707), as clients write it',
    },
    required_scopes: {
      type: 'array',
      uniqueItems: true,
      items: { type: 'string', pattern: '^[!#-\\[\\]-~]+$', 'x-expects': 'a scope (RFC 6749)' },
      default: [],
      description: 'scopes that every token must have',
    },
    scopes: {
      type: 'object',
      default: {},
      additionalProperties: {
        type: 'string',
        pattern: '^[!#-\\[\\]-~]+$',
        'x-expects': 'a scope (RFC 6749)',
      },
      description: 'what needs a scope of its own: right, with * a glob, to scope',
    },
    clock_skew: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description: 'by how much clocks may differ; at most 5m',
    },
    metadata: {
      type: 'object',
      description: 'what the document of RFC 9728 says beside what is known',
      additionalProperties: false,
      default: {},
      properties: {
        name: { type: 'string', minLength: 1, description: 'resource_name' },
        documentation: { type: 'string', pattern: URL_PATTERN, description: 'an address' },
        policy_uri: { type: 'string', pattern: URL_PATTERN, description: 'an address' },
        tos_uri: { type: 'string', pattern: URL_PATTERN, description: 'an address' },
      },
    },
  },
} as const

const MAPPING = {
  type: 'object',
  description: 'whose certificate it is: the first entry that matches',
  additionalProperties: false,
  minProperties: 1,
  properties: {
    spiffe: texts('SPIFFE ids; * stops at a slash'),
    dns: texts('DNS names of the certificate'),
    uri: texts('URIs of the certificate'),
    email: texts('e-mail addresses of the certificate'),
    common_name: texts('common names of its subject; only where it has no alternative names'),
    principal: {
      ...PRINCIPAL_ID,
      description: 'id of the principal; without it what matched, such as dns:ci.example.com',
    },
    roles: roleNames('roles of the principal'),
    tenant: TENANT,
  },
} as const

const MTLS = {
  type: 'object',
  description: 'accept client certificates, which listen.tls.client_ca verifies',
  additionalProperties: false,
  properties: {
    trust_domains: texts('SPIFFE trust domains whose ids are principals, also without a mapping'),
    map: { type: 'array', items: MAPPING, default: [], description: 'who is who, first match' },
  },
} as const

const PRINCIPAL = {
  type: 'object',
  description: 'what is known of one principal',
  additionalProperties: false,
  required: ['id'],
  properties: {
    id: { type: 'string', minLength: 1, maxLength: 512, description: 'its id, exactly' },
    tenant: { ...TENANT, description: 'its tenant, where its credential names none' },
    disabled: { type: 'boolean', default: false, description: 'its credentials are refused' },
  },
} as const

const GRANT = {
  type: 'object',
  description: 'roles for whoever matches; everything that is given has to match',
  additionalProperties: false,
  required: ['roles'],
  anyOf: [{ required: ['principals'] }, { required: ['claims'] }],
  properties: {
    principals: texts('ids of principals; a pattern never matches the anonymous one'),
    claims: {
      type: 'object',
      minProperties: 1,
      additionalProperties: texts('values of the claim'),
      description: 'claims of tokens, by name; members of members with dots',
    },
    issuers: texts('issuers or their names; a grant by claims should say whose claims'),
    roles: {
      type: 'array',
      minItems: 1,
      items: { type: 'string', minLength: 1 },
      description: 'roles that they have',
    },
  },
} as const

/** The section `identity`: who may connect, and what they may. */
export const IDENTITY_SCHEMA = {
  type: 'object',
  description: 'who may connect, and what they may do',
  additionalProperties: false,
  default: {},
  properties: {
    anonymous: {
      enum: ['allow', 'deny'],
      default: 'allow',
      description: 'whether a client may connect without credentials; its principal has no roles',
    },
    api_keys: { type: 'boolean', default: false, description: 'accept API keys' },
    keys: { type: 'array', items: KEY, default: [], description: 'declared API keys' },
    oauth: OAUTH,
    mtls: MTLS,
    principals: { type: 'array', items: PRINCIPAL, default: [], description: 'known principals' },
    grants: { type: 'array', items: GRANT, default: [], description: 'who has which roles' },
    roles: {
      type: 'object',
      default: {},
      additionalProperties: ROLE,
      description:
        'roles beside the built-in ones; everyone, which all have, may be given other rules',
    },
  },
} as const

export type IdentityOptions = Resolved<typeof IDENTITY_SCHEMA>
export type OAuthOptions = NonNullable<IdentityOptions['oauth']>
export type IssuerOptions = OAuthOptions['issuers'][number]
export type MtlsOptions = NonNullable<IdentityOptions['mtls']>
export type KeyOptions = IdentityOptions['keys'][number]
export type GrantOptions = IdentityOptions['grants'][number]
export type RoleOptions = IdentityOptions['roles'][string]
export type RuleOptions = RoleOptions['allow'][number]

/** Whether credentials mean anything: without, nobody asks for them and no authenticator is needed. */
export function needsAuthenticator(options: IdentityOptions): boolean {
  const { anonymous, api_keys, oauth, mtls } = options
  return anonymous === 'deny' || api_keys || oauth !== undefined || mtls !== undefined
}
