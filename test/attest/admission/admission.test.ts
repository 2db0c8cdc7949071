// The admission of a server: literal courses of events, and what no course of events can bring about.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AdmissionEvent,
  type AdmissionRules,
  type Change,
  isTransient,
  type Look,
  lookAt,
  newStanding,
  restoredStanding,
  type Standing,
  shiftedStanding,
  step,
} from '../../../src/attest/admission/admission.ts'
import { REASONS, type Reason } from '../../../src/attest/reasons.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const T0 = 1_700_000_000_000
const RULES: AdmissionRules = { mode: 'enforce', ttl: 6 * HOUR, interval: HOUR, jitter: 0.1 }

/** One server over time; `random` is what chance says, in the middle unless told. */
class Course {
  now = T0
  standing: Standing
  constructor(rules: AdmissionRules | undefined = RULES, standing = newStanding(rules, T0)) {
    this.standing = standing
  }
  after(ms: number): this {
    this.now += ms
    return this
  }
  on(event: AdmissionEvent, random = 0.5): this {
    this.standing = step(this.standing, event, { now: this.now, random: () => random })
    return this
  }
  attested(random = 0.5, until?: number): this {
    this.on({ type: 'begun' })
    const { attempt } = this.standing
    return this.on({ type: 'accepted', attempt, ...(until === undefined ? {} : { until }) }, random)
  }
  denied(reason: Reason, random = 0.5): this {
    return this.on({ type: 'begun' }).on({ type: 'denied', reason }, random)
  }
  changed(change: Exclude<Change, 'policy-change'>): this {
    return this.on({ type: 'changed', change })
  }
  get look(): Look {
    return lookAt(this.standing, this.now)
  }
  /** State and whether it serves. */
  get is(): string {
    return `${this.look.state}${this.look.serves ? '' : ', serves not'}`
  }
}
const none = () => new Course(undefined, newStanding(undefined, T0))

