// PostgreSQL as a dialect of Kysely over the package `pg`, which is loaded here and only when it is used; every wait has its bound.
import {
  type DatabaseIntrospector,
  type DataTypeNode,
  type Dialect,
  type Kysely,
  PostgresDialect,
  type PostgresPool,
  type PostgresPoolClient,
  PostgresQueryCompiler,
  sql,
  type TableMetadata,
} from 'kysely'
import type { PoolClient, PoolConfig } from 'pg'
import { AppError } from '../../base/errors.ts'

/** Milliseconds. A query is ended by the server first, which leaves the connection whole; by this side when the server is gone. */
const WAITS = {
  connectionTimeoutMillis: 3000,
  lock_timeout: 3000,
  statement_timeout: 5000,
  query_timeout: 6000,
  idle_in_transaction_session_timeout: 10_000,
  idleTimeoutMillis: 30_000,
} as const

export interface PostgresOptions {
  readonly url: string
  /** Most connections at once. */
  readonly pool: number
}

export function postgresDialect(options: PostgresOptions): Dialect {
  return new Postgres({ pool: () => openPool(options) })
}

class Postgres extends PostgresDialect {
  override createQueryCompiler(): ByteOrderCompiler {
    return new ByteOrderCompiler()
  }

  override createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new SchemaIntrospector(db)
  }
}

/** Text is compared by its bytes, as SQLite does: not by the language that the database was made with. */
export class ByteOrderCompiler extends PostgresQueryCompiler {
  protected override visitDataType(node: DataTypeNode): void {
    super.visitDataType(node)
    if (node.dataType === 'text') this.append(' collate "C"')
  }
}

/** The tables of the schema that is ours, by name: all that the migrations ask, whatever else is in the database. */
export class SchemaIntrospector implements DatabaseIntrospector {
  readonly #db: Kysely<unknown>

  constructor(db: Kysely<unknown>) {
    this.#db = db
  }

  async getSchemas(): Promise<[]> {
    return []
  }

  async getTables(): Promise<TableMetadata[]> {
    const { rows } = await sql<{ name: string }>`
      select tablename as name from pg_catalog.pg_tables where schemaname = current_schema()`.execute(
      this.#db,
    )
    return rows.map(({ name }) => ({ name, isView: false, isForeign: false, columns: [] }))
  }
}

async function openPool({ url, pool: max }: PostgresOptions): Promise<PostgresPool> {
  const { Pool } = await importPg()
  const config: PoolConfig = {
    ...WAITS,
    connectionString: url,
    max,
    keepAlive: true,
    application_name: 'portcullis',
    allowExitOnIdle: true,
  }
  const pool = new Pool(config)
  // of an idle connection; the pool has dropped it already, and without a listener the process would end
  pool.on('error', () => {})
  return {
    options: {},
    connect: async () => watched(await pool.connect()),
    end: () => pool.end(),
  }
}

async function importPg(): Promise<Pick<typeof import('pg'), 'Pool'>> {
  try {
    return (await import('pg')).default
  } catch {
    throw new AppError(
      'STORE_UNAVAILABLE',
      'store.url names a PostgreSQL database and the package pg is not installed: npm install pg',
    )
  }
}

/** SQLSTATE of answers after which the session is over: connection exceptions and operator intervention. */
const SESSION_OVER = /^(?:08|57P)/

/** A connection that is not used again after anything but an answer of the server: the next query would wait on a dead one. */
function watched(client: PoolClient): PostgresPoolClient {
  let broken: Error | undefined
  const breaks = (error: Error): void => {
    broken = error
  }
  client.on('error', breaks)
  const query = async (text: string, parameters: readonly unknown[]): Promise<unknown> => {
    if (broken !== undefined) throw broken
    try {
      return await client.query(text, [...parameters])
    } catch (error) {
      const { code = '', severity } = error as { code?: string; severity?: string }
      if (severity === undefined || SESSION_OVER.test(code)) breaks(error as Error)
      throw error
    }
  }
  return {
    query: query as PostgresPoolClient['query'],
    release(destroy) {
      client.off('error', breaks)
      client.release(destroy || broken !== undefined)
    },
  }
}
