// The thread of appraisals: the same verdicts as without it, a deadline, a bound on what waits, and an end.
import { afterEach, describe, expect, it } from 'vitest'
import {
  type Appraiser,
  type AppraiserOptions,
  createAppraiser,
} from '../../../src/attest/appraisal/thread.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { policyOf, tdxPolicy } from '../policy/world.ts'
import { appraised, requestOf, TDX } from './world.ts'

const POLICY = policyOf(tdxPolicy())
const MISBEHAVING = new URL('./misbehaving.ts', import.meta.url)
const open: Appraiser[] = []
const create = (options: Partial<AppraiserOptions> = {}): Appraiser => {
  const appraiser = createAppraiser({ clock: systemClock, ...options })
  open.push(appraiser)
  return appraiser
}
const of = (id: string) => requestOf(POLICY, { server: { id, transport: 'tls' } })

afterEach(async () => {
  await Promise.all(open.splice(0).map((appraiser) => appraiser.close()))
})

describe('the thread', () => {
  it('gives the verdict that the appraisal gives', async () => {
    const appraiser = create()
    const { duration, ...result } = await appraiser.appraise(requestOf(POLICY))
    const { duration: _, ...expected } = appraised(POLICY)
    expect(result).toEqual(expected)
    expect(duration.verify).toBeGreaterThan(0)
  })

  it('says what has to be fetched', async () => {
    const evidence = [{ ...TDX, endorsements: {} }]
    const answer = await create().needs(requestOf(POLICY, { evidence }))
    expect('needs' in answer && answer.needs.length).toBe(4)
  })

  it('answers in turn whatever is asked at once', async () => {
    const appraiser = create()
    const asked = [requestOf(POLICY), requestOf(undefined), requestOf(POLICY, { evidence: [] })]
    const results = await Promise.all(asked.map((request) => appraiser.appraise(request)))
    expect(results.map(({ decision }) => decision)).toEqual(['accept', 'none', 'deny'])
  })
})

describe('a thread that misbehaves', () => {
  it('is ended when its time is over, and the next question has a new one', async () => {
    const appraiser = create({ worker: MISBEHAVING, deadline: 300 })
    const [late, next] = await Promise.all([
      appraiser.appraise(of('runs away')),
      appraiser.needs(of('files')),
    ])
    expect(late).toMatchObject({
      decision: 'deny',
      admits: false,
      reason: 'internal.timeout',
      transient: true,
      serverId: 'runs away',
      policyId: 'confidential',
    })
    expect(next).toEqual({ needs: [] })
  })

  it('refuses when it dies, without a word of why that a stranger wrote', async () => {
    const appraiser = create({ worker: MISBEHAVING })
    expect((await appraiser.appraise(of('dies'))).says).toBe(
      'the appraisal failed by a fault of the gateway: its thread ended',
    )
    expect((await appraiser.appraise(of('throws'))).says).toBe(
      'the appraisal failed by a fault of the gateway: RangeError',
    )
    expect(await appraiser.needs(of('files'))).toEqual({ needs: [] })
  })

  it('refuses when it cannot be started', async () => {
    const appraiser = create({ worker: new URL('./absent.ts', import.meta.url) })
    const refused = await Promise.all([appraiser.appraise(of('a')), appraiser.appraise(of('b'))])
    expect(refused.map(({ reason }) => reason)).toEqual(['internal.error', 'internal.error'])
  })
})

describe('its bounds', () => {
  it('more questions than may wait are refused as busy', async () => {
    const appraiser = create({ queue: 2 })
    const results = await Promise.all(
      Array.from({ length: 4 }, () => appraiser.appraise(requestOf(undefined))),
    )
    expect(results.map(({ reason }) => reason ?? 'none').sort()).toEqual([
      'internal.busy',
      'internal.busy',
      'none',
      'none',
    ])
  })

  it('an idle thread ends and comes back', async () => {
    const appraiser = create({ idle: 50 })
    expect((await appraiser.appraise(requestOf(undefined))).decision).toBe('none')
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect((await appraiser.appraise(requestOf(undefined))).decision).toBe('none')
  })

  it('when it is closed, what waits and what comes after is refused', async () => {
    const appraiser = create({ worker: MISBEHAVING })
    const waiting = [appraiser.appraise(of('runs away')), appraiser.appraise(of('files'))]
    await appraiser.close()
    for (const result of [...(await Promise.all(waiting)), await appraiser.appraise(of('files'))])
      expect(result).toMatchObject({ admits: false, reason: 'internal.error' })
  })
})
