// The store in PostgreSQL does what every store does, and what only a server can be asked for.
import { describe } from 'vitest'
import { createStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { makeSchema, noPostgres } from './postgres.ts'
import { storeSuite } from './store-suite.ts'

if (noPostgres)
  console.log(
    'skipped: the store in PostgreSQL: set PORTCULLIS_TEST_POSTGRES to the URL of a server (scripts/postgres.sh starts one)',
  )

describe.skipIf(noPostgres)('with a server', () => {
  storeSuite('PostgreSQL', async (clock, bounds) => {
    const schema = await makeSchema()
    const open: Store[] = []
    const another = (): Store => {
      const store = createStore({ url: schema.url, pool: 5 }, { clock, bounds })
      open.push(store)
      return store
    }
    return {
      store: another(),
      another,
      async dispose() {
        await Promise.all(open.map((store) => store.close()))
        await schema.drop()
      },
    }
  })
})
