// The section `attestation`: its JSON Schema and type; nothing is read or verified here, and nothing of the room is loaded.
import type { Resolved } from '../config/schema/resolved.ts'
import { DATE_IN_WORDS, DATE_PATTERN } from './policy/date.ts'

const date = (description: string) =>
  ({ type: 'string', pattern: DATE_PATTERN, 'x-expects': DATE_IN_WORDS, description }) as const

const FILE = { type: 'string', 'x-path': true, description: 'the certificates, in PEM' } as const
const PEM = { type: 'string', minLength: 1, description: 'or the PEM itself' } as const

const ANCHOR = {
  type: 'object',
  description: 'one CA, or several that are one to policies',
  additionalProperties: false,
  properties: {
    file: FILE,
    pem: PEM,
    not_before: date('the first day on which it is trusted'),
    not_after: date('the last day on which it is trusted'),
  },
} as const

/** Families of evidence whose vendor roots come with the gateway; a further one is a root of a test. */
export const PINNED_FAMILIES = ['amd', 'azure', 'google', 'intel', 'nitro'] as const
/** Families whose roots are those that the operator names; of AWS one for each region, named `aws-iid-<region>`. */
export const NAMED_FAMILIES = ['tpm-ak', 'tpm-ek', 'aws-iid'] as const

const ROOT = {
  type: 'object',
  description: 'one root',
  additionalProperties: false,
  required: ['family'],
  properties: {
    family: {
      enum: [...PINNED_FAMILIES, ...NAMED_FAMILIES],
      description: 'the evidence it is for',
    },
    file: FILE,
    pem: PEM,
    synthetic: {
      type: 'boolean',
      default: false,
      description:
        'a root of a test: what leads to it is marked synthetic. Needed for amd, azure, google, intel and nitro, whose genuine roots are built in',
    },
  },
} as const

const BUNDLE = {
  type: 'object',
  description: 'the bundle of one trust domain',
  additionalProperties: false,
  properties: {
    file: { type: 'string', 'x-path': true, description: 'the bundle, or the first one to trust' },
    url: {
      type: 'string',
      pattern: '^https://[^\\s/?#@]+(?:[/?][^\\s#]*)?$',
      'x-expects': 'an https URL without credentials and fragment',
      description: 'its bundle endpoint',
    },
    profile: {
      enum: ['https_web', 'https_spiffe'],
      default: 'https_web',
      description: 'how the endpoint is authenticated: by the web PKI, or by an SVID',
    },
    endpoint_spiffe_id: {
      type: 'string',
      pattern: '^spiffe://[a-z0-9._-]+/[A-Za-z0-9._/-]+$',
      'x-expects': 'a SPIFFE ID',
      description: 'whose SVID it is, for https_spiffe',
    },
  },
} as const

/** The section `attestation`. Absent: no server is attested, and the room is not loaded. */
export const ATTESTATION_SCHEMA = {
  type: 'object',
  description: 'servers prove who they are and what they run before they are admitted',
  additionalProperties: false,
  properties: {
    require: {
      enum: ['all', 'matched'],
      default: 'matched',
      description: 'all: a server that no policy is for is refused; matched: it is admitted',
    },
    policies: {
      type: 'array',
      items: { type: 'string', minLength: 1, 'x-path': true },
      default: [],
      description: 'files of appraisal policies; a * may stand in the file name',
    },
    anchors: {
      type: 'object',
      description: 'CAs that chains of servers may lead to, by the names policies use',
      propertyNames: { pattern: '^[a-z0-9][a-z0-9._-]{0,63}$' },
      additionalProperties: ANCHOR,
      default: {},
    },
    roots: {
      type: 'object',
      description:
        'roots for evidence besides those that are built in, by name; of aws-iid one for each region, such as aws-iid-eu-west-1',
      propertyNames: { pattern: '^[a-z0-9][a-z0-9._-]{0,63}$' },
      additionalProperties: ROOT,
      default: {},
    },
    client: {
      type: 'object',
      description: 'the certificate by which the gateway proves who it is to attested servers',
      additionalProperties: false,
      required: ['cert_file', 'key_file'],
      properties: {
        cert_file: { type: 'string', 'x-path': true, description: 'the chain, in PEM' },
        key_file: { type: 'string', 'x-path': true, description: 'its key, in PEM' },
      },
    },
    challenge_ttl: {
      type: 'string',
      format: 'duration',
      default: '120s',
      description: 'how long a challenge may be answered; a policy may ask for less',
    },
    clock_skew: {
      type: 'string',
      format: 'duration',
      default: '60s',
      description: 'how far clocks may differ',
    },
    deadline: {
      type: 'string',
      format: 'duration',
      default: '5s',
      description: 'longest time for one appraisal, fetching not counted',
    },
    collateral: {
      type: 'object',
      description: 'revocation lists, TCB information and key sets',
      additionalProperties: false,
      default: {},
      properties: {
        directory: {
          type: 'string',
          'x-path': true,
          description: 'documents that the operator supplies, named in its index.json',
        },
        fetch: {
          type: 'boolean',
          default: true,
          description: 'false: only what is supplied is used',
        },
      },
    },
    spiffe: {
      type: 'object',
      description: 'trust bundles of SPIFFE, by trust domain',
      propertyNames: { pattern: '^[a-z0-9._-]{1,255}$' },
      additionalProperties: BUNDLE,
      default: {},
    },
  },
} as const

export type AttestationOptions = Resolved<typeof ATTESTATION_SCHEMA>
