// The section `identity`: its JSON Schema and type; nothing is read or verified here.
import type { Check } from '../config/load.ts'
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

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/

/** Warns while clients cannot be told apart: whoever reaches the address can use every server. */
export const EXPOSURE_CHECK: Check = {
  sections: ['listen'],
  run(config, report) {
    const { host, tls } = config.listen as { host: string; tls?: { client_ca?: string } }
    if (LOOPBACK.test(host) || tls?.client_ca !== undefined) return
    report(
      ['listen', 'host'],
      `everyone who can reach ${host} can use every server: there is no authentication yet; set listen.tls.client_ca or put a proxy that authenticates in front`,
      { warning: true },
    )
  },
}