describe('a server', () => {
  it('that no policy is for serves, and nothing is ever to be done', () => {
    expect(none().look).toEqual({
      state: 'none',
      serves: true,
      wouldRefuse: false,
      reason: undefined,
      attest: false,
      next: undefined,
    })
  })

  it('that was not attested yet does not serve, and is to be attested at once', () => {
    const course = new Course()
    expect(course.look).toMatchObject({ state: 'none', serves: false, attest: true })
    course.denied('tls.unavailable')
    expect(course.look).toMatchObject({ state: 'none', serves: false, reason: 'tls.unavailable' })
  })

  it('is valid after a positive verdict and due an interval later, well before its end', () => {
    const course = new Course().attested()
    expect(course.look).toMatchObject({ state: 'valid', serves: true, attest: false })
    expect(course.look.next).toBe(T0 + HOUR)
    expect(course.after(HOUR - 1).is).toBe('valid')
    expect(course.after(1).look).toMatchObject({ state: 'due', serves: true, attest: true })
    expect(course.look.next).toBe(T0 + 6 * HOUR)
    expect(course.attested().look.next).toBe(T0 + 2 * HOUR)
  })

  it('is due earlier or later by the jitter, so that not all are at once', () => {
    expect(new Course().attested(0).look.next).toBe(T0 + 54 * MINUTE)
    expect(new Course().attested(1).look.next).toBe(T0 + 66 * MINUTE)
  })

  it('whose result ends earlier than the interval is due before that end', () => {
    const course = new Course().attested(0.5, T0 + 10 * MINUTE)
    expect(course.look.next).toBe(T0 + 8 * MINUTE)
    expect(course.after(10 * MINUTE).is).toBe('quarantined, serves not')
    expect(new Course().attested(0.5, T0).is).toBe('quarantined, serves not')
    expect(new Course().attested(0.5, T0 + 99 * HOUR).standing.validUntil).toBe(T0 + 6 * HOUR)
  })

  it('that cannot be attested again for a while has its grace, until its result ends', () => {
    const course = new Course().attested().after(HOUR).denied('evidence.unavailable')
    expect(course.look).toMatchObject({
      state: 'grace',
      serves: true,
      attest: false,
      reason: 'evidence.unavailable',
    })
    expect(course.after(5 * HOUR - 1).is).toBe('grace')
    expect(course.after(1).look).toMatchObject({
      state: 'quarantined',
      serves: false,
      reason: 'evidence.unavailable',
    })
    expect(course.attested().is).toBe('valid')
  })

  it('that nobody attested again is quarantined at the end of its result', () => {
    const course = new Course().attested().after(6 * HOUR)
    expect(course.look).toMatchObject({ serves: false, reason: 'evidence.result_expired' })
    expect(course.look.attest).toBe(true)
  })

  it('against which something was shown is quarantined at once, until a positive verdict', () => {
    const course = new Course().attested().after(MINUTE).denied('evidence.measurement_unlisted')
    expect(course.is).toBe('quarantined, serves not')
    course.after(HOUR).denied('tls.unavailable')
    expect(course.look).toMatchObject({
      state: 'quarantined',
      reason: 'evidence.measurement_unlisted',
    })
    expect(course.attested().look).toMatchObject({ state: 'valid', reason: undefined })
  })

  it('is tried again after longer and longer, at most a quarter of an hour', () => {
    const course = new Course()
    const waits = Array.from({ length: 10 }, () => {
      course.denied('tls.unavailable', 1)
      const wait = (course.look.next ?? 0) - course.now
      course.after(wait)
      return wait / 1000
    })
    expect(waits).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 900, 900])
    expect(new Course().denied('tls.unavailable', 0).look.next).toBe(T0 + 2500)
  })

  it('with another key than before is quarantined at once, and attested at once', () => {
    const course = new Course().attested().after(MINUTE).changed('tls-key-change')
    expect(course.look).toMatchObject({
      state: 'quarantined',
      serves: false,
      attest: true,
      reason: 'tls.key_changed',
    })
    expect(course.attested().is).toBe('valid')
  })

  it('whose key changes again and again while it fails is not attested more often for it', () => {
    const course = new Course().attested().changed('tls-key-change').denied('evidence.signature')
    const { next } = course.look
    expect(course.after(1).changed('tls-key-change').changed('reconnect').look).toMatchObject({
      attest: false,
      next,
    })
  })

  it('something of which was revoked is quarantined at once', () => {
    const course = new Course().attested().changed('collateral-revoked')
    expect(course.look).toMatchObject({ serves: false, attest: true, reason: 'evidence.revoked' })
  })

  it.each(['reference-value-change', 'collateral-refreshed', 'restart', 'reconnect'] as const)(
    'is due at once after %s, and serves meanwhile',
    (change) => {
      const course = new Course().attested().after(MINUTE).changed(change)
      expect(course.look).toMatchObject({ state: 'due', serves: true, attest: true })
    },
  )

  it('is attested at once after documents were refreshed where the policy lists revocation', () => {
    const rules = (on: AdmissionRules['on']): AdmissionRules => ({ ...RULES, ...(on && { on }) })
    for (const [on, attest] of [
      [['collateral-revoked'], true],
      [['policy-change'], false],
    ] as const) {
      const course = new Course(rules(on)).attested().changed('collateral-refreshed')
      expect(course.look).toMatchObject({ serves: true, attest })
    }
  })

  it('is not attested at once for what the policy does not list', () => {
    const rules: AdmissionRules = { ...RULES, on: ['policy-change'] }
    const course = new Course(rules).attested().changed('reconnect')
    expect(course.look).toMatchObject({ state: 'valid', attest: false })
    expect(course.changed('tls-key-change').look).toMatchObject({ serves: false, attest: false })
    expect(course.on({ type: 'policy', rules }).look.attest).toBe(true)
  })

  it('under another policy is due at once, and its result holds no longer than the new one lets it', () => {
    const course = new Course().attested().after(30 * MINUTE)
    course.on({ type: 'policy', rules: { ...RULES, ttl: HOUR } })
    expect(course.look).toMatchObject({ state: 'due', serves: true, attest: true })
    expect(course.after(30 * MINUTE).is).toBe('quarantined, serves not')
  })

  it('is not kept by what another policy said when it does not let itself be judged by the new one', () => {
    const course = new Course().attested().on({ type: 'policy', rules: { ...RULES, ttl: HOUR } })
    course.denied('evidence.unavailable')
    expect(course.is).toBe('grace')
    expect(course.after(MINUTE).is).toBe('quarantined, serves not')
  })

  it('holds as long as it did after the clock was put back', () => {
    const course = new Course().attested()
    const back = new Course(RULES, shiftedStanding(course.standing, -48 * HOUR))
    back.now = course.now - 48 * HOUR
    expect(back.after(6 * HOUR - 1).look.serves).toBe(true)
    expect(back.after(1).look.serves).toBe(false)
  })

  it('that comes under a policy does not serve until it was attested, whatever it was under before', () => {
    const course = none().on({ type: 'policy', rules: RULES })
    expect(course.is).toBe('none, serves not')
    course.attested().on({ type: 'policy', rules: undefined })
    expect(course.is).toBe('none')
    expect(course.on({ type: 'policy', rules: RULES }).is).toBe('none, serves not')
  })

  it('that is removed serves no more, whatever comes', () => {
    const course = new Course().attested().on({ type: 'removed' })
    expect(course.is).toBe('removed, serves not')
    expect(course.attested().on({ type: 'policy', rules: undefined }).look).toMatchObject({
      state: 'removed',
      serves: false,
      attest: false,
      next: undefined,
    })
  })
})

