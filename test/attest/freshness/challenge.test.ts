// Challenges over real stores: issued within limits, taken once whatever comes of it, by one of many replicas, and refused when nobody can say.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createChallenges } from '../../../src/attest/freshness/challenge.ts'
import { createReplayGuard } from '../../../src/attest/freshness/replay.ts'
import { REASONS } from '../../../src/attest/reasons.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { createStore } from '../../../src/store/open.ts'
import type { Store } from '../../../src/store/store.ts'
import { ManualClock } from '../../engine/support.ts'

const TIMES = { ttl: 120_000, skew: 30_000 }
const FILES = {
  serverId: 'files',
  targetUrl: 'https://files.example/mcp',
  policy: 'prod-confidential',
}
const START = 1_700_000_001_000

/** The same bytes in every run, and never the same twice. */
function counted(seed = ''): (size: number) => Uint8Array {
  let calls = 0
  return (size) => createHash('sha512').update(`${seed}${++calls}`).digest().subarray(0, size)
}

const challengesOf = (tickets: Store, clock: ManualClock, seed = '') =>
  createChallenges({ tickets, clock, random: counted(seed) })

async function refusal(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => undefined,
    (thrown) => thrown,
  )
  expect(error).toMatchObject({ name: 'Denial' })
  return error.reason
}

describe('a challenge', () => {
  let clock: ManualClock
  let store: Store
  beforeEach(() => {
    clock = new ManualClock()
    store = createMemoryStore({ clock })
  })

  it('has 32 random bytes, an id of its own, and a time to be answered in', async () => {
    const challenges = challengesOf(store, clock)
    const [first, second] = [
      await challenges.issue(FILES, TIMES),
      await challenges.issue(FILES, TIMES),
    ]
    expect(first).toMatchObject({ ...FILES, issuedAt: START, expiresAt: START + 120_000 })
    expect(first.nonce).toHaveLength(32)
    expect(first.id).toMatch(/^[A-Za-z0-9_-]{22}$/)
    expect(second.id).not.toBe(first.id)
    expect(second.nonce).not.toEqual(first.nonce)
  })

  it('leaves room for the others of an id that somebody else claims as well', async () => {
    const challenges = challengesOf(store, clock)
    for (let open = 0; open < 8; open++)
      await challenges.issue({ ...FILES, scope: 'mallory' }, TIMES)
    const more = challenges.issue({ ...FILES, scope: 'mallory' }, TIMES)
    expect(await refusal(more)).toBe('internal.busy')
    const { id } = await challenges.issue({ ...FILES, scope: 'files' }, TIMES)
    expect(await challenges.consume(id, 'files')).toMatchObject({ id })
  })

  it('is taken as it was issued, once, also when what came with it is refused afterwards', async () => {
    const challenges = challengesOf(store, clock)
    const issued = await challenges.issue(FILES, TIMES)
    const taken = await challenges.consume(issued.id, 'files')
    expect({ ...taken, nonce: [...taken.nonce] }).toEqual({
      ...issued,
      nonce: [...issued.nonce],
    })
    // whatever the appraisal said meanwhile, the second presentation is a replay
    for (const server of ['files', 'mail'])
      expect(await refusal(challenges.consume(issued.id, server))).toBe('evidence.replay')
  })

  it('may be answered until its time and what clocks differ by are over', async () => {
    const challenges = challengesOf(store, clock)
    const [late, tooLate] = [
      await challenges.issue(FILES, TIMES),
      await challenges.issue(FILES, TIMES),
    ]
    await clock.advance(149_999)
    expect(await challenges.consume(late.id, 'files')).toMatchObject({ id: late.id })
    await clock.advance(1)
    expect(await refusal(challenges.consume(tooLate.id, 'files'))).toBe('evidence.stale')
  })

  it('that never was is of another nonce, whatever its id looks like', async () => {
    const challenges = challengesOf(store, clock)
    for (const id of ['', 'A'.repeat(22), 'A'.repeat(23), '\0', '\ud800', '__proto__'])
      expect(await refusal(challenges.consume(id, 'files'))).toBe('evidence.nonce_mismatch')
  })

  it('that another server presents is used up and refused', async () => {
    const challenges = challengesOf(store, clock)
    const { id } = await challenges.issue(FILES, TIMES)
    expect(await refusal(challenges.consume(id, 'mail'))).toBe('evidence.nonce_mismatch')
    expect(await refusal(challenges.consume(id, 'files'))).toBe('evidence.replay')
  })

  it('is one of eight of a server and of 1024 in all; taken and expired ones make room', async () => {
    const challenges = challengesOf(store, clock)
    const issue = (serverId: string) => challenges.issue({ ...FILES, serverId }, TIMES)
    const first = await issue('files')
    for (let n = 1; n < 8; n++) await issue('files')
    expect(await refusal(issue('files'))).toBe('internal.busy')
    await challenges.consume(first.id, 'files')
    await issue('files')
    for (let n = 0; n < 127 * 8; n++) await issue(`s${n % 127}`)
    expect(await refusal(issue('mail'))).toBe('internal.busy')
    await clock.advance(150_000)
    expect(await issue('mail')).toMatchObject({ serverId: 'mail' })
  })

  it('whose id is there already is a fault, not a second one', async () => {
    await challengesOf(store, clock).issue(FILES, TIMES)
    expect(await refusal(challengesOf(store, clock).issue(FILES, TIMES))).toBe('internal.error')
  })

  it('goes to one of many that present it at once', async () => {
    const challenges = challengesOf(store, clock)
    const { id } = await challenges.issue(FILES, TIMES)
    const all = await Promise.allSettled(
      Array.from({ length: 50 }, () => challenges.consume(id, 'files')),
    )
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })
})

