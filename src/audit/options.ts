// The section `audit`: its JSON Schema and type; nothing is read or started here.
import type { Check, Report } from '../config/load.ts'
import type { Resolved } from '../config/schema/resolved.ts'

// names and stars joined by dots; no name has a dot
const REDACTED = '^[^.\\s]+(?:\\.[^.\\s]+)*$'
const REDACTED_IN_WORDS = 'a name such as ssn, or a path such as customer.address'

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
            enum: ['log', 'file', 'store', 'stdout'],
            description:
              'log: structured records in the log; file: one JSON record per line; store: rows of the database that `store` names; stdout: as a file, on standard output',
          },
          path: {
            type: 'string',
            'x-path': true,
            description: 'the file, for type file',
          },
          max_size: {
            type: 'string',
            format: 'size',
            description:
              'for type file: a file that would be larger is set aside under a number, and another begun',
          },
          max_age: {
            type: 'string',
            format: 'duration',
            description:
              'for type file: a file is set aside when its first record is as old as this',
          },
          max_files: {
            type: 'integer',
            minimum: 1,
            maximum: 100_000,
            description:
              'for type file: so many that were set aside are kept, the oldest are removed; without it, all of them',
          },
        },
      },
    },
    sign: {
      type: 'object',
      description:
        'sign the chains of records now and then, so that nobody without the key can write them anew; `portcullis audit keygen` makes a pair of keys',
      additionalProperties: false,
      properties: {
        key: {
          type: 'string',
          minLength: 1,
          'x-secret': true,
          description: 'an Ed25519 private key in PEM (PKCS #8), such as ${file:./audit.key}',
        },
        key_file: {
          type: 'string',
          'x-path': true,
          description: 'or the file it is in',
        },
      },
    },
    retention: {
      type: 'string',
      format: 'duration',
      description:
        'how long the store keeps records; what was removed is written down. Without it they are kept for ever',
    },
    redact: {
      type: 'array',
      items: { type: 'string', pattern: REDACTED, 'x-expects': REDACTED_IN_WORDS },
      uniqueItems: true,
      default: [],
      description:
        'members that are replaced besides the built-in ones: a name, wherever it stands, or a path such as address.street or items.*.price from the top of arguments or details',
    },
    arguments: {
      enum: ['none', 'names', 'redacted'],
      default: 'none',
      description:
        'what records of tool calls and prompts hold of their arguments: nothing, the names, or the values after redaction, at most 8 KiB of them',
    },
  },
} as const

export type AuditOptions = Resolved<typeof AUDIT_SCHEMA>

const OF_FILES = ['path', 'max_size', 'max_age', 'max_files'] as const
type Sink = AuditOptions['sinks'][number]

/** A file sink needs its file, and no other sink has one. */
export const AUDIT_CHECK: Check = {
  sections: ['audit'],
  run(config, report) {
    const { sinks, sign, retention } = config.audit as AuditOptions
    sinks.forEach((sink, index) => {
      checkSink(sinks, sink, index, report)
    })
    if (sign !== undefined && (sign.key === undefined) === (sign.key_file === undefined))
      report(['audit', 'sign'], 'audit.sign: give either key or key_file')
    if (retention !== undefined && !sinks.some(({ type }) => type === 'store'))
      report(['audit', 'retention'], 'retention has no meaning without a sink of type store', {
        key: true,
      })
  },
}

function checkSink(sinks: readonly Sink[], sink: Sink, index: number, report: Report): void {
  const at = ['audit', 'sinks', index]
  const { type, path, max_size, max_age, max_files } = sink
  if (type === 'file' && path === undefined)
    report(at, `audit.sinks[${index}]: the key "path" is missing; type: file needs it`)
  for (const name of OF_FILES)
    if (type !== 'file' && sink[name] !== undefined)
      report([...at, name], `${name} has no meaning with type: ${type}`, { key: true })
  if (max_files !== undefined && max_size === undefined && max_age === undefined)
    report([...at, 'max_files'], 'max_files has no meaning without max_size or max_age', {
      key: true,
    })
  if (max_size !== undefined && max_size < LEAST_SIZE)
    report([...at, 'max_size'], 'max_size: at least 64KiB')
  if (max_age !== undefined && max_age < LEAST_AGE)
    report([...at, 'max_age'], 'max_age: at least 1m')
  const first = sinks.findIndex((other) => isSame(other, sink))
  if (first < index && type === 'store')
    report(at, `audit.sinks[${index}]: there is one store; every record would be in it twice`)
  else if (first < index && type !== 'log')
    report(at, `audit.sinks[${index}]: every record would be in it twice`)
}

const LEAST_SIZE = 64 * 1024
const LEAST_AGE = 60_000

function isSame(one: Sink, other: Sink): boolean {
  return one.type === other.type && (one.type !== 'file' || one.path === other.path)
}