describe('an attempt', () => {
  it('is waited for a minute and then made again', () => {
    const course = new Course().on({ type: 'begun' })
    expect(course.look).toMatchObject({ attest: false, next: T0 + MINUTE })
    expect(course.after(MINUTE).look.attest).toBe(true)
  })

  it('that began before a change does not admit after it', () => {
    const course = new Course().attested().after(HOUR).on({ type: 'begun' })
    const old = course.standing.attempt
    course.changed('tls-key-change').on({ type: 'accepted', attempt: old })
    expect(course.is).toBe('quarantined, serves not')
    course.on({ type: 'begun' }).on({ type: 'accepted', attempt: old })
    expect(course.is).toBe('quarantined, serves not')
    course.on({ type: 'accepted', attempt: course.standing.attempt })
    expect(course.is).toBe('valid')
  })

  it('that is over does not disturb the next by a transient failure, and does by a negative verdict', () => {
    const course = new Course().attested().after(HOUR).on({ type: 'begun' })
    const old = course.standing.attempt
    course.after(MINUTE).on({ type: 'begun' })
    course.on({ type: 'denied', attempt: old, reason: 'internal.timeout' })
    expect(course.look).toMatchObject({ state: 'due', attest: false })
    course.on({ type: 'denied', attempt: old, reason: 'evidence.debug' })
    expect(course.is).toBe('quarantined, serves not')
    course.on({ type: 'accepted', attempt: course.standing.attempt })
    expect(course.is).toBe('quarantined, serves not')
  })
})

describe('after a start of the gateway a server', () => {
  const kept = { acceptedAt: T0 - HOUR, validUntil: T0 + 5 * HOUR, reason: undefined }
  const restored = (more: Partial<typeof kept> | { reason: Reason } = {}, rules = RULES) =>
    new Course(rules, restoredStanding({ ...kept, ...more }, rules, T0))

  it('that was valid serves until the end of its result, and is attested at once', () => {
    const course = restored()
    expect(course.look).toMatchObject({ state: 'due', serves: true, attest: true })
    expect(course.after(5 * HOUR).is).toBe('quarantined, serves not')
  })

  it('whose result has ended, or ends earlier under the policy of now, does not serve', () => {
    expect(restored({ validUntil: T0 }).is).toBe('quarantined, serves not')
    expect(restored({}, { ...RULES, ttl: HOUR }).is).toBe('quarantined, serves not')
  })

  it('that was quarantined still is', () => {
    expect(restored({ reason: 'evidence.debug' }).look).toMatchObject({
      state: 'quarantined',
      serves: false,
      attest: true,
      reason: 'evidence.debug',
    })
  })
})

describe('a server that is only observed', () => {
  const OBSERVE: AdmissionRules = { ...RULES, mode: 'observe' }

  it('is never quarantined, and what enforce would have done is told', () => {
    const course = new Course(OBSERVE)
    expect(course.look).toMatchObject({ state: 'none', serves: true, wouldRefuse: true })
    expect(course.attested().look).toMatchObject({ state: 'valid', wouldRefuse: false })
    course.denied('evidence.debug')
    expect(course.look).toMatchObject({
      state: 'none',
      serves: true,
      wouldRefuse: true,
      reason: 'evidence.debug',
    })
  })
})

