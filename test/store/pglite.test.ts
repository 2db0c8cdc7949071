// The store in PGlite does what every store does: the SQL of PostgreSQL, proven where no server is.
import { afterAll } from 'vitest'
import { createSqlStore } from '../../src/store/sql/kysely-store.ts'
import { openPglite } from './pglite.ts'
import { storeSuite } from './store-suite.ts'

const pglite = openPglite()
afterAll(pglite.close)

storeSuite('PGlite', async (clock, bounds) => {
  const dialect = await pglite.dialect()
  const store = createSqlStore({ dialect, clock, bounds, name: 'pglite' })
  return { store, another: () => store, dispose: async () => {} }
})
