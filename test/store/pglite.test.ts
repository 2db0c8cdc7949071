// The store in PGlite does what every store does: the SQL of PostgreSQL, proven where no server is.
import { PGlite } from '@electric-sql/pglite'
import { type Kysely, PGliteDialect } from 'kysely'
import { afterAll } from 'vitest'
import { createSqlStore } from '../../src/store/sql/kysely-store.ts'
import { ByteOrderCompiler, SchemaIntrospector } from '../../src/store/sql/postgres-dialect.ts'
import { storeSuite } from './store-suite.ts'

// one for all tests: it takes seconds to start
const pglite = new PGlite()
afterAll(() => pglite.close())

class Dialect extends PGliteDialect {
  override createQueryCompiler() {
    return new ByteOrderCompiler()
  }

  override createIntrospector(db: Kysely<unknown>) {
    return new SchemaIntrospector(db)
  }
}

storeSuite('PGlite', async (clock, bounds) => {
  await pglite.exec('drop schema public cascade; create schema public')
  const store = createSqlStore({ dialect: new Dialect({ pglite }), clock, bounds, name: 'pglite' })
  // not closed: that would close the one database of all tests
  return { store, another: () => store, dispose: async () => {} }
})
