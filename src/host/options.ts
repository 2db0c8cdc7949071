// The sections `plugins` and `policies`: their JSON Schemas and types; nothing is read, found or loaded here.
import type { Resolved } from '../config/schema/resolved.ts'

const TEXTS = {
  type: 'array',
  minItems: 1,
  uniqueItems: true,
  items: { type: 'string', minLength: 1 },
} as const
const NAME = {
  type: 'string',
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  maxLength: 64,
  'x-expects': 'letters, digits, ".", "_" and "-"',
} as const
const POINT = {
  type: 'string',
  pattern: '^[a-z][a-z_]*$',
  'x-expects': 'the name of a point such as tool_pre_invoke',
} as const

/** docs/pipeline.md section 7: objects are OR-ed, the fields of one object AND-ed. */
export const CONDITIONS_SCHEMA = {
  type: 'array',
  minItems: 1,
  description: 'one of these must match; all fields of one must match',
  items: {
    type: 'object',
    description: 'exact, or with * a glob, or /.../ an RE2 expression',
    additionalProperties: false,
    minProperties: 1,
    properties: {
      servers: { ...TEXTS, description: 'names of servers' },
      tools: { ...TEXTS, description: "the upstream's own names of tools" },
      prompts: { ...TEXTS, description: "the upstream's own names of prompts" },
      resources: { ...TEXTS, description: 'URIs of resources' },
      tenants: { ...TEXTS, description: 'tenants of the principal' },
      users: { ...TEXTS, description: 'ids of the principal' },
      agents: { ...TEXTS, description: 'names of the client program' },
      methods: { ...TEXTS, description: 'MCP methods' },
      roles: { ...TEXTS, description: 'roles of the principal' },
      tags: { ...TEXTS, description: 'tags of the server' },
      environments: { ...TEXTS, description: 'environment of the server' },
      eras: {
        type: 'array',
        minItems: 1,
        uniqueItems: true,
        items: { enum: ['legacy', 'modern'] },
        description: 'era of the protocol',
      },
      labels: { ...TEXTS, description: 'labels the request carries' },
      content_types: { ...TEXTS, description: 'media types of the content' },
    },
  },
} as const

const ON_ERROR = {
  enum: ['fail', 'ignore', 'disable'],
  description:
    'what a fault of the plugin does: refuse the operation, go on, or go on and open the breaker',
} as const
const BREAKER = {
  type: 'object',
  description: 'when on_error: disable stops calling the plugin',
  additionalProperties: false,
  properties: {
    faults: {
      type: 'integer',
      minimum: 1,
      default: 5,
      description: 'consecutive faults that open it',
    },
    open: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description: 'how long it stays open',
    },
  },
} as const
const SCHEDULE = {
  mode: {
    enum: ['enforce', 'permissive', 'guard', 'audit', 'background', 'disabled'],
    default: 'enforce',
    description: 'what a verdict may do and when it runs',
  },
  priority: { type: 'integer', default: 100, description: 'lower runs first; ties in file order' },
  conditions: CONDITIONS_SCHEMA,
  when: { type: 'string', minLength: 1, description: 'a CEL expression; runs only if it is true' },
  timeout: { type: 'string', format: 'duration', description: 'how long one call may take' },
  on_error: ON_ERROR,
  breaker: BREAKER,
} as const

const LATER = 'isolated plugins come with a later issue'
/** What a plugin may do: the shape of a manifest's `permissions` and of an entry's `grants`. */
export const GRANTS_SCHEMA = {
  type: 'object',
  description: 'what the plugin may do; counts only where its manifest asks for it',
  additionalProperties: false,
  default: {},
  properties: {
    network: { ...TEXTS, description: 'hosts it may send requests to' },
    env: { ...TEXTS, description: 'environment variables it may read' },
    filesystem_read: { ...TEXTS, description: 'paths it may read', 'x-not-built': LATER },
    filesystem_write: { ...TEXTS, description: 'paths it may write', 'x-not-built': LATER },
    shell: { type: 'boolean', description: 'whether it may start processes', 'x-not-built': LATER },
    api: {
      ...TEXTS,
      description: 'parts of the admin API it may call',
      'x-not-built': 'the admin API comes with a later issue',
    },
    authorize: {
      type: 'boolean',
      description: 'whether its grant counts in auth decisions',
    },
    attestation: {
      type: 'boolean',
      description: 'whether it may have servers attested',
    },
  },
} as const

