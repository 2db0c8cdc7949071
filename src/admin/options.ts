// The section `admin`: its JSON Schema and type; nothing is listened on here.
import type { Resolved } from '../config/schema/resolved.ts'

/** The section `admin`: the address of the operator's endpoints and what is served there. */
export const ADMIN_SCHEMA = {
  type: 'object',
  description: 'the address that serves /metrics, /healthz, /readyz and the admin API',
  additionalProperties: false,
  default: {},
  properties: {
    host: {
      type: 'string',
      minLength: 1,
      default: '127.0.0.1',
      description:
        'address to listen on; with the API on and an address other than loopback, /metrics wants credentials and /readyz says yes or no only',
    },
    port: {
      type: 'integer',
      minimum: 0,
      maximum: 65535,
      default: 8081,
      description: 'port to listen on; 0 lets the system choose',
    },
    path: {
      type: 'string',
      pattern: '^/(?:[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*)?$',
      'x-expects': 'a path such as / or /ops, without a slash at the end',
      default: '/',
      description: 'path below which all of it is served',
    },
    api: {
      type: 'boolean',
      default: false,
      description: 'serve the admin API under /api/v1',
    },
    rate: {
      type: 'object',
      description: 'requests that the API takes per minute',
      additionalProperties: false,
      default: {},
      properties: {
        principal: {
          type: 'integer',
          minimum: 1,
          maximum: 1_000_000,
          default: 600,
          description: 'of one principal',
        },
        address: {
          type: 'integer',
          minimum: 1,
          maximum: 1_000_000,
          default: 1200,
          description: 'from one address, whoever it says it is',
        },
      },
    },
  },
} as const

export type AdminOptions = Resolved<typeof ADMIN_SCHEMA>
