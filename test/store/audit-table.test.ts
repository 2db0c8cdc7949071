// The audit in a real database file: what a record becomes, who may read it, what survives, what is refused.
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AuditRecord } from '../../src/audit/record.ts'
import type { RecordTable } from '../../src/audit/store-sink.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createAuditTable } from '../../src/store/sqlite-thread.ts'

let folder: string
let path: string
const open: RecordTable[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'))
  path = join(folder, 'data', 'portcullis.db')
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((table) => table.close()))
  rmSync(folder, { recursive: true })
})

function tableAt(at = path): RecordTable {
  const table = createAuditTable({ path: at, clock: systemClock, log: silentLogger })
  open.push(table)
  return table
}

const record = (seq: number, more: Partial<AuditRecord> = {}): AuditRecord => ({
  time: 1_700_000_000_000 + seq,
  seq,
  kind: 'execution',
  ...more,
})

function query(sql: string): Record<string, unknown>[] {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return db.prepare(sql).all()
  } finally {
    db.close()
  }
}
/** Without what the table adds to make them a chain. */
const RECORDS = "WHERE kind <> 'chain'"
const seqs = () =>
  query(`SELECT seq FROM audit_records ${RECORDS} ORDER BY id`).map(({ seq }) => seq)

function foreign(sql: string): void {
  const db = new DatabaseSync(path)
  db.exec(sql)
  db.close()
}

async function existing(): Promise<void> {
  const table = createAuditTable({ path, clock: systemClock, log: silentLogger })
  await table.append([record(1)])
  await table.close()
}

/** A process of its own with the store open. */
function startWriter() {
  const child = fork(join(import.meta.dirname, 'writer.ts'), [path])
  const prlimit = (size: string) =>
    spawn('prlimit', ['--pid', String(child.pid), `--fsize=${size}:`])
  return {
    async append(from: number, to: number): Promise<string> {
      child.send({ from, to })
      const [reply] = await once(child, 'message')
      return reply
    },
    async limit(size: string): Promise<void> {
      const [code] = await once(prlimit(size), 'exit')
      if (code !== 0) throw new Error('prlimit of util-linux is needed')
    },
    async end(signal: NodeJS.Signals): Promise<void> {
      child.kill(signal)
      await once(child, 'exit')
    },
  }
}

