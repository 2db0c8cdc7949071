// The section `virtual_servers`: its JSON Schema, type and check; what a selection does is decided elsewhere.
import type { Check } from '../../config/load.ts'
import type { Resolved } from '../../config/schema/resolved.ts'
import type { ListenOptions } from '../options.ts'

// only `*` stands for something: `?`, brackets and braces would be taken for globs and select nothing
const NAMES = {
  type: 'array',
  items: {
    type: 'string',
    pattern: '^(?!/.*/$)[^?\\[\\]{}()!\\s]+$',
    'x-expects': 'a name in which only * stands for other characters, such as files__read_*',
  },
  uniqueItems: true,
  default: [],
} as const

/** The section `virtual_servers`: parts of what the servers offer, each at a path of its own. */
export const VIRTUAL_SERVERS_SCHEMA = {
  type: 'array',
  description: 'parts of what the servers offer, each an MCP endpoint at a path of its own',
  default: [],
  items: {
    type: 'object',
    description: 'one virtual server; it shows and serves what its patterns select',
    additionalProperties: false,
    required: ['name', 'path'],
    properties: {
      name: {
        type: 'string',
        pattern: '^[a-zA-Z0-9_-]{1,64}$',
        'x-expects': 'letters, digits, "_" and "-", at most 64',
        description: 'unique name, for policies, the audit and the library',
      },
      path: {
        type: 'string',
        pattern: '^/[A-Za-z0-9._~/-]*$',
        'x-expects': 'a path that starts with / and holds letters, digits and - . _ ~ / only',
        description: 'path of its MCP endpoint',
      },
      description: {
        type: 'string',
        maxLength: 4096,
        description: 'what it is for; clients get it before the instructions of its servers',
      },
      tools: { ...NAMES, description: 'exposed names of tools; a * stands for any characters' },
      prompts: { ...NAMES, description: 'exposed names of prompts, likewise' },
      resources: {
        type: 'array',
        items: {
          type: 'string',
          pattern: '^(?!/.*/$)\\S+$',
          'x-expects': 'a URI in which * and ** stand for other characters, such as file:///srv/**',
        },
        uniqueItems: true,
        default: [],
        description:
          'exposed URIs of resources and templates; a * stops at a slash, ** does not, and a lone * is every URI',
      },
    },
  },
} as const

export type VirtualServerOptions = Resolved<typeof VIRTUAL_SERVERS_SCHEMA>[number]

/** Every path of the listener leads to one thing. */
export const PATHS_CHECK: Check = {
  sections: ['listen', 'virtual_servers'],
  run(config, report) {
    const { path, sse } = config.listen as ListenOptions
    const taken = new Map([[path, 'listen.path']])
    const take = (at: readonly (string | number)[], wanted: string, name: string) => {
      const owner = taken.get(wanted)
      if (owner) report(at, `${name}: the path ${wanted} is that of ${owner} already`)
      else taken.set(wanted, name)
    }
    if (sse) take(['listen', 'sse', 'path'], sse.path, 'listen.sse.path')
    const servers = config.virtual_servers as readonly VirtualServerOptions[]
    servers.forEach((server, index) => {
      take(['virtual_servers', index, 'path'], server.path, `virtual_servers[${index}].path`)
    })
  },
}
