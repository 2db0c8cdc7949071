// The section `audit`: its JSON Schema and type; nothing is read or started here.
import type { Resolved } from '../config/schema/resolved.ts'

/** The section `audit`: where audit events go. */
export const AUDIT_SCHEMA = {
  type: 'object',
  description: 'where audit events go',
  additionalProperties: false,
  default: {},
  properties: {
    sinks: {
      type: 'array',
      minItems: 1,
      description: 'every event goes to all of them',
      default: [{ type: 'log' }],
      items: {
        type: 'object',
        description: 'one destination',
        additionalProperties: false,
        required: ['type'],
        properties: {
          type: {
            enum: ['log', 'file', 'store'],
            description: 'log: structured records in the log',
            'x-not-built-values': {
              file: 'audit files come with a later issue; use log',
              store: 'the store comes with a later issue; use log',
            },
          },
          path: {
            type: 'string',
            description: 'the file, for type file',
            'x-not-built': 'audit files come with a later issue',
          },
        },
      },
    },
    sign: {
      type: 'object',
      description: 'sign the chain of records',
      'x-not-built': 'signed audit records come with a later issue',
    },
    redact: {
      type: 'array',
      description: 'members that are replaced besides the built-in ones',
      'x-not-built':
        'secrets and payload bodies never reach the audit; more comes with a later issue',
    },
  },
} as const

export type AuditOptions = Resolved<typeof AUDIT_SCHEMA>