describe('a record', () => {
  it('has a column for what is asked for, and the rest as JSON', async () => {
    const table = tableAt()
    await table.append([
      record(1, {
        kind: 'refusal', requestId: 'r1', traceId: 't1', generation: 3, principal: { id: 'ada', kind: 'user', tenant: 'x' }, client: 'c',
        surface: 'default', era: 'modern', method: 'tools/call', server: 'files', target: 'read', point: 'tool_pre_invoke', entry: 'no', plugin: 'rules',
        mode: 'enforce', verdict: 'deny', effective: false, code: 'NO', reason: 'a "b"\n\u0000ü', description: 'd', details: { n: [1] }, changed: ['a'],
        outcome: 'denied', durationMs: 1.5, passes: [{ point: 'p', entries: ['e'] }],
      }), // biome-ignore format: side by side with what it becomes
      record(2),
    ])
    const [first, second] = query(`SELECT * FROM audit_records ${RECORDS} ORDER BY id`)
    const { rest, ...columns } = first ?? {}
    expect(columns).toEqual({
      id: 2, run: 1, n: 2, hash: expect.any(String), time: 1_700_000_000_001, seq: 1, kind: 'refusal', request_id: 'r1', principal: 'ada', server: 'files', method: 'tools/call', target: 'read',
      point: 'tool_pre_invoke', entry: 'no', plugin: 'rules', verdict: 'deny', effective: 0, code: 'NO', outcome: 'denied', duration_ms: 1.5, passes: null,
    }) // biome-ignore format: side by side with what it was
    expect(JSON.parse(String(rest))).toEqual({
      traceId: 't1', generation: 3, principal: { kind: 'user', tenant: 'x' }, client: 'c', surface: 'default', era: 'modern', mode: 'enforce',
      reason: 'a "b"\n\u0000ü', description: 'd', details: { n: [1] }, changed: ['a'], passes: [{ point: 'p', entries: ['e'] }],
    }) // biome-ignore format: side by side with what it was
    expect(second).toMatchObject({ seq: 2, request_id: null, effective: null, rest: '{}' })
  })

  it('names who passed by a number where that comes again, and writes it out where it does not', async () => {
    const table = tableAt()
    const pre = Object.freeze({ point: 'tool_pre_invoke', entries: Object.freeze(['a', 'b']) })
    const post = Object.freeze({ point: 'tool_post_invoke', entries: Object.freeze(['a']) })
    const once = { point: 'tool_pre_invoke', entries: ['a'] }
    await table.append([record(1, { passes: [pre, post] }), record(2, { passes: [pre] })])
    await table.append([record(3, { passes: [once, post] }), record(4, { passes: [] }), record(5)])
    await table.close()
    await table.append([record(6, { passes: [post] })])
    const rows = query(
      `SELECT passes, rest->>'$.passes' AS inline FROM audit_records ${RECORDS} ORDER BY id`,
    )
    expect(rows).toEqual([
      { passes: '[1,2]', inline: null },
      { passes: '[1]', inline: null },
      { passes: null, inline: JSON.stringify([once, post]) },
      { passes: '[]', inline: null },
      { passes: null, inline: null },
      { passes: '[2]', inline: null },
    ])
    const named = query(`
      SELECT r.seq, p.point, p.entries FROM audit_records r, json_each(r.passes) n
      JOIN audit_passes p ON p.run = r.run AND p.id = n.value ORDER BY r.id, n.key`)
    expect(named).toEqual([
      { seq: 1, point: 'tool_pre_invoke', entries: '["a","b"]' },
      { seq: 1, point: 'tool_post_invoke', entries: '["a"]' },
      { seq: 2, point: 'tool_pre_invoke', entries: '["a","b"]' },
      { seq: 6, point: 'tool_post_invoke', entries: '["a"]' },
    ])
  })

  it('that is not what its type says does not hold up those behind it', async () => {
    const table = tableAt()
    const code = { odd: 1 } as unknown as string
    await table.append([record(1, { code }), record(2, { durationMs: Number.NaN }), record(3)])
    expect(query(`SELECT code, duration_ms FROM audit_records ${RECORDS}`)).toEqual([
      { code: '{"odd":1}', duration_ms: null },
      { code: null, duration_ms: null },
      { code: null, duration_ms: null },
    ])
  })

  it('that is handed in again is not written again, also by a new thread', async () => {
    const table = tableAt()
    await table.append([record(1), record(2)])
    await table.append([record(1), record(2), record(3)])
    await table.close()
    await table.append([record(2), record(3), record(4)])
    expect(seqs()).toEqual([1, 2, 3, 4])
  })

  it('counts within its run', async () => {
    await tableAt().append([record(1), record(2)])
    await tableAt().append([record(1)])
    expect(query(`SELECT run, seq FROM audit_records ${RECORDS} ORDER BY id`)).toEqual([
      { run: 1, seq: 1 },
      { run: 1, seq: 2 },
      { run: 2, seq: 1 },
    ])
    expect(query('SELECT pid FROM audit_runs')).toEqual([
      { pid: process.pid },
      { pid: process.pid },
    ])
  })
})

