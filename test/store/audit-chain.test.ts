// The chains of the store: whole whatever happens to their writers, broken by whoever changes a row, pruned by the gateway alone.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { AuditRecord } from '../../src/audit/record.ts'
import type { RecordTable } from '../../src/audit/store-sink.ts'
import { type Verdict, verifyChains } from '../../src/audit/verify.ts'
import { CHECKPOINT } from '../../src/base/chain.ts'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { openReading } from '../../src/store/audit/reading.ts'
import { type AuditTableOptions, createAuditTable } from '../../src/store/sqlite-thread.ts'
import { PEM, PUBLIC } from '../audit/chains.ts'

let folder: string
let path: string
const open: RecordTable[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chain-'))
  path = join(folder, 'portcullis.db')
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((table) => table.close()))
  rmSync(folder, { recursive: true })
})

function tableFor(options: Partial<AuditTableOptions> = {}): RecordTable {
  const table = createAuditTable({
    path,
    clock: systemClock,
    log: silentLogger,
    key: PEM,
    ...options,
  })
  open.push(table)
  return table
}

const PASS = Object.freeze({ point: 'tool_pre_invoke', entries: Object.freeze(['a', 'b']) })
const record = (seq: number, more: Partial<AuditRecord> = {}): AuditRecord => ({
  time: 1_700_000_000_000 + seq,
  seq,
  kind: 'execution',
  durationMs: 1.5,
  passes: [PASS],
  ...more,
})

async function verify(keys = [PUBLIC]): Promise<Verdict> {
  const reading = openReading(path)
  try {
    return await verifyChains(async function* () {
      yield* reading.evidence()
    }, keys)
  } finally {
    reading.close()
  }
}

function change(sql: string): void {
  const db = new DatabaseSync(path)
  db.exec('PRAGMA foreign_keys = OFF')
  db.exec(sql)
  db.close()
}

function query(sql: string): Record<string, unknown>[] {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return db.prepare(sql).all()
  } finally {
    db.close()
  }
}

async function written(runs: number, records = 5): Promise<void> {
  for (let run = 0; run < runs; run++) {
    const table = tableFor()
    await table.append(Array.from({ length: records }, (_, index) => record(index + 1)))
    await table.close()
  }
}

describe('the chains of a store', () => {
  it('are whole and signed to their ends, one for each process', async () => {
    await written(2)
    expect(await verify()).toMatchObject({
      whole: true,
      records: 16,
      checkpoints: 4,
      chains: [
        { from: 1, to: 8, signed: 7, firstAt: 'row 1', lastAt: 'row 8' },
        { from: 1, to: 8, signed: 7, firstAt: 'row 9', lastAt: 'row 16' },
      ],
    })
  })

  it('hold whatever a record can hold', async () => {
    const table = tableFor()
    const odd = { odd: 1 } as unknown as string
    await table.append([
      record(1, { target: 'a\u0000b\ud800c', code: odd, durationMs: Number.NaN }),
      record(2, { durationMs: -0, reason: '\udfff', effective: false }),
      record(3, { durationMs: Number.POSITIVE_INFINITY, details: { deep: [1, null] } }),
      record(4, {
        passes: [{ point: 'p', entries: ['once'] }],
        principal: { id: 'ü', kind: 'user' },
      }),
      record(5, { durationMs: 0.1 + 0.2, passes: [] }),
    ])
    await table.close()
    expect((await verify()).problems).toEqual([])
  })

  it('go on when their thread is replaced and batches are repeated', async () => {
    const table = tableFor()
    await table.append([record(1), record(2)])
    await table.close()
    await table.append([record(1), record(2), record(3)])
    await table.close()
    const { whole, chains } = await verify()
    expect([whole, chains.length]).toEqual([true, 1])
  })

  it('of writers that take turns in one file are whole', async () => {
    const tables = [tableFor(), tableFor(), tableFor()]
    await Promise.all(
      tables.map(async (table) => {
        for (let batch = 0; batch < 10; batch++)
          await table.append([1, 2, 3].map((each) => record(batch * 3 + each)))
      }),
    )
    await Promise.all(tables.map((table) => table.close()))
    expect(await verify()).toMatchObject({ whole: true, problems: [], records: 99 })
  })

  it('are signed after so many records and after a while', async () => {
    const timers: { ms: number; run: () => void }[] = []
    const clock: Clock = {
      ...systemClock,
      after(ms, run) {
        timers.push({ ms, run })
        return () => {}
      },
    }
    const table = tableFor({ clock })
    const signed = () =>
      query("SELECT n FROM audit_records WHERE kind = 'checkpoint'").map(({ n }) => n)
    await table.append([record(1)])
    expect(signed()).toEqual([2])
    timers.find(({ ms }) => ms === CHECKPOINT.ms)?.run()
    await expect.poll(signed).toEqual([2, 4])
    await table.append(Array.from({ length: 1000 }, (_, index) => record(index + 2)))
    expect(signed()).toEqual([2, 4, 1005])
  })
})

