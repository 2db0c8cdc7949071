// The section `identity`: its JSON Schema and type; nothing is read or verified here.
import type { Resolved } from '../config/schema/resolved.ts'

/** The section `identity`: who may connect. */
export const IDENTITY_SCHEMA = {
  type: 'object',
  description: 'who may connect',
  additionalProperties: false,
  default: {},
  properties: {
    anonymous: {
      enum: ['allow', 'deny'],
      default: 'allow',
      description: 'whether a client may connect without credentials; its principal has no roles',
      'x-not-built-values': {
        deny: 'authentication comes with a later issue; listen on loopback only',
      },
    },
    api_keys: {
      type: 'boolean',
      default: false,
      description: 'accept API keys',
      'x-built': [false],
      'x-not-built': 'API keys come with a later issue',
    },
    oauth: {
      type: 'object',
      description: 'accept tokens of these issuers',
      'x-not-built': 'OAuth comes with a later issue',
    },
    roles: {
      type: 'object',
      description: 'what roles may do',
      'x-not-built': 'roles come with a later issue',
    },
  },
} as const

export type IdentityOptions = Resolved<typeof IDENTITY_SCHEMA>
