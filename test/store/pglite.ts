// PGlite as a database of the store: what the dialect of PostgreSQL says, to a PostgreSQL inside this process.
import { PGlite } from '@electric-sql/pglite'
import { type Kysely, PGliteDialect } from 'kysely'
import { ByteOrderCompiler, SchemaIntrospector } from '../../src/store/sql/postgres-dialect.ts'

class Dialect extends PGliteDialect {
  override createQueryCompiler() {
    return new ByteOrderCompiler()
  }

  override createIntrospector(db: Kysely<unknown>) {
    return new SchemaIntrospector(db)
  }
}

export function openPglite() {
  // one for all tests of a file: it takes seconds to start
  const pglite = new PGlite()
  return {
    /** A dialect over an empty database. It is not to be destroyed: that would close the one of all tests. */
    async dialect(): Promise<PGliteDialect> {
      await pglite.exec('drop schema public cascade; create schema public')
      return new Dialect({ pglite })
    },
    close: () => pglite.close(),
  }
}