describe('what somebody changes is found', () => {
  // made once: each thread of a store takes a moment to start
  let whole: string
  beforeAll(async () => {
    whole = mkdtempSync(join(tmpdir(), 'chain-'))
    path = join(whole, 'portcullis.db')
    await written(2)
  })
  afterAll(() => rmSync(whole, { recursive: true }))
  beforeEach(() => copyFileSync(join(whole, 'portcullis.db'), path))

  it.each<[string, string, string, string]>([
    ['a value', "UPDATE audit_records SET outcome = 'ok' WHERE id = 5", 'row 5', 'edited'],
    ['what has no column', `UPDATE audit_records SET rest = '{"era":"modern"}' WHERE id = 5`, 'row 5', 'edited'],
    ['who passed', `UPDATE audit_passes SET entries = '["a"]' WHERE run = 1`, 'row 3', 'edited'],
    ['a digest', "UPDATE audit_records SET hash = 'x' WHERE id = 5", 'row 5', 'edited'],
    ['a row that is deleted', 'DELETE FROM audit_records WHERE id = 5', 'row 6', 'missing'],
    ['the first rows', 'DELETE FROM audit_records WHERE id < 5', 'row 5', 'missing'],
    ['the last rows', 'DELETE FROM audit_records WHERE id > 13', 'row 2 of audit_runs', 'missing'],
    ['a whole chain', 'DELETE FROM audit_records WHERE run = 1', 'row 9', 'missing'],
    ['a row that is put in', `INSERT INTO audit_records SELECT 99, run, time, seq, kind, request_id, principal, server, method, target, point, entry,
        plugin, verdict, effective, code, outcome, duration_ms, passes, rest, n, hash FROM audit_records WHERE id = 5`, 'row 99', 'moved'],
    ['rows that change places', 'UPDATE audit_records SET id = 99 WHERE id = 5; UPDATE audit_records SET id = 5 WHERE id = 6; UPDATE audit_records SET id = 6 WHERE id = 99', 'row 5', 'missing'],
    ['a row of another chain', 'UPDATE audit_records SET run = 2 WHERE id = 5', 'row 5', 'missing'],
    ['which process it was', 'UPDATE audit_runs SET pid = 1 WHERE id = 1', 'row 1', 'edited'],
    ['which chain it is', "UPDATE audit_runs SET run = 'x' WHERE id = 1", 'row 1', 'edited'],
  ])('%s', async (_what, sql, at, kind) => {
    change(sql)
    const { whole, problems } = await verify()
    expect([whole, problems[0]?.at, problems[0]?.kind]).toEqual([false, at, kind])
  }) // biome-ignore format: a table

  it('whichever value of whichever row it is', async () => {
    const columns = query('PRAGMA table_info(audit_records)').map(({ name }) => String(name))
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...columns),
        fc.integer({ min: 1, max: 16 }),
        async (column, id) => {
          const [before] = query(`SELECT * FROM audit_records WHERE id = ${id}`)
          if (column === 'id') return
          const value = before?.[column]
          const other =
            typeof value === 'number'
              ? `${value + 1}`
              : ['effective', 'duration_ms'].includes(column)
                ? '7'
                : `'${column === 'rest' ? '{}' : 'other'}'`
          if (column === 'rest' && value === '{}') return
          change(`UPDATE audit_records SET ${column} = ${other} WHERE id = ${id}`)
          const { whole } = await verify().catch(() => ({ whole: false }))
          const db = new DatabaseSync(path)
          db.exec('PRAGMA foreign_keys = OFF')
          db.prepare(`UPDATE audit_records SET ${column} = ? WHERE id = ${id}`).run(value as null)
          db.close()
          expect(whole, `${column} of ${id}`).toBe(false)
        },
      ),
      { numRuns: 60 },
    )
    expect((await verify()).whole).toBe(true)
  })
})

describe('retention', () => {
  const old = (seq: number) => record(seq, { time: 1000 + seq })
  const clock: Clock = { ...systemClock, wall: () => 10_000_000_000_000 }

  it('removes what is older, in parts, and writes down where the chains now begin', async () => {
    const first = tableFor()
    await first.append(Array.from({ length: 1500 }, (_, index) => old(index + 1)))
    await first.append([record(1501, { time: 10_000_000_000_000 })])
    await first.close()
    const second = tableFor({ retention: 60_000, clock })
    await second.open()
    const left = () =>
      Number(query("SELECT count(*) AS n FROM audit_records WHERE kind = 'execution'")[0]?.n)
    await expect.poll(left, { timeout: 5000 }).toBe(1)
    await second.close()
    expect(
      query("SELECT count(*) AS n FROM audit_records WHERE kind = 'pruned'")[0]?.n,
    ).toBeGreaterThan(1)
    expect((await verify()).problems).toEqual([])
    // and what somebody else removes is found all the same
    change("DELETE FROM audit_records WHERE kind = 'execution'")
    expect((await verify()).whole).toBe(false)
  })

  it('removes nothing that is younger', async () => {
    const timers: (() => void)[] = []
    const after: Clock['after'] = (_ms, run) => {
      timers.push(run)
      return () => {}
    }
    const table = tableFor({ retention: 60_000, key: undefined, clock: { ...systemClock, after } })
    await table.open()
    await table.append([record(1, { time: systemClock.wall() - 50_000 })])
    for (const run of timers.splice(0)) run()
    // the thread does one after the other: when this is there, it has looked
    await table.append([record(2, { time: systemClock.wall() })])
    await table.close()
    expect(query("SELECT seq FROM audit_records WHERE kind <> 'chain'")).toEqual([
      { seq: 1 },
      { seq: 2 },
    ])
  })
})