describe('the file', () => {
  it('is its owner’s alone, with what SQLite puts beside it, and its folder is made', async () => {
    await tableAt().append([record(1)])
    for (const end of ['', '-wal', '-shm']) expect(statSync(path + end).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700)
  })

  it('loses the rights of others when it is there already', async () => {
    await existing()
    chmodSync(path, 0o666)
    await tableAt().open()
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('is left in one piece by a close', async () => {
    await existing()
    expect([existsSync(path), existsSync(`${path}-wal`)]).toEqual([true, false])
    expect(query('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
  })

  it('that somebody takes away is an error once, and made anew', async () => {
    const table = tableAt()
    await table.append([record(1)])
    rmSync(path)
    rmSync(`${path}-wal`)
    rmSync(`${path}-shm`)
    await table.append([record(2)])
    expect(seqs()).toEqual([2])
  })

  it('may be memory', async () => {
    const table = tableAt(':memory:')
    await table.append([record(1)])
    await table.append([record(2)])
    expect(existsSync(path)).toBe(false)
  })
})

describe('a start is refused, with the reason and the next step, when the store', () => {
  const refused = async (reason: string) =>
    expect(tableAt().open()).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining(reason),
    })

  it('is of a newer release', async () => {
    await existing()
    foreign('PRAGMA user_version = 7')
    await refused('its schema is version 7 and this release knows 1; start a newer release')
  })

  it('is the database of another program, which is left as it is', async () => {
    await existing()
    foreign('PRAGMA application_id = 5; PRAGMA user_version = 0; CREATE TABLE mine (a)')
    await refused('it is the database of another program')
  })

  it('is no database', async () => {
    await existing()
    writeFileSync(path, 'once upon a time, not a database'.repeat(200))
    await refused('file is not a database')
  })

  it('is a link or a folder', async () => {
    await existing()
    const link = join(folder, 'link')
    symlinkSync(path, link)
    for (const at of [link, folder])
      await expect(tableAt(at).open()).rejects.toThrow('it is not a regular file')
  })

  it('is in a folder that cannot be made', async () => {
    writeFileSync(join(folder, 'data'), '')
    await refused('ENOTDIR')
  })

  it('is where no folder can ever be', async () => {
    await expect(tableAt('/proc/nowhere/deep/a.db').open()).rejects.toThrow('/proc/nowhere')
  })

  it('is locked by another process for longer than a moment', async () => {
    await existing()
    const other = new DatabaseSync(path)
    other.exec('BEGIN EXCLUSIVE')
    try {
      await refused('database is locked')
    } finally {
      other.close()
    }
    await tableAt().open()
  })
})

describe('while it runs, a store', () => {
  it('that is locked rejects the batch, stops no loop, and takes the batch again later', async () => {
    const table = tableAt()
    await table.append([record(1)])
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    let turns = 0
    const ticker = setInterval(() => turns++, 10)
    try {
      await expect(table.append([record(2)])).rejects.toThrow('database is locked')
    } finally {
      clearInterval(ticker)
    }
    // the thread waits a second for the other; the loop went on all the while
    expect(turns).toBeGreaterThan(20)
    other.exec('COMMIT')
    other.close()
    await table.append([record(2)])
    expect(seqs()).toEqual([1, 2])
  })

  it('that is full rejects the batch whole and goes on when there is room', async () => {
    const writer = startWriter()
    expect(await writer.append(1, 1)).toBe('')
    // what a full disk is to SQLite: a file that does not grow any more
    await writer.limit(String(statSync(`${path}-wal`).size + 50_000))
    expect(await writer.append(2, 300)).toContain('STORE_UNAVAILABLE')
    expect(seqs()).toEqual([1])
    await writer.limit('unlimited')
    expect(await writer.append(2, 300)).toBe('')
    expect(seqs()).toHaveLength(300)
    await writer.end('SIGTERM')
  })

  it('keeps what it has said is written when the process is killed', async () => {
    const writer = startWriter()
    for (let batch = 0; batch < 20; batch++)
      expect(await writer.append(batch * 100 + 1, batch * 100 + 100)).toBe('')
    // and one that is killed in the middle is there whole or not at all
    void writer.append(2001, 2100).catch(() => {})
    await writer.end('SIGKILL')
    expect(existsSync(`${path}-wal`)).toBe(true)
    expect([2000, 2100]).toContain(seqs().length)
    const after = tableAt()
    await after.append([record(1)])
    expect(query('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
    expect(query('SELECT DISTINCT run FROM audit_records')).toHaveLength(2)
  })

  it('serves two writers at once and loses nothing of either', async () => {
    const tables = [tableAt(), tableAt()]
    await Promise.all(
      tables.map(async (table) => {
        for (let batch = 0; batch < 20; batch++)
          await table.append(Array.from({ length: 50 }, (_, i) => record(batch * 50 + i + 1)))
      }),
    )
    expect(
      query(
        `SELECT run, count(*) AS n, max(seq) AS last FROM audit_records ${RECORDS} GROUP BY run`,
      ),
    ).toEqual([
      { run: 1, n: 1000, last: 1000 },
      { run: 2, n: 1000, last: 1000 },
    ])
  })
})
