// The section `network`: its JSON Schema and type; nothing is read or sent here.
import type { Resolved } from '../config/schema/resolved.ts'

/** The section `network`: where outgoing requests may go, on top of any grant of a plugin. */
export const NETWORK_SCHEMA = {
  type: 'object',
  description: 'where outgoing requests may go; URLs of upstream servers are excepted',
  additionalProperties: false,
  default: {},
  properties: {
    allowed_hosts: {
      type: 'array',
      items: {
        type: 'string',
        pattern:
          '^(\\*|(\\*\\.)?[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?|\\[[0-9A-Fa-f:.]+\\](:[0-9]{1,5})?)$',
        'x-expects': 'a host name, *.example.com, host:port or *',
      },
      uniqueItems: true,
      default: ['*'],
      description: 'hosts that any outgoing request may reach; an empty list allows none',
    },
  },
} as const

export type NetworkOptions = Resolved<typeof NETWORK_SCHEMA>