const ENTRY = {
  type: 'object',
  description: 'one use of a plugin',
  additionalProperties: false,
  required: ['name', 'use'],
  properties: {
    name: { ...NAME, description: 'unique among entries and policies' },
    use: { ...NAME, description: 'id of the plugin' },
    version: { type: 'string', minLength: 1, description: 'range of versions, such as ^1.2.0' },
    hooks: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: POINT,
      description: 'points it runs at; all that the plugin declares when absent',
    },
    before: { ...TEXTS, minItems: 0, description: 'entries it must run before; checked at load' },
    after: { ...TEXTS, minItems: 0, description: 'entries it must run after; checked at load' },
    ...SCHEDULE,
    required: {
      type: 'boolean',
      description: 'the start fails when it cannot load; true for enforce and guard when absent',
    },
    grants: GRANTS_SCHEMA,
    config: { type: 'object', default: {}, description: "validated by the plugin's own schema" },
  },
} as const

/** The section `plugins`: which policy code runs, where and with which settings. */
export const PLUGINS_SCHEMA = {
  type: 'object',
  description: 'which plugins run, where and with which settings',
  additionalProperties: false,
  default: {},
  properties: {
    enabled: {
      type: 'boolean',
      default: false,
      description: 'the first gate: without it nothing loads',
    },
    allowed: {
      type: 'array',
      uniqueItems: true,
      items: NAME,
      default: [],
      description: 'the second gate: ids that may load',
    },
    dirs: {
      type: 'array',
      items: { type: 'string', minLength: 1, 'x-path': true },
      default: [],
      description: 'directories with plugins of your own',
    },
    trust: {
      type: 'object',
      description: 'whose plugins are loaded',
      additionalProperties: false,
      properties: {
        keys: {
          type: 'string',
          description: 'file with trusted keys',
          'x-not-built': 'signatures come with a later issue',
        },
        require_signature: {
          type: 'boolean',
          default: false,
          description: 'load signed plugins only',
          'x-built': [false],
          'x-not-built': 'signatures come with a later issue',
        },
      },
    },
    defaults: {
      type: 'object',
      description: 'for entries and policies that do not say it themselves',
      additionalProperties: false,
      default: {},
      properties: {
        timeout: {
          type: 'string',
          format: 'duration',
          default: '5s',
          description: 'how long one call may take',
        },
        on_error: { ...ON_ERROR, default: 'fail' },
        breaker: { ...BREAKER, default: {} },
      },
    },
    entries: { type: 'array', items: ENTRY, default: [], description: 'the uses of plugins' },
  },
} as const

/** The section `policies`: rules without code, run by the plugin `rules`. */
export const POLICIES_SCHEMA = {
  type: 'array',
  description: 'rules without code',
  default: [],
  items: {
    type: 'object',
    description: 'one rule',
    additionalProperties: false,
    required: ['name', 'on', 'then'],
    properties: {
      name: { ...NAME, description: 'unique among entries and policies' },
      description: { type: 'string', description: 'what it is for' },
      on: {
        type: 'array',
        minItems: 1,
        uniqueItems: true,
        items: POINT,
        description: 'points it runs at',
      },
      ...SCHEDULE,
      // biome-ignore lint/suspicious/noThenProperty: the word of the contract; the value is never awaited
      then: {
        enum: ['deny', 'patch', 'respond', 'ask', 'label', 'alert', 'log'],
        description: 'what happens when it matches',
      },
      code: {
        type: 'string',
        pattern: '^[A-Z][A-Z0-9_]{0,63}$',
        'x-expects': 'capital letters, digits and "_", such as PROD_DELETE',
        description: 'the code of the violation',
      },
      reason: {
        type: 'string',
        minLength: 1,
        maxLength: 500,
        description: 'what the caller, the alert or the log is told',
      },
      patch: {
        type: 'object',
        minProperties: 1,
        description:
          'a JSON merge patch (RFC 7396) of writable fields; a leaf may be { cel: "expression" }',
      },
      respond: { type: 'object', description: 'the result; a leaf may be { cel: "expression" }' },
      labels: { ...TEXTS, description: 'labels the request gets' },
      severity: {
        enum: ['info', 'warning', 'critical'],
        description: 'of the alert; warning when absent',
      },
    },
  },
} as const

export type PluginsOptions = Resolved<typeof PLUGINS_SCHEMA>
export type PluginEntry = PluginsOptions['entries'][number]
export type Grants = Resolved<typeof GRANTS_SCHEMA>
export type Policy = Resolved<typeof POLICIES_SCHEMA>[number]
export type Conditions = Resolved<typeof CONDITIONS_SCHEMA>
