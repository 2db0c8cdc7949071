// The section `store`: its JSON Schema, type and check; nothing is opened here.
import type { Check } from '../config/load.ts'
import type { Resolved } from '../config/schema/resolved.ts'

const SQLITE = 'sqlite:'

/** The section `store`: the database. It is opened when something that is kept in it is configured, not before. */
export const STORE_SCHEMA = {
  type: 'object',
  description: 'the database; opened when an audit sink of type store is configured',
  additionalProperties: false,
  default: {},
  properties: {
    url: {
      type: 'string',
      pattern: '^(?:sqlite:.|postgres(?:ql)?:)',
      'x-expects': 'sqlite: and a path, such as sqlite:./data/portcullis.db',
      'x-path': SQLITE,
      default: 'sqlite:./data/portcullis.db',
      description: 'where it is: sqlite: and the path of a file, or sqlite::memory:',
    },
  },
} as const

export type StoreOptions = Resolved<typeof STORE_SCHEMA>

export const STORE_CHECK: Check = {
  sections: ['store'],
  run(config, report) {
    const { url } = config.store as StoreOptions
    if (!url.startsWith(SQLITE))
      report(
        ['store', 'url'],
        'store.url: postgres is not built yet: it comes with a later issue; use sqlite:',
        { notBuilt: true },
      )
  },
}

/** The path of the file, or `:memory:`. */
export function sqlitePath({ url }: StoreOptions): string {
  return url.slice(SQLITE.length)
}