describe('whatever happens in whatever order', () => {
  const reason = fc.constantFrom(...(Object.keys(REASONS) as Reason[]))
  const event: fc.Arbitrary<AdmissionEvent> = fc.oneof(
    fc.constant({ type: 'begun' as const }),
    fc.record({ type: fc.constant('accepted' as const), attempt: fc.nat({ max: 12 }) }),
    fc.record({
      type: fc.constant('accepted' as const),
      attempt: fc.nat({ max: 12 }),
      until: fc.nat({ max: 20 * HOUR }).map((ms) => T0 + ms),
    }),
    fc.record({ type: fc.constant('denied' as const), reason }),
    fc.record({ type: fc.constant('denied' as const), reason, attempt: fc.nat({ max: 12 }) }),
    fc.record({
      type: fc.constant('changed' as const),
      change: fc.constantFrom(
        ...(['tls-key-change', 'collateral-revoked', 'restart', 'reconnect'] as const),
        ...(['reference-value-change', 'collateral-refreshed'] as const),
      ),
    }),
    fc.constantFrom(
      { type: 'policy' as const, rules: RULES },
      { type: 'policy' as const, rules: { ...RULES, ttl: 2 * HOUR } },
    ),
  )
  const steps = fc.array(
    fc.record({
      event,
      passed: fc.oneof(fc.nat({ max: 2 * MINUTE }), fc.nat({ max: 3 * HOUR })),
      random: fc.double({ min: 0, max: 1, noNaN: true }),
      /** An attempt that goes well, whatever its number. */
      attested: fc.boolean(),
    }),
    { maxLength: 40 },
  )
  type Step = typeof steps extends fc.Arbitrary<(infer S)[]> ? S : never

  const run = (course: Course, { event, passed, random, attested }: Step): void => {
    course.after(passed)
    if (attested) course.attested(random)
    else course.on(event, random)
  }

  it('no server serves past the time of its last positive verdict', () => {
    fc.assert(
      fc.property(steps, fc.nat({ max: 12 * HOUR }), (all, later) => {
        const course = new Course()
        let last = Number.NEGATIVE_INFINITY
        for (const each of all) {
          run(course, each)
          if (each.attested || each.event.type === 'accepted') last = course.now
          const look = lookAt(course.standing, course.now + later)
          if (look.serves) expect(course.now + later - last).toBeLessThan(RULES.ttl)
        }
      }),
      { numRuns: 1000, seed: 6 },
    )
  })

  it('no server serves after a negative verdict until a positive one', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const course = new Course()
        let negative = false
        for (const each of all) {
          run(course, each)
          const { event } = each
          if (each.attested || event.type === 'accepted') negative = false
          else if (event.type === 'denied') negative ||= !isTransient(event.reason)
          else if (event.type === 'changed')
            negative ||= ['tls-key-change', 'collateral-revoked'].includes(event.change)
          if (negative) expect(course.look.serves).toBe(false)
        }
      }),
      { numRuns: 1000, seed: 6 },
    )
  })

  it('an observed server serves, and is told of exactly where the enforced one does not', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const modes = (['enforce', 'observe'] as const).map(
          (mode) => new Course({ ...RULES, mode }),
        )
        const [strict, lax] = modes as [Course, Course]
        for (const each of all) {
          run(strict, each)
          const { event } = each
          const rules = event.type === 'policy' ? event.rules : undefined
          run(
            lax,
            rules
              ? { ...each, event: { type: 'policy', rules: { ...rules, mode: 'observe' } } }
              : each,
          )
          expect(lax.look.serves).toBe(true)
          expect(lax.look.state).not.toBe('quarantined')
          expect(lax.look.wouldRefuse).toBe(!strict.look.serves)
          expect({ ...lax.look, serves: 0, state: 0, wouldRefuse: 0 }).toEqual({
            ...strict.look,
            serves: 0,
            state: 0,
            wouldRefuse: 0,
          })
        }
      }),
      { numRuns: 500, seed: 6 },
    )
  })

  it('nothing changes by time alone before the moment that was told, and something is always to come', () => {
    fc.assert(
      fc.property(steps, fc.double({ min: 0, max: 0.999, noNaN: true }), (all, share) => {
        const course = new Course()
        for (const each of all) {
          run(course, each)
          const { next, ...look } = course.look
          expect(look.attest || next !== undefined).toBe(true)
          if (next === undefined) continue
          expect(next).toBeGreaterThan(course.now)
          const { next: again, ...between } = lookAt(
            course.standing,
            course.now + Math.floor((next - course.now) * share),
          )
          expect([between, again]).toEqual([look, next])
        }
      }),
      { numRuns: 500, seed: 6 },
    )
  })

  it('an attempt that failed is not made again at once, and within a quarter of an hour', () => {
    fc.assert(
      fc.property(steps, reason, (all, why) => {
        const course = new Course()
        for (const each of all) run(course, each)
        course.denied(why, 0)
        const { attemptAt } = course.standing
        expect(course.look.attest).toBe(false)
        expect(attemptAt - course.now).toBeGreaterThanOrEqual(2500)
        expect(attemptAt - course.now).toBeLessThanOrEqual(15 * MINUTE)
      }),
      { numRuns: 300, seed: 6 },
    )
  })
})
