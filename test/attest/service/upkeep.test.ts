// Collateral kept fresh between attestations: when it is asked for, and who is told that it is another one. The clock is the test's.
import { describe, expect, it } from 'vitest'
import type { CollateralNeed } from '../../../src/attest/collateral.ts'
import { createCollateralSource } from '../../../src/attest/service/collateral-source.ts'
import { createUpkeep } from '../../../src/attest/service/upkeep.ts'
import { steppedClock } from '../spiffe/stepped-clock.ts'

const MINUTE = 60_000
const need = (id: string, changes: Partial<CollateralNeed> = {}): CollateralNeed => ({
  id,
  kind: 'crl',
  urls: [`http://lists.test/${id}`],
  required: true,
  ...changes,
})

function keeping(supplied: readonly string[] = []) {
  const clock = steppedClock()
  const documents = new Map<string, string>()
  const asked: string[] = []
  const told: string[][] = []
  const bytesOf = (text: string) => ({ bytes: Buffer.from(text), receivedAt: clock.wall() })
  const source = createCollateralSource({
    clock,
    supplied: new Map(supplied.map((id) => [id, bytesOf('supplied')])),
    refresh: 30 * MINUTE,
    failed: () => {},
    async fetch(url) {
      const id = new URL(url).pathname.slice(1)
      asked.push(id)
      const text = documents.get(id)
      if (text === undefined) throw new Error('nobody is there')
      return { bytes: Buffer.from(text), headers: {} }
    },
  })
  const upkeep = createUpkeep({
    source,
    clock,
    random: () => 0,
    refresh: 30 * MINUTE,
    changed: (servers) => told.push([...servers].sort()),
  })
  const rest = async (server: string, needs: readonly CollateralNeed[], until?: number) => {
    const collateral = await source.get(needs)
    upkeep.rest(server, { needs, collateral, until: until && clock.wall() + until })
    asked.length = 0
  }
  return { clock, documents, asked, told, upkeep, rest, source }
}

describe('collateral that servers rest on', () => {
  it('is fetched once for all of them, and those are told of whom it is another one', async () => {
    const { clock, documents, asked, told, rest } = keeping()
    for (const id of ['a', 'b']) documents.set(id, '1')
    await rest('files', [need('a')])
    await rest('mail', [need('a'), need('b')])
    await rest('notes', [need('b')])
    await clock.pass(30 * MINUTE)
    expect(asked.toSorted()).toEqual(['a', 'b'])
    expect(told).toEqual([])
    documents.set('a', '2')
    await clock.pass(30 * MINUTE)
    expect(told).toEqual([['files', 'mail']])
    // who was told of rests on nothing until it was attested again
    documents.set('a', '3')
    await clock.pass(60 * MINUTE)
    expect(told).toHaveLength(1)
    expect(asked.filter((id) => id === 'a')).toHaveLength(2)
  })

  it.each<[string, Partial<CollateralNeed>, number | undefined, number]>([
    ['half of its longest age', { maxAge: 10 * MINUTE }, undefined, 5 * MINUTE],
    ['half of the time that what it is for holds', {}, 20 * MINUTE, 10 * MINUTE],
    ['half an hour at most', { maxAge: 1000 * MINUTE }, 1000 * MINUTE, 30 * MINUTE],
    ['five seconds at least', { maxAge: 1 }, 1, 5000],
  ])('is fetched again after %s', async (_name, changes, until, ms) => {
    const { clock, documents, asked, rest } = keeping()
    documents.set('a', '1')
    await rest('files', [need('a', changes)], until)
    await clock.pass(ms - 1)
    expect(asked).toEqual([])
    await clock.pass(1)
    expect(asked).toEqual(['a'])
  })

  it('goes on as it is while it cannot be had', async () => {
    const { clock, documents, asked, told, rest, source } = keeping()
    documents.set('a', '1')
    await rest('files', [need('a')])
    documents.delete('a')
    await clock.pass(60 * MINUTE)
    expect([asked, told]).toEqual([['a', 'a'], []])
    expect((await source.get([need('a', { maxAge: 1e9 })])).get('a')?.bytes.toString()).toBe('1')
  })

  it('is told of whoever rests on an older one than another server was attested with meanwhile', async () => {
    const { clock, documents, told, rest } = keeping()
    documents.set('a', '1')
    await rest('files', [need('a')])
    documents.set('a', '2')
    await clock.pass(20 * MINUTE)
    await rest('mail', [need('a', { maxAge: MINUTE })])
    await clock.pass(10 * MINUTE)
    expect(told).toEqual([['files']])
  })

  it('is left alone when nobody rests on it, and when it was supplied, or cannot change', async () => {
    const { clock, documents, asked, rest, upkeep } = keeping(['given'])
    for (const id of ['a', 'vcek', 'given']) documents.set(id, '1')
    await rest('files', [need('a')])
    upkeep.forget('files')
    await rest('mail', [need('vcek', { kind: 'certificate' }), need('given')])
    await clock.pass(120 * MINUTE)
    expect(asked).toEqual([])
    await rest('files', [need('a')])
    upkeep.close()
    await clock.pass(120 * MINUTE)
    expect(asked).toEqual([])
  })
})
