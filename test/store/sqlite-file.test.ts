// The store in a file of SQLite: whose it is, what it shares, and what happens when it cannot be had.
import { mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createStore } from '../../src/store/open.ts'
import { createAuditTable } from '../../src/store/sqlite-thread.ts'
import type { Store } from '../../src/store/store.ts'

let folder: string
let path: string
const open: Store[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'))
  path = join(folder, 'data', 'portcullis.db')
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((store) => store.close()))
  rmSync(folder, { recursive: true })
})

function storeAt(at = path): Store {
  const store = createStore({ url: `sqlite:${at}`, pool: 1 }, { clock: systemClock })
  open.push(store)
  return store
}
const commit = (store: Store, id: string) =>
  store.commit({
    writes: [{ op: 'put', kind: 'k', id, tenant: undefined, body: {}, expect: 0 }],
    by: 'ada',
    requestId: 'r',
  })
const refused = (attempt: Promise<unknown>, reason: string) =>
  expect(attempt).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining(reason),
  })

it('is not made before it is used', async () => {
  const store = storeAt()
  await store.close()
  await refused(store.start(), 'is closed')
  expect(() => statSync(join(folder, 'data'))).toThrow('ENOENT')
})

it('is its owner’s alone, with what SQLite puts beside it', async () => {
  await commit(storeAt(), 'a')
  for (const end of ['', '-wal', '-shm']) expect(statSync(path + end).mode & 0o777).toBe(0o600)
  expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700)
})

it('is shared with the audit, whichever is first', async () => {
  const table = createAuditTable({ path, clock: systemClock, log: silentLogger })
  const store = storeAt()
  try {
    const record = { time: 1, seq: 1, kind: 'refusal' } as const
    await Promise.all([table.append([record]), store.start()])
    await Promise.all([table.append([{ ...record, seq: 2 }]), commit(store, 'a')])
  } finally {
    await table.close()
  }
  await store.close()
  const again = storeAt()
  expect(await again.revision()).toBe(1)
})

it('is there again after a close', async () => {
  const store = storeAt()
  await commit(store, 'a')
  await store.close()
  await refused(store.get('k', 'a'), 'is closed')
  expect(await storeAt().get('k', 'a')).toMatchObject({ id: 'a', version: 1 })
})

it('keeps tickets and notes over a close, and two that have it open redeem one ticket once', async () => {
  const first = storeAt()
  const ticket = { kind: 'k', key: 'a', scope: 's', body: { n: 1 }, expiresAt: Date.now() + 60_000 }
  const limits = { perScope: 9, inAll: 9 }
  await first.issueTicket(ticket, limits)
  await first.issueTicket({ ...ticket, key: 'b' }, limits)
  await first.redeemTicket('k', 'b')
  await first.putNote({ kind: 'k', key: 'a', body: { n: 2 } })
  await first.close()
  await refused(first.redeemTicket('k', 'a'), 'is closed')
  const [left, right] = [storeAt(), storeAt()]
  expect(await left.redeemTicket('k', 'b')).toEqual({ outcome: 'used' })
  expect(await right.note('k', 'a')).toMatchObject({ version: 1, body: { n: 2 } })
  const both = await Promise.all([left, right].map((store) => store.redeemTicket('k', 'a')))
  expect(both.map(({ outcome }) => outcome).sort()).toEqual(['redeemed', 'used'])
})

it('that is locked for longer than a moment is an error, stops no loop, and works again later', async () => {
  const store = storeAt()
  await commit(store, 'a')
  const other = new DatabaseSync(path)
  other.exec('BEGIN IMMEDIATE')
  let turns = 0
  const ticker = setInterval(() => turns++, 10)
  try {
    await refused(commit(store, 'b'), 'database is locked')
    await refused(store.redeemTicket('k', 'a'), 'database is locked')
    // who only reads does not wait
    expect(await store.get('k', 'a')).toBeDefined()
  } finally {
    clearInterval(ticker)
    other.exec('ROLLBACK')
    other.close()
  }
  expect(turns).toBeGreaterThan(20)
  expect(await commit(store, 'b')).toEqual({ revision: 2, versions: [1] })
})

it('that somebody takes away is an error once, and made anew', async () => {
  const store = storeAt()
  await commit(store, 'a')
  for (const end of ['', '-wal', '-shm']) rmSync(path + end)
  await refused(commit(store, 'b'), 'no such table')
  expect(await commit(store, 'b')).toEqual({ revision: 1, versions: [1] })
})

it('that is a link, or the database of another program, is refused and left as it is', async () => {
  await commit(storeAt(), 'a')
  const link = join(folder, 'link')
  symlinkSync(path, link)
  await refused(storeAt(link).start(), 'it is not a regular file')
  const foreign = join(folder, 'foreign.db')
  const db = new DatabaseSync(foreign)
  db.exec('CREATE TABLE mine (a)')
  db.close()
  await refused(storeAt(foreign).start(), 'it is the database of another program')
})

it('may be put right while the process runs', async () => {
  const store = storeAt(join(folder, 'data'))
  await commit(storeAt(), 'a')
  await refused(store.start(), 'it is not a regular file')
  rmSync(join(folder, 'data'), { recursive: true })
  expect(await store.revision()).toBe(0)
})
