// The section `audit`: its JSON Schema and type; nothing is read or started here.
import type { Check } from '../config/load.ts'
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
            description:
              'log: structured records in the log; file: one JSON record per line; store: rows of the database that `store` names',
          },
          path: {
            type: 'string',
            'x-path': true,
            description: 'the file, for type file',
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

/** A file sink needs its file, and no other sink has one. */
export const AUDIT_CHECK: Check = {
  sections: ['audit'],
  run(config, report) {
    const { sinks } = config.audit as AuditOptions
    sinks.forEach(({ type, path }, index) => {
      const at = ['audit', 'sinks', index]
      if (type === 'file' && path === undefined)
        report(at, `audit.sinks[${index}]: the key "path" is missing; type: file needs it`)
      if (type !== 'file' && path !== undefined)
        report([...at, 'path'], `path has no meaning with type: ${type}`, { key: true })
      if (type === 'store' && sinks.findIndex((other) => other.type === type) < index)
        report(at, `audit.sinks[${index}]: there is one store; every record would be in it twice`)
    })
  },
}