describe('challenges in an SQLite file', () => {
  let folder: string
  const open: Store[] = []
  const clock = new ManualClock()
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'challenge-'))
  })
  afterEach(async () => {
    await Promise.all(open.splice(0).map((store) => store.close()))
    rmSync(folder, { recursive: true })
  })
  const replica = (): Store => {
    const store = createStore({ url: `sqlite:${join(folder, 'p.db')}`, pool: 1 }, { clock })
    open.push(store)
    return store
  }

  it('outlive the gateway, open ones and used ones', async () => {
    const before = replica()
    const [first, second] = [
      await challengesOf(before, clock).issue(FILES, TIMES),
      await challengesOf(before, clock, 'b').issue(FILES, TIMES),
    ]
    await challengesOf(before, clock).consume(first.id, 'files')
    await before.close()
    const after = challengesOf(replica(), clock)
    expect(await refusal(after.consume(first.id, 'files'))).toBe('evidence.replay')
    const taken = await after.consume(second.id, 'files')
    expect([...taken.nonce]).toEqual([...second.nonce])
  })

  it('are taken by one of two gateways', async () => {
    const [left, right] = [challengesOf(replica(), clock), challengesOf(replica(), clock, 'r')]
    for (let round = 0; round < 5; round++) {
      const { id } = await left.issue(FILES, TIMES)
      const both = await Promise.allSettled([left, right].map((each) => each.consume(id, 'files')))
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    }
  })

  it('are neither issued nor taken when the store cannot be asked', async () => {
    const store = replica()
    const challenges = challengesOf(store, clock)
    const { id } = await challenges.issue(FILES, TIMES)
    await store.close()
    const unavailable = 'internal.store_unavailable'
    expect(await refusal(challenges.issue(FILES, TIMES))).toBe(unavailable)
    expect(await refusal(challenges.consume(id, 'files'))).toBe(unavailable)
    const guard = createReplayGuard(store)
    expect(await refusal(guard.accept({ serverId: 'files', claims: [SNP], until: START }))).toBe(
      unavailable,
    )
    expect(REASONS[unavailable].transient).toBe(true)
  })
})

it('a fault of the store that is none of reach stays what it is', async () => {
  const fault = new TypeError('a fault')
  const real = createMemoryStore({ clock: new ManualClock() })
  const store: Store = { ...real, redeemTicket: () => Promise.reject(fault) }
  const challenges = challengesOf(store, new ManualClock())
  await expect(challenges.consume('A'.repeat(22), 'files')).rejects.toBe(fault)
})

const SNP = { type: 'sev-snp', contentSha256: 'ab'.repeat(32) } as const
const TPM = { type: 'tpm', contentSha256: 'cd'.repeat(32) } as const

describe('accepted evidence', () => {
  it('is accepted once while its result holds, for whichever server', async () => {
    const clock = new ManualClock()
    const guard = createReplayGuard(createMemoryStore({ clock }))
    const until = START + 6 * 3_600_000
    await guard.accept({ serverId: 'files', claims: [SNP], until })
    for (const serverId of ['files', 'mail'])
      expect(await refusal(guard.accept({ serverId, claims: [TPM, SNP], until }))).toBe(
        'evidence.replay',
      )
    await clock.advance(6 * 3_600_000)
    await guard.accept({ serverId: 'files', claims: [SNP], until: until + 1000 })
  })

  it('is one document of its kind: another kind with the same digest is another', async () => {
    const guard = createReplayGuard(createMemoryStore({ clock: new ManualClock() }))
    const until = START + 1000
    await guard.accept({ serverId: 'files', claims: [SNP], until })
    const sameDigest = { ...TPM, contentSha256: SNP.contentSha256 }
    await guard.accept({ serverId: 'files', claims: [sameDigest], until })
  })

  it('beyond what may be remembered is refused, not forgotten', async () => {
    const tickets = createMemoryStore({ clock: new ManualClock() })
    const guard = createReplayGuard(tickets, { perScope: 1, inAll: 2 })
    const accept = (serverId: string, contentSha256: string) =>
      guard.accept({ serverId, claims: [{ ...SNP, contentSha256 }], until: START + 1000 })
    await accept('files', 'a')
    expect(await refusal(accept('files', 'b'))).toBe('internal.busy')
    expect(await refusal(accept('files', 'a'))).toBe('evidence.replay')
  })
})
