// The section `tls` of an appraisal policy: its shape in memory and as closed JSON Schema; what it means is in tls.ts.
import type { RevocationPolicy } from '../path/revocation.ts'

/** One member each. `spki`: `sha256:<hex>` of the SubjectPublicKeyInfo. */
export type IdentityRule =
  | { readonly spiffe_id: string }
  | { readonly spiffe_trust_domain: string }
  | { readonly dns: string }
  | { readonly spki: string }

export interface TlsPolicy {
  /** Names of configured anchors; several while one takes over from the other. */
  readonly anchors: readonly string[]
  readonly min_version: 'TLSv1.2' | 'TLSv1.3'
  readonly mtls: 'required' | 'any'
  readonly identity: { readonly any_of: readonly IdentityRule[] }
  readonly max_validity_days?: number
  /** `plain`: authorities that leave key identifiers out. */
  readonly profile: 'strict' | 'plain'
  readonly revocation: RevocationPolicy
}

const text = (pattern: string, expects: string, description: string) =>
  ({ type: 'string', pattern, 'x-expects': expects, description }) as const

const IDENTITY = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
  properties: {
    spiffe_id: text(
      '^spiffe://[a-z0-9._-]{1,255}/(?:[A-Za-z0-9._-]+/)*(?:[A-Za-z0-9._-]+|\\*)$',
      'a SPIFFE ID, or one that ends in /* for all below it',
      'the SPIFFE ID of the server',
    ),
    spiffe_trust_domain: text(
      '^[a-z0-9._-]{1,255}$',
      'a trust domain such as prod.example',
      'any SPIFFE ID of this trust domain',
    ),
    dns: text(
      '^[A-Za-z0-9.:-]{1,253}$',
      'a host name without wildcard, or an IP address',
      'a subject alternative name that the certificate must stand for; its common name never counts',
    ),
    spki: text('^sha256:[0-9a-f]{64}$', 'sha256: and 64 hex digits', 'digest of the public key'),
  },
} as const

const REVOCATION = {
  type: 'object',
  description: 'whether certificates of the chain are revoked; the anchor is not asked about',
  additionalProperties: false,
  default: {},
  properties: {
    mode: {
      enum: ['require', 'prefer', 'off'],
      default: 'require',
      description:
        'require: a source must say good; prefer: as well, unless there is none to ask; off: nobody is asked',
    },
    sources: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { enum: ['ocsp-staple', 'crl', 'ocsp'] },
      default: ['ocsp-staple', 'crl', 'ocsp'],
      description: 'in the order they are asked; the first answer counts',
    },
    max_age: {
      type: 'string',
      format: 'duration',
      default: '24h',
      description: 'how long ago a list or an answer may have been fetched',
    },
    clock_skew: {
      type: 'string',
      format: 'duration',
      default: '120s',
      description: 'how far the clock of whoever answers may be ahead',
    },
  },
} as const

/** The section `tls`. */
export const TLS_SECTION = {
  type: 'object',
  description: 'who the server is, by its certificate',
  additionalProperties: false,
  required: ['anchors', 'identity'],
  properties: {
    anchors: {
      type: 'array',
      minItems: 1,
      maxItems: 32,
      uniqueItems: true,
      items: { type: 'string', pattern: '^[a-z0-9][a-z0-9._-]{0,63}$' },
      description: 'names of attestation.anchors, or of trust domains in attestation.spiffe',
    },
    min_version: {
      enum: ['TLSv1.2', 'TLSv1.3'],
      default: 'TLSv1.3',
      description: 'oldest version that is spoken',
    },
    mtls: {
      enum: ['required', 'any'],
      default: 'any',
      description:
        'required: the server must refuse a handshake without a client certificate, and say so by an alert',
    },
    identity: {
      type: 'object',
      description: 'who it must be',
      additionalProperties: false,
      required: ['any_of'],
      properties: { any_of: { type: 'array', minItems: 1, maxItems: 64, items: IDENTITY } },
    },
    max_validity_days: {
      type: 'integer',
      minimum: 1,
      maximum: 36500,
      description: 'longest life of the certificate of the server',
    },
    profile: {
      enum: ['strict', 'plain'],
      default: 'strict',
      description:
        'strict: certificates as RFC 5280 wants them issued; plain: of authorities that leave key identifiers and the like out',
    },
    revocation: REVOCATION,
  },
} as const
