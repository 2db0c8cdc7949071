// What a verdict comes to: a refusal that a plugin kept to itself is one, and only who observes lets it pass.
import { describe, expect, it } from 'vitest'
import { admittedBy } from '../../../src/app/attestation/verdict.ts'
import type { Watch } from '../../../src/app/attestation/watch.ts'
import type { Attested } from '../../../src/attest/service/service.ts'

const watch = {
  watched: { policySha256: 'aa', server: { transport: 'tls', name: 'files' } },
} as unknown as Watch
const policy = { id: 'prod', tls: {} }
const preparation = {
  parts: {
    service: { selectionFor: () => ({ policy }) },
    tlsOf: (_policy: unknown, named: boolean) => ({ named }),
  },
} as never
const attested = (result: object) =>
  ({ result: { mode: 'enforce', tls: { spkiSha256: 'bb' }, ...result } }) as unknown as Attested
const REFUSED = attested({ decision: 'deny', reason: 'evidence.debug', says: 'it is debuggable' })
const admitted = (given: Attested | undefined, steps: readonly object[] = []) =>
  admittedBy(watch, given, { preparation, steps: steps as never })

describe('the admission of a server with a policy', () => {
  it('does not follow from a refusal that no entry passed on', () => {
    const denied = { verdict: 'denied', reason: 'evidence.debug', says: 'it is debuggable' }
    expect(admitted(REFUSED)).toEqual(denied)
    expect(admitted(REFUSED, [{ verdict: 'pass' }])).toEqual(denied)
    expect(admitted(REFUSED, [{ verdict: 'deny', effective: false, code: 'OTHER' }])).toEqual(
      denied,
    )
  })

  it('follows from one that an entry or the policy only observes, and nothing is pinned then', () => {
    const trust = { pin: undefined, tls: { named: false } }
    const observed = { verdict: 'accepted', until: undefined, trust }
    const step = { verdict: 'deny', effective: false, code: 'ATTESTATION_DENIED' }
    expect(admitted(REFUSED, [step])).toEqual(observed)
    expect(admitted(attested({ decision: 'deny', mode: 'observe' }))).toEqual(observed)
    expect(admitted(attested({ decision: 'accept', mode: 'observe', expires: 5 }))).toEqual({
      ...observed,
      until: 5,
    })
  })

  it('pins the key that was attested', () => {
    expect(admitted(attested({ decision: 'accept', expires: 5 }))).toEqual({
      verdict: 'accepted',
      until: 5,
      trust: { pin: 'bb', tls: { named: true } },
    })
  })

  it('does not follow from nothing', () => {
    expect(admitted(undefined)).toMatchObject({ verdict: 'denied', reason: 'policy.unasked' })
  })
})
