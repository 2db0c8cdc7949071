// The section `registry`: its JSON Schema and type; nothing is read or written here.
import type { Resolved } from '../config/schema/resolved.ts'

/** The section `registry`: what is changed while the gateway runs. Without `admin.api` there is none. */
export const REGISTRY_SCHEMA = {
  type: 'object',
  description: 'entities that are changed while the gateway runs; used when admin.api is true',
  additionalProperties: false,
  default: {},
  properties: {
    follow: {
      type: 'string',
      format: 'duration',
      default: '500ms',
      description: 'how often the store is asked for what other replicas changed',
    },
    approval: {
      type: 'array',
      uniqueItems: true,
      items: {
        // a key is shown once, to its maker: nobody else can make it in his place
        enum: [
          'server',
          'virtual_server',
          'tool',
          'prompt',
          'resource',
          'policy',
          'plugin',
          'principal',
          'role',
          'grant',
          'client',
          'peer',
          'webhook',
        ],
      },
      default: [],
      description: 'kinds of entities whose changes a second person has to approve',
    },
  },
} as const

export type RegistryOptions = Resolved<typeof REGISTRY_SCHEMA>
