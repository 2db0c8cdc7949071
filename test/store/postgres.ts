// The PostgreSQL that tests may use, as PORTCULLIS_TEST_POSTGRES names it: a schema of their own each, gone afterwards.
import { randomUUID } from 'node:crypto'
import pg from 'pg'

export const SERVER = process.env.PORTCULLIS_TEST_POSTGRES

export interface TestSchema {
  /** Of the database, with nothing but the schema in its search path. */
  readonly url: string
  query(sql: string): Promise<Record<string, unknown>[]>
  drop(): Promise<void>
}

/** Says once per file that its tests do not run, and why. */
export function skipsPostgres(what: string): boolean {
  if (SERVER !== undefined) return false
  console.log(`skipped: ${what}: set PORTCULLIS_TEST_POSTGRES to the URL of a PostgreSQL server`)
  return true
}

export async function makeSchema(): Promise<TestSchema> {
  const schema = `store_${randomUUID().replaceAll('-', '')}`
  const url = new URL(SERVER ?? '')
  url.searchParams.set('options', `-c search_path=${schema}`)
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  await client.query(`create schema ${schema}`)
  return {
    url: url.href,
    query: async (sql) => (await client.query(sql)).rows,
    async drop() {
      await client.query(`drop schema ${schema} cascade`)
      await client.end()
    },
  }
}
