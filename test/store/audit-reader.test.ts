// Kept records as the admin API asks for them: pages from the youngest, every filter, a cursor, and an export that ends.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuditReader } from '../../src/audit/reader.ts'
import type { AuditRecord } from '../../src/audit/record.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createAuditReader } from '../../src/store/audit/reader.ts'
import { createAuditTable } from '../../src/store/sqlite-thread.ts'

const COUNT = 1200
let folder: string
let reader: AuditReader
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'reader-'))
  const path = join(folder, 'portcullis.db')
  const table = createAuditTable({ path, clock: systemClock, log: silentLogger })
  const records = Array.from({ length: COUNT }, (_, index) => recordAt(index + 1))
  await table.append(records)
  await table.close()
  reader = createAuditReader(path, systemClock)
})
afterAll(async () => {
  await reader.close()
  rmSync(folder, { recursive: true })
})

function recordAt(seq: number): AuditRecord {
  const kind = seq % 2 === 0 ? 'refusal' : 'execution'
  return {
    time: seq, seq, kind, requestId: `r${seq}`, principal: { id: `p${seq % 3}`, kind: 'user' }, server: `s${seq % 4}`, target: `t${seq % 5}`,
    point: `point${seq % 6}`, entry: `e${seq % 7}`, code: `C${seq % 8}`, outcome: `o${seq % 9}`,
  } // biome-ignore format: one row
}

const seqs = (records: readonly unknown[]) => records.map((each) => (each as AuditRecord).seq)

describe('a search', () => {
  it('goes from the youngest to the oldest, page by page, each record once', async () => {
    const found: number[] = []
    let cursor: string | undefined
    do {
      const page = await reader.search({ kind: 'refusal', limit: 100, cursor })
      expect(page.records.length).toBeLessThanOrEqual(100)
      found.push(...seqs(page.records))
      cursor = page.next
    } while (cursor !== undefined)
    expect(found).toEqual(Array.from({ length: COUNT / 2 }, (_, index) => COUNT - 2 * index))
  })

  it.each<[object, (seq: number) => boolean]>([
    [{ principal: 'p1' }, (seq) => seq % 3 === 1],
    [{ server: 's1' }, (seq) => seq % 4 === 1],
    [{ target: 't1' }, (seq) => seq % 5 === 1],
    [{ point: 'point1' }, (seq) => seq % 6 === 1],
    [{ entry: 'e1' }, (seq) => seq % 7 === 1],
    [{ code: 'C1' }, (seq) => seq % 8 === 1],
    [{ outcome: 'o1' }, (seq) => seq % 9 === 1],
    [{ requestId: 'r17' }, (seq) => seq === 17],
    [{ from: 10, to: 20 }, (seq) => seq >= 10 && seq < 20],
    [{ from: 10, to: 20, kind: 'refusal', principal: 'p0' }, (seq) => seq === 12 || seq === 18],
    [{ server: "' OR 1=1 --" }, () => false],
  ])('finds what answers %j', async (query, wanted) => {
    const all = Array.from({ length: COUNT }, (_, index) => COUNT - index)
    const { records } = await reader.search({ ...query, limit: 1000 })
    expect(seqs(records)).toEqual(all.filter(wanted).slice(0, 1000))
  })

  it('refuses a cursor of somebody else', async () => {
    for (const cursor of ['x', '0', '-1', '1 OR 1=1', '9'.repeat(30)])
      await expect(reader.search({ limit: 1, cursor })).rejects.toMatchObject({
        code: 'WIRE_BAD_CURSOR',
      })
  })
})

it('an export goes from the oldest to the youngest, and ends', async () => {
  const found: unknown[] = []
  for await (const each of reader.export({ from: 1, to: COUNT + 1 })) found.push(each)
  expect(seqs(found)).toEqual(Array.from({ length: COUNT }, (_, index) => index + 1))
})

it('a store that is not there is unavailable, and is not made by who reads', async () => {
  const missing = createAuditReader(join(folder, 'missing.db'), systemClock)
  await expect(missing.search({ limit: 1 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  await missing.close()
})
