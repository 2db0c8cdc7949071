// The sections `token`, `aws-iid` and `azure-imds` of an appraisal policy as closed JSON Schema; what they mean stands beside each verifier.
import { AZURE_CLOUDS } from '../cloud/azure-imds.ts'
import { ISSUER_DEFAULTS, MAA_TCB } from './issuers.ts'

const texts = (description: string, item: object = { maxLength: 256 }) =>
  ({
    type: 'array',
    maxItems: 256,
    items: { type: 'string', minLength: 1, ...item },
    description,
  }) as const
const flag = (description: string) =>
  ({ type: 'boolean', description: `${description}; false where it is left out` }) as const
/** With its default said in words: which ones hold depends on the type, so they are not put into the tree. */
const or = (name: keyof typeof ISSUER_DEFAULTS, description: string): string =>
  `${description}; ${JSON.stringify(ISSUER_DEFAULTS[name])} where it is left out`

const component = { type: 'integer', minimum: 0, maximum: 255 } as const

const own = (list: object) =>
  ({
    'confidential-space': {
      required: [],
      anyOf: [
        { required: ['image_digests'] },
        { required: ['reference'], properties: { reference: { required: ['image_digest'] } } },
      ],
      properties: {
        image_digests: texts('images that may run, written out', {
          pattern: '^sha256:[0-9a-f]{64}$',
          'x-expects': 'an image digest such as sha256:...',
        }),
        support: {
          type: 'array',
          uniqueItems: true,
          items: { enum: ['LATEST', 'STABLE', 'USABLE'] },
          description: or('support', 'the platform image has one of these attributes'),
        },
        audiences: texts(or('audiences', 'audiences that a token may be for')),
        hwmodels: texts(or('hwmodels', 'kinds of machine')),
        tdx_tcb_status: texts(or('tdx_tcb_status', 'of machines with TDX')),
        env_override: texts('environment variables that may be set over those of the image'),
        revocation: {
          enum: ['require', 'prefer'],
          description: or('revocation', 'require: the list of the chain must be there'),
        },
        allow_cmd_override: flag('arguments may be others than those of the image'),
      },
    },
    maa: {
      required: ['provider', 'reference', 'min_tcb'],
      anyOf: [{ properties: { reference: { required: ['launch_measurement'] } } }],
      properties: {
        provider: {
          type: 'string',
          pattern: '^https://[a-z0-9.-]{1,253}$',
          'x-expects': 'https and a host, such as https://sharedweu.weu.attest.azure.net',
          description: 'whose tokens are taken; its keys are fetched from /certs there',
        },
        min_tcb: {
          type: 'object',
          description: 'lowest version of each component',
          additionalProperties: false,
          required: MAA_TCB,
          properties: Object.fromEntries(MAA_TCB.map((name) => [name, component])),
        },
        compliance: texts(or('compliance', 'what the provider says of the machine')),
        vmpl: {
          type: 'array',
          uniqueItems: true,
          items: { type: 'integer', minimum: 0, maximum: 3 },
          description: or('vmpl', 'privilege levels a report may be made at'),
        },
        policy_hashes: texts('policies that the provider may have applied; any where left out'),
        allow_migration: flag('a migration agent may move the guest'),
        allow_insecure_boot: flag('secure boot may be off'),
      },
    },
    'gcp-identity': {
      required: ['projects'],
      properties: { service_accounts: texts('addresses of service accounts; any if left out') },
    },
    shared: {
      properties: {
        reference: {
          type: 'object',
          description: 'lists that the token must be in; an empty list allows nothing',
          additionalProperties: false,
          minProperties: 1,
          properties: { image_digest: list, launch_measurement: list },
        },
        projects: texts('projects of Google Cloud'),
        zones: texts('zones of Google Cloud; any where left out'),
        allow_debug: flag('the host may look into the guest: for tests only'),
      },
    },
  }) as const

/** Members that more than one type has, by which has them. */
const SHARED = {
  'confidential-space': ['reference', 'projects', 'zones', 'allow_debug'],
  maa: ['reference', 'allow_debug'],
  'gcp-identity': ['projects', 'zones'],
} as const
type Type = keyof typeof SHARED
const TYPES = Object.keys(SHARED) as readonly Type[]

/** `list`: the schema of a list of reference values. */
export const tokenSection = (list: object) => {
  const { shared, ...by } = own(list)
  const properties: Record<string, object> = {
    type: { enum: TYPES, description: 'the kind of token' },
    ...shared.properties,
  }
  for (const type of TYPES) Object.assign(properties, by[type].properties)
  const allOf = TYPES.map((type) => {
    const { required, properties: mine, ...more } = by[type]
    const known = new Set(['type', ...SHARED[type], ...Object.keys(mine)])
    const others = Object.keys(properties).filter((name) => !known.has(name))
    return {
      if: { required: ['type'], properties: { type: { const: type } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { required, ...more, properties: Object.fromEntries(others.map((name) => [name, false])) }, // biome-ignore format: one line
    }
  })
  return {
    type: 'object',
    description: 'tokens of services that attest machines',
    additionalProperties: false,
    required: ['issuers'],
    properties: {
      issuers: {
        type: 'array',
        maxItems: 32,
        description: 'any of them may want a token; an empty list takes none',
        items: { type: 'object', additionalProperties: false, required: ['type'], properties, allOf }, // biome-ignore format: one line
      },
    },
  } as const
}

export const AWS_IID_SECTION = {
  type: 'object',
  description: 'AWS instance identity documents: who the machine is, without freshness',
  additionalProperties: false,
  required: ['accounts'],
  properties: {
    accounts: texts('accounts', { pattern: '^[0-9]{12}$', 'x-expects': 'twelve digits' }),
    regions: texts('regions; any where left out'),
    images: texts('images (ami-...); any where left out'),
    max_age: {
      type: 'string',
      format: 'duration',
      description: 'longest time since the machine was launched; any where left out',
    },
  },
} as const

const UUID = '^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$'

export const AZURE_IMDS_SECTION = {
  type: 'object',
  description: 'attested metadata of Azure: who the machine is',
  additionalProperties: false,
  required: ['subscriptions'],
  properties: {
    subscriptions: texts('subscriptions', { pattern: UUID, 'x-expects': 'a UUID in lower case' }),
    clouds: {
      type: 'array',
      uniqueItems: true,
      items: { enum: AZURE_CLOUDS },
      default: ['metadata.azure.com'],
      description: 'domains of the signer',
    },
    revocation: {
      enum: ['require', 'prefer'],
      default: 'require',
      description: 'require: the revocation lists of the chain must be there',
    },
    max_age: {
      type: 'string',
      format: 'duration',
      default: '300s',
      description: 'longest time since it was made',
    },
  },
} as const
