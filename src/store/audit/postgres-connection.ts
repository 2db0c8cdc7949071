// One connection to PostgreSQL for the audit: the package loaded when it is used, its tables made when they are not there, every wait bounded.
import type { Client } from 'pg'
import { AppError } from '../../base/errors.ts'
import { COLUMNS } from './columns.ts'

/** Milliseconds. A query is ended by the server first, which leaves the connection whole; by this side when the server is gone. */
const WAITS = {
  connectionTimeoutMillis: 3000,
  lock_timeout: 3000,
  idle_in_transaction_session_timeout: 60_000,
} as const
const WRITING = { statement_timeout: 5000, query_timeout: 6000 } as const
/** A question that nothing indexed answers goes through the whole table. */
const READING = { statement_timeout: 25_000, query_timeout: 28_000 } as const

/** As SQLite has them: what is kept is the same text, so that its digest is the same. */
const TYPES: Readonly<Record<string, string>> = { INTEGER: 'BIGINT', REAL: 'DOUBLE PRECISION' }

const TABLES = `
  CREATE TABLE IF NOT EXISTS audit_runs (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run TEXT NOT NULL UNIQUE, pid BIGINT NOT NULL, started BIGINT NOT NULL,
    last_id BIGINT NOT NULL DEFAULT 0, seq BIGINT NOT NULL DEFAULT 0, n BIGINT NOT NULL DEFAULT 0, hash TEXT NOT NULL DEFAULT ''
  );
  CREATE TABLE IF NOT EXISTS audit_records (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run BIGINT NOT NULL REFERENCES audit_runs,
    ${COLUMNS.map(([name, type]) => `${name} ${type.replace(/^\w+/, (word) => TYPES[word] ?? word)}`).join(', ')},
    n BIGINT NOT NULL, hash TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS audit_passes (
    run BIGINT NOT NULL REFERENCES audit_runs, id BIGINT NOT NULL, point TEXT NOT NULL, entries TEXT NOT NULL, PRIMARY KEY (run, id)
  );
  CREATE INDEX IF NOT EXISTS audit_records_time ON audit_records (time);
`

/** Of all gateways that make the tables at the same moment one does ("PCUL" and a number). */
const MAKING = 0x5043554c_01
export const PRUNING = 0x5043554c_02

const INT8 = 20

export type Sql = (text: string, values?: readonly unknown[]) => Promise<readonly SqlRow[]>
export type SqlRow = Readonly<Record<string, string | number | null>>

export class AuditConnection {
  readonly #client: Client
  readonly #types: object
  /** It has ended, whoever ended it. */
  ended = false

  constructor(client: Client, types: object) {
    this.#client = client
    this.#types = types
    client.on('end', () => this.#end())
    // a connection that breaks while nobody waits for it; the next query says so
    client.on('error', () => this.#end())
  }

  readonly query: Sql = async (text, values = []) => {
    const { rows } = await this.#client.query({
      text,
      values: [...values],
      types: this.#types as never,
    })
    return rows as SqlRow[]
  }

  /** Rows as arrays: columns of two tables may have one name. */
  async arrays(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<(string | number | null)[][]> {
    const query = {
      text,
      values: [...values],
      types: this.#types as never,
      rowMode: 'array' as const,
    }
    return (await this.#client.query(query)).rows
  }

  async transaction<T>(work: () => Promise<T>, begin = 'BEGIN'): Promise<T> {
    await this.query(begin)
    try {
      const result = await work()
      await this.query('COMMIT')
      return result
    } catch (error) {
      if (!this.ended) await this.query('ROLLBACK').catch(() => this.close())
      throw error
    }
  }

  async close(): Promise<void> {
    this.#end()
    await this.#client.end().catch(() => {})
  }

  #end(): void {
    this.ended = true
  }
}

/** Rejects when the package is not installed or the database does not answer in time. */
export async function connect(url: string, purpose: 'write' | 'read'): Promise<AuditConnection> {
  const { default: pg } = await import('pg').catch(() => {
    throw new AppError('STORE_UNAVAILABLE', 'the package pg is not installed: npm install pg')
  })
  const waits = { ...WAITS, ...(purpose === 'write' ? WRITING : READING) }
  const client = new pg.Client({ connectionString: url, application_name: 'portcullis', ...waits })
  // positions and times are far below 2^53
  const types = {
    getTypeParser: (oid: number, format?: 'text') =>
      oid === INT8 ? Number : pg.types.getTypeParser(oid, format),
  }
  const connection = new AuditConnection(client, types)
  try {
    await client.connect()
    if (purpose === 'write') await makeTables(connection)
    return connection
  } catch (error) {
    await connection.close()
    throw error
  }
}

async function makeTables(connection: AuditConnection): Promise<void> {
  await connection.transaction(async () => {
    await connection.query('SELECT pg_advisory_xact_lock($1)', [MAKING])
    for (const statement of TABLES.split(';'))
      if (statement.trim() !== '') await connection.query(statement)
  })
}
