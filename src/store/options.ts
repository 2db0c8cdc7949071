// The section `store`: its JSON Schema and type; nothing is opened here.
import type { Resolved } from '../config/schema/resolved.ts'

const SQLITE = 'sqlite:'

/** The section `store`: the database. It is opened when something that is kept in it is configured, not before. */
export const STORE_SCHEMA = {
  type: 'object',
  description: 'the database; opened when something that is kept in it is configured',
  additionalProperties: false,
  default: {},
  properties: {
    url: {
      type: 'string',
      pattern: '^(?:sqlite:.|postgres(?:ql)?://)',
      'x-expects': 'sqlite: and a path, such as sqlite:./data/portcullis.db, or a postgres:// URL',
      'x-path': SQLITE,
      default: 'sqlite:./data/portcullis.db',
      description:
        'where it is: sqlite: and the path of a file, sqlite::memory:, or the postgres:// URL of a database that several replicas share (npm install pg)',
    },
    keys: {
      type: 'array',
      minItems: 1,
      description:
        'what secrets in the store are sealed with: the first seals, all open; without it a key file is made beside the database',
      items: {
        type: 'string',
        pattern: '^[A-Za-z0-9+/]{43}=$',
        'x-expects': '32 random bytes as base64, such as `openssl rand -base64 32` makes',
        'x-secret': true,
        description: 'one key, as ${env:...} or ${file:...}',
      },
    },
    pool: {
      type: 'integer',
      minimum: 1,
      maximum: 100,
      default: 5,
      description: 'connections to a PostgreSQL database at most',
    },
  },
} as const

export type StoreOptions = Resolved<typeof STORE_SCHEMA>

export function isPostgres({ url }: Pick<StoreOptions, 'url'>): boolean {
  return !url.startsWith(SQLITE)
}

/** The path of the file, or `:memory:`. */
export function sqlitePath({ url }: Pick<StoreOptions, 'url'>): string {
  return url.slice(SQLITE.length)
}
