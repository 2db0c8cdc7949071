// Numbers of revocation lists and TCB information, remembered over appraisals, restarts and replicas.
import { describe, expect, it } from 'vitest'
import { createSeenNumbers } from '../../../src/attest/service/seen-numbers.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { appraised, requestOf, TDX } from '../appraisal/world.ts'
import { policyOf } from '../policy/world.ts'
import { steppedClock } from '../spiffe/stepped-clock.ts'

async function store() {
  const clock = steppedClock()
  const made = createMemoryStore({ clock })
  await made.start()
  return { clock, store: made }
}
const entries = async (seen: ReturnType<typeof createSeenNumbers>) => [...(await seen.all())]

describe('the numbers that were seen', () => {
  it('only grow, also over a restart', async () => {
    const { store: made } = await store()
    const seen = createSeenNumbers(made)
    await seen.note([{ name: 'crl-a', number: 'f' }])
    await seen.note([{ name: 'crl-a', number: '10' }])
    await expect(seen.note([{ name: 'crl-a', number: 'ff0' }])).resolves.toBeUndefined()
    await expect(seen.note([{ name: 'crl-a', number: 'f' }])).rejects.toMatchObject({
      reason: 'internal.busy',
    })
    expect(await entries(createSeenNumbers(made))).toEqual([['crl-a', 'ff0']])
  })

  it('are those of every gateway over the same store', async () => {
    const { store: made } = await store()
    const [one, other] = [createSeenNumbers(made), createSeenNumbers(made)]
    expect(await entries(other)).toEqual([])
    await one.note([{ name: 'crl-a', number: '7' }])
    await expect(other.note([{ name: 'crl-a', number: '6' }])).rejects.toMatchObject({
      reason: 'internal.busy',
    })
    expect(await entries(other)).toEqual([['crl-a', '7']])
    await expect(other.note([{ name: 'crl-a', number: '7' }])).resolves.toBeUndefined()
  })

  it('are bounded: the one that was noted first makes room', async () => {
    const { store: made, clock } = await store()
    const seen = createSeenNumbers(made, 2)
    for (const name of ['a', 'b', 'c']) {
      await seen.note([{ name, number: '1' }])
      await clock.pass(1)
    }
    expect(await entries(seen)).toEqual([['b', '1'], ['c', '1']]) // biome-ignore format: one line
    expect(await entries(createSeenNumbers(made, 2))).toEqual([['b', '1'], ['c', '1']]) // biome-ignore format: one line
  })
})

describe('TCB information', () => {
  const policy = policyOf(
    'version: 1\nid: tdx\nevidence:\n  require: { any_of: [tdx] }\n  tdx: { reference: { mrtd: [] } }',
  )
  const judged = (seen?: ReadonlyMap<string, string>) =>
    appraised(policy, { ...requestOf(policy), evidence: [TDX], ...(seen && { seen }) })

  it('is known by FMSPC and number, with the lists beside it, whatever comes of the server', () => {
    const { numbered } = judged()
    expect(
      numbered.map(({ name, number }) => [name.replace(/^[0-9a-f]{64}$/, 'crl'), number]),
    ).toEqual(
      expect.arrayContaining([
        ['tdx-tcb:b0c06f000000', '11'],
        ['tdx-qe', '11'],
        ['crl', '1'],
      ]),
    )
  })

  it('that is older than what another machine of the kind has shown is refused', () => {
    const { reason, says } = judged(new Map([['tdx-tcb:b0c06f000000', '12']]))
    expect(reason).toBe('evidence.collateral_stale')
    expect(says).toContain('tdx-tcb:b0c06f000000')
    expect(judged(new Map([['tdx-tcb:b0c06f000000', '11']])).reason).not.toBe(reason)
  })

  it('with an older list of the root beside it is refused', () => {
    const { numbered } = judged()
    const list = numbered.find(({ name }) => /^[0-9a-f]{64}$/.test(name))
    expect(judged(new Map([[list?.name ?? '', 'ffff']])).reason).toBe('evidence.collateral_stale')
  })
})
