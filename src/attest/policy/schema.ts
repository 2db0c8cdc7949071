// What an appraisal policy may say, as closed JSON Schema; sections of kinds of evidence come from beside their verifiers.
import { BINDINGS } from '../evidence/envelope.ts'
import { EVIDENCE_TYPES } from '../evidence/evidence.ts'
import { DATE_IN_WORDS, DATE_PATTERN } from './date.ts'

/** The part of JSON Schema that sections are written in; rooms write plain `as const` objects. */
export type SectionSchema = { readonly [keyword: string]: unknown }

/** Pattern of a digest, or of a value that is none. */
const DIGEST =
  '(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}|raw:[0-9a-f]{2,128})'
const REFERENCE_ID = 'rv:[A-Za-z0-9][A-Za-z0-9._-]{0,127}'
const DIGEST_IN_WORDS = 'a digest in lower case hex such as sha384:..., or raw:...'

/** A list of reference values in a section: ids of `reference_values`, or digests written out. Empty: nothing matches. */
export const REFERENCE_LIST = {
  type: 'array',
  maxItems: 256,
  items: {
    type: 'string',
    pattern: `^(?:${REFERENCE_ID}|${DIGEST})$`,
    'x-expects': `an id of reference_values such as rv:build-12, or ${DIGEST_IN_WORDS}`,
  },
} as const

const date = (description: string) =>
  ({ type: 'string', pattern: DATE_PATTERN, 'x-expects': DATE_IN_WORDS, description }) as const

const duration = (value: string, description: string) =>
  ({ type: 'string', format: 'duration', default: value, description }) as const

const VERSION = {
  type: 'string',
  pattern: '^[0-9]{1,9}(?:\\.[0-9]{1,9}){0,5}$',
  'x-expects': 'numbers and dots such as 6.12.9',
} as const

const TYPE_LIST = {
  type: 'array',
  minItems: 1,
  uniqueItems: true,
  items: { enum: EVIDENCE_TYPES },
} as const

const BUILDS = {
  type: 'object',
  description:
    'what the matched reference values must say of the build; one that says nothing of it does not count',
  additionalProperties: false,
  properties: {
    image_digests: {
      type: 'array',
      maxItems: 256,
      items: {
        type: 'string',
        pattern: '^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$',
        'x-expects': 'an image digest such as sha256:...',
      },
      description: 'images that are allowed; an empty list allows none',
    },
    kernel: { ...VERSION, description: 'oldest version of the kernel' },
    firmware: { ...VERSION, description: 'oldest version of the firmware' },
  },
} as const

const EVIDENCE = {
  type: 'object',
  description: 'what the server shows of what it runs on and what it runs',
  additionalProperties: false,
  required: ['require'],
  properties: {
    require: {
      description: 'kinds of evidence that must be there, each with a section here; or none',
      type: ['string', 'object'],
      pattern: '^none$',
      'x-expects': 'none, or a mapping of any_of and all_of',
      additionalProperties: false,
      minProperties: 1,
      properties: { any_of: TYPE_LIST, all_of: TYPE_LIST },
    },
    freshness: {
      type: 'object',
      description: 'how it is shown to be of now',
      additionalProperties: false,
      default: {},
      properties: {
        nonce: {
          const: 'required',
          default: 'required',
          description: 'evidence answers a challenge',
        },
        challenge_ttl: duration('120s', 'how old a challenge may be'),
        max_evidence_age: duration('300s', 'how old evidence may be that says when it was made'),
      },
    },
    binding: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { enum: BINDINGS },
      default: ['spki'],
      description:
        'what of the connection it must name: spki, the key of the certificate; exporter, this very connection',
    },
    builds: BUILDS,
  },
} as const

const PACKAGE = {
  type: 'object',
  description: 'for a server that is a command: what may be started',
  additionalProperties: false,
  required: ['reference'],
  properties: {
    reference: {
      type: 'object',
      description: 'SHA-256 of files; an empty list allows none',
      additionalProperties: false,
      required: ['command'],
      properties: {
        command: { ...REFERENCE_LIST, description: 'the program' },
        files: {
          ...REFERENCE_LIST,
          default: [],
          description: 'arguments that are files; each of them must be in the list',
        },
      },
    },
  },
} as const

