// The audit in a real PostgreSQL, named by PORTCULLIS_TEST_POSTGRES: the same chains, questions and refusals as in SQLite.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openAuditSource } from '../../src/app/report/audit-source.ts'
import type { AuditRecord } from '../../src/audit/record.ts'
import type { RecordTable } from '../../src/audit/store-sink.ts'
import { type Verdict, verifyChains } from '../../src/audit/verify.ts'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createAuditReader } from '../../src/store/audit/reader.ts'
import { type AuditTableOptions, createAuditTable } from '../../src/store/sqlite-thread.ts'
import { PEM, PUBLIC } from '../audit/chains.ts'
import { cli } from '../cli/shell.ts'

const server = process.env.PORTCULLIS_TEST_POSTGRES
if (!server) console.log('skipped: PORTCULLIS_TEST_POSTGRES names no PostgreSQL for the audit')

const PASS = Object.freeze({ point: 'tool_pre_invoke', entries: Object.freeze(['a', 'b']) })
const record = (seq: number, more: Partial<AuditRecord> = {}): AuditRecord => ({
  time: 1_700_000_000_000 + seq,
  seq,
  kind: 'execution',
  durationMs: 1.5,
  passes: [PASS],
  ...more,
})
const records = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => record(from + index))

describe.runIf(server)('the audit in PostgreSQL', () => {
  let admin: pg.Client
  let url: string
  let count = 0
  const open: RecordTable[] = []

  beforeAll(async () => {
    admin = new pg.Client({ connectionString: server })
    await admin.connect()
  })
  afterAll(() => admin.end())
  beforeEach(async () => {
    const schema = `audit_test_${process.pid}_${++count}`
    await admin.query(`CREATE SCHEMA ${schema}; SET search_path TO ${schema}`)
    const own = new URL(server as string)
    own.searchParams.set('options', `-c search_path=${schema}`)
    url = own.href
  })
  afterEach(async () => {
    await Promise.all(open.splice(0).map((table) => table.close()))
    await admin.query(`DROP SCHEMA audit_test_${process.pid}_${count} CASCADE`)
  })

  function tableFor(options: Partial<AuditTableOptions> = {}): RecordTable {
    const table = createAuditTable({
      path: url,
      clock: systemClock,
      log: silentLogger,
      key: PEM,
      ...options,
    })
    open.push(table)
    return table
  }

  async function verify(): Promise<Verdict> {
    const source = await openAuditSource({ postgres: url })
    try {
      return await verifyChains(() => source.evidence(), [PUBLIC])
    } finally {
      await source.close()
    }
  }

  const rows = async (sql: string) => (await admin.query(sql)).rows

  it('is whole and signed to its end, whatever a record holds', async () => {
    const table = tableFor()
    const odd = { odd: 1 } as unknown as string
    await table.append([
      record(1, { target: 'a\u0000b\ud800c', code: odd, durationMs: Number.NaN }),
      record(2, { durationMs: -0, reason: '\udfff\u0000', effective: false }),
      record(3, { durationMs: Number.POSITIVE_INFINITY, details: { deep: [1, null] } }),
      record(4, {
        passes: [{ point: 'p', entries: ['once'] }],
        principal: { id: 'ü', kind: 'user' },
      }),
      record(5, { durationMs: 0.1 + 0.2, passes: [] }),
    ])
    await table.close()
    expect(await verify()).toMatchObject({
      whole: true,
      problems: [],
      records: 8,
      chains: [{ from: 1, to: 8, signed: 7 }],
    })
  })

  it('writes what is handed in again once, also by a new thread', async () => {
    const table = tableFor()
    await table.append(records(1, 300))
    await table.append(records(200, 600))
    await table.close()
    await table.append(records(500, 601))
    await table.close()
    const seqs = await rows("SELECT seq FROM audit_records WHERE kind = 'execution' ORDER BY id")
    expect(seqs.map(({ seq }) => Number(seq))).toEqual(
      Array.from({ length: 601 }, (_, index) => index + 1),
    )
    expect(await verify()).toMatchObject({ whole: true, chains: [{ from: 1 }] })
  })

  it('takes the chains of several gateways that write at the same time', async () => {
    const tables = [tableFor(), tableFor(), tableFor()]
    await Promise.all(
      tables.map(async (table) => {
        for (let batch = 0; batch < 10; batch++)
          await table.append(records(batch * 30 + 1, batch * 30 + 30))
      }),
    )
    await Promise.all(tables.map((table) => table.close()))
    const { problems, chains } = await verify()
    expect([problems, chains.length]).toEqual([[], 3])
  })

  it.each<[string, string, string]>([
    ['an edit', "UPDATE audit_records SET outcome = 'ok' WHERE id = 4", 'edited'],
    ['an edit of who passed', `UPDATE audit_passes SET entries = '["a"]'`, 'edited'],
    ['a deletion', 'DELETE FROM audit_records WHERE id = 4', 'missing'],
    ['a deletion at the end', 'DELETE FROM audit_records WHERE id > 6', 'missing'],
    ['another process', 'UPDATE audit_runs SET pid = 1', 'edited'],
  ])('shows %s', async (_what, sql, kind) => {
    const table = tableFor()
    await table.append(records(1, 8))
    await table.close()
    await admin.query(sql)
    expect((await verify()).problems[0]).toMatchObject({ kind })
  })

  it('keeps what it has said is written, and a whole chain, when the process is killed', async () => {
    const child = fork(join(import.meta.dirname, 'writer.ts'), [url, PEM])
    child.send({ from: 1, to: 500 })
    expect((await once(child, 'message'))[0]).toBe('')
    child.send({ from: 501, to: 1500 })
    child.kill('SIGKILL')
    await once(child, 'exit')
    const table = tableFor()
    await table.append(records(1, 3))
    await table.close()
    const { problems, chains } = await verify()
    expect([problems, chains.length]).toEqual([[], 2])
    expect(chains[0]?.to).toBeGreaterThanOrEqual(502)
  })

  it('removes what is older than the retention, and nobody else does unseen', async () => {
    const clock: Clock = { ...systemClock, wall: () => 10_000_000_000_000 }
    const first = tableFor()
    await first.append(records(1, 1500))
    await first.append([record(1501, { time: 10_000_000_000_000 })])
    await first.close()
    const second = tableFor({ retention: 60_000, clock })
    await second.open()
    const left = async () =>
      Number((await rows("SELECT count(*) AS n FROM audit_records WHERE kind = 'execution'"))[0]?.n)
    await expect.poll(left, { timeout: 10_000 }).toBe(1)
    await second.close()
    expect((await verify()).problems).toEqual([])
    await admin.query("DELETE FROM audit_records WHERE kind = 'execution'")
    expect((await verify()).whole).toBe(false)
  })

  it('answers questions page by page, and an export', async () => {
    const table = tableFor({ key: undefined })
    await table.append(
      records(1, 700).map((each) => ({
        ...each,
        server: `s${each.seq % 2}`,
        principal: { id: `p${each.seq % 3}`, kind: 'user', tenant: `x${each.seq % 2}` },
      })),
    )
    await table.close()
    const reader = createAuditReader(url, systemClock)
    const first = await reader.search({ server: 's1', principal: 'p1', tenant: 'x1', limit: 2 })
    expect(first.records).toMatchObject([
      {
        seq: 697,
        server: 's1',
        principal: { id: 'p1', kind: 'user', tenant: 'x1' },
        passes: [{ point: 'tool_pre_invoke', entries: ['a', 'b'] }],
        durationMs: 1.5,
      },
      { seq: 691 },
    ])
    const second = await reader.search({
      server: 's1',
      principal: 'p1',
      limit: 2,
      cursor: first.next,
    })
    expect(second.records).toMatchObject([{ seq: 685 }, { seq: 679 }])
    let exported = 0
    for await (const each of reader.export({ kind: 'execution' })) expect(each.seq).toBe(++exported)
    expect(exported).toBe(700)
    await reader.close()
  })

  it('is verified and exported by the command line', async () => {
    const table = tableFor({ key: undefined })
    await table.append(records(1, 2))
    await table.close()
    const { exit, json } = await cli(['audit', 'verify', '--store', url])
    expect([exit, json.records]).toEqual([0, 3])
    const { out } = await cli(['audit', 'export', '--store', url, '--kind', 'execution'])
    expect(out.trimEnd().split('\n')).toHaveLength(2)
  })

  it('rejects a batch while it cannot be reached, and takes it again later', async () => {
    const table = tableFor()
    await table.append(records(1, 2))
    await admin.query('ALTER TABLE audit_runs RENAME TO away')
    await expect(table.append(records(3, 4))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await admin.query('DROP TABLE IF EXISTS audit_runs; ALTER TABLE away RENAME TO audit_runs')
    await table.append(records(3, 4))
    await table.close()
    expect((await verify()).problems).toEqual([])
  })
})

it('a PostgreSQL that is not there is said without the password', async () => {
  const path = 'postgres://user:hunter2@127.0.0.1:1/nowhere'
  const table = createAuditTable({ path, clock: systemClock, log: silentLogger })
  const error = await table.open().then(
    () => undefined,
    (reason: Error & { code: string }) => reason,
  )
  expect(error?.code).toBe('STORE_UNAVAILABLE')
  expect(error?.message).toMatch(/^the store postgres:\/\/127\.0\.0\.1:1\/nowhere: /)
  expect(error?.message).not.toContain('hunter2')
})
