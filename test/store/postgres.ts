// The PostgreSQL that tests may use, as PORTCULLIS_TEST_POSTGRES names it: a schema of their own each, gone afterwards.
import { randomUUID } from 'node:crypto'
import pg from 'pg'

const SERVER = process.env.PORTCULLIS_TEST_POSTGRES || undefined

export interface TestSchema {
  /** Of the database, with nothing but the schema in its search path. */
  readonly url: string
  readonly name: string
  query(sql: string): Promise<Record<string, unknown>[]>
  drop(): Promise<void>
}

/** True: tests that need the server do not run; postgres.test.ts says so for all of them. */
export const noPostgres = SERVER === undefined

export async function makeSchema(): Promise<TestSchema> {
  const schema = `store_${randomUUID().replaceAll('-', '')}`
  const url = new URL(SERVER ?? '')
  url.searchParams.set('options', `-c search_path=${schema}`)
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  await client.query(`create schema ${schema}`)
  return {
    url: url.href,
    name: schema,
    query: async (sql) => (await client.query(sql)).rows,
    async drop() {
      await client.query(`drop schema ${schema} cascade`)
      await client.end()
    },
  }
}