const REFERENCE_VALUES = {
  type: 'object',
  description: 'known builds, by the ids that lists of this policy name',
  propertyNames: { pattern: `^${REFERENCE_ID}$` },
  additionalProperties: {
    type: 'object',
    additionalProperties: false,
    required: ['values'],
    properties: {
      values: {
        type: 'array',
        maxItems: 64,
        items: { type: 'string', pattern: `^${DIGEST}$`, 'x-expects': DIGEST_IN_WORDS },
        description: 'what is measured when this build runs',
      },
      image_digest: {
        type: 'string',
        pattern: '^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$',
        'x-expects': 'an image digest such as sha256:...',
        description: 'the image it is made from',
      },
      kernel: { ...VERSION, description: 'version of its kernel' },
      firmware: { ...VERSION, description: 'version of its firmware' },
      not_after: date('the last day on which it is accepted'),
      provenance: { type: 'string', maxLength: 512, description: 'where it comes from' },
    },
  },
  default: {},
} as const

const RESULT = {
  type: 'object',
  description: 'how long a result holds and when it is asked for anew',
  additionalProperties: false,
  default: {},
  properties: {
    ttl: duration('6h', 'longest time that a result holds; whatever ends earlier ends it earlier'),
    reattest: {
      type: 'object',
      description: 'when the server is attested again',
      additionalProperties: false,
      default: {},
      properties: {
        interval: duration('1h', 'time between two attestations; shorter than ttl'),
        jitter: {
          type: 'string',
          pattern: '^(?:[0-9]|[1-4][0-9]|50)%$',
          'x-expects': 'a share of the interval from 0% to 50%',
          default: '10%',
          description: 'how far the interval is varied, so that servers do not all attest at once',
        },
        on: {
          type: 'array',
          uniqueItems: true,
          items: { enum: ['tls-key-change', 'policy-change', 'collateral-revoked'] },
          default: ['tls-key-change', 'policy-change', 'collateral-revoked'],
          description: 'what has it attested at once',
        },
      },
    },
    on_failure: {
      enum: ['quarantine'],
      default: 'quarantine',
      description: 'what becomes of a server that no longer attests: it gets no calls',
    },
  },
} as const

/** The shape of a policy without `tls` and the sections of kinds of evidence. */
export const POLICY_BASE = {
  type: 'object',
  additionalProperties: false,
  required: ['version', 'id'],
  properties: {
    version: { const: 1, description: 'the version of this format' },
    id: {
      type: 'string',
      pattern: '^[a-z0-9][a-z0-9._-]{0,63}$',
      'x-expects': 'a-z, 0-9, ".", "_" and "-"',
      description: 'how servers and results name it',
    },
    description: { type: 'string', maxLength: 1024, description: 'what it is for' },
    applies_to: {
      type: 'object',
      description:
        'servers it is for, besides those that name it in servers[].attestation; both lists must agree where both are given',
      additionalProperties: false,
      minProperties: 1,
      properties: {
        servers: {
          type: 'array',
          items: { type: 'string', minLength: 1, maxLength: 512 },
          description: 'names or SPIFFE IDs; a * stands for any text without a /, ** for any text',
        },
        tags: {
          type: 'array',
          items: { type: 'string', minLength: 1 },
          description: 'tags, one of which the server has',
        },
      },
    },
    mode: {
      enum: ['enforce', 'observe'],
      default: 'enforce',
      description: 'observe: a server that fails is admitted all the same, and that is recorded',
    },
    evidence: EVIDENCE,
    package: PACKAGE,
    reference_values: REFERENCE_VALUES,
    result: RESULT,
  },
} as const

/** The schema of a whole policy, given the section `tls` and those of `evidence`. */
export function policySchema(
  tls: SectionSchema | undefined,
  sections: Readonly<Record<string, SectionSchema>>,
): SectionSchema {
  const { properties } = POLICY_BASE
  const evidence = { ...EVIDENCE, properties: { ...EVIDENCE.properties, ...sections } }
  return {
    ...POLICY_BASE,
    properties: { ...properties, ...(tls === undefined ? {} : { tls }), evidence },
  }
}
