// What a policy makes of genuine TDX and SGX quotes: the defaults deny, and each thing that is allowed is allowed by a word of its own.
import { describe, expect, it } from 'vitest'
import { type SgxPolicy, sgx, sgxSection } from '../../../src/attest/dcap/sgx.ts'
import { type TdxPolicy, tdx, tdxSection } from '../../../src/attest/dcap/tdx.ts'
import { Denial } from '../../../src/attest/denial.ts'
import type { AllowList, Claims } from '../../../src/attest/evidence/evidence.ts'
import { type DcapOptions, makeDcap } from '../synthetic/tdx.ts'

const NOW = Date.parse('2026-11-28T12:00:00Z')
const MRTD = `sha384:${'7d'.repeat(48)}`
const RTMR2 = `sha384:${'a2'.repeat(48)}`
const MRENCLAVE = `sha256:${'ec'.repeat(32)}`
const MRSIGNER = `sha256:${'51'.repeat(32)}`

const list = (...digests: string[]): AllowList =>
  Object.fromEntries(digests.map((digest) => [digest, { id: 'rv:build-7' }]))

const TDX: TdxPolicy = {
  tcb_status: ['UpToDate'],
  tolerate: [],
  allow_debug: false,
  trim_trailing: false,
  require_sept_ve_disable: true,
  allow_migration: false,
  reference: { mrtd: list(MRTD) },
}
const SGX: SgxPolicy = {
  tcb_status: ['UpToDate'],
  tolerate: [],
  allow_debug: false,
  trim_trailing: false,
  reference: { mrenclave: list(MRENCLAVE) },
}

function claimsOf(options: Partial<DcapOptions>, trailer = Buffer.alloc(0)): Claims {
  const { item, root } = makeDcap({ now: NOW, ...options })
  const verifier = item.type === 'tdx' ? tdx : sgx
  return verifier.verify(
    { ...item, bytes: Buffer.concat([item.bytes, trailer]) },
    { now: NOW, skew: 0, expected: undefined, roots: { intel: [root] }, collateral: new Map() },
  )
}

function told(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return error.detail === undefined ? error.reason : `${error.reason}: ${error.detail}`
  }
}

const ofTdx = (claims: Claims, policy: Partial<TdxPolicy> = {}, now = NOW): unknown =>
  told(() => tdx.appraise(claims, { ...TDX, ...policy }, { now }))
const ofSgx = (claims: Claims, policy: Partial<SgxPolicy> = {}): unknown =>
  told(() => sgx.appraise(claims, { ...SGX, ...policy }, { now: NOW }))

const ACCEPTED = {
  trust: { hardware: 2, configuration: 2, executables: 2 },
  matched: ['rv:build-7'],
  warnings: [],
}

describe('a trust domain', () => {
  it('that is up to date and listed is accepted', () => {
    expect(ofTdx(claimsOf({}))).toEqual(ACCEPTED)
    expect(ofTdx(claimsOf({ version: 5 }))).toEqual(ACCEPTED)
  })

  it('must be in every list that the policy has, and in one at least', () => {
    const claims = claimsOf({})
    const unlisted = (name: string) => `evidence.measurement_unlisted: ${name}`
    expect(ofTdx(claims, { reference: { mrtd: list(MRTD), rtmr2: list(RTMR2) } })).toEqual(ACCEPTED)
    expect(ofTdx(claims, { reference: { mrtd: list(MRTD), rtmr2: list(MRTD) } })).toBe(
      unlisted('rtmr2'),
    )
    expect(ofTdx(claims, { reference: { mrtd: list(MRTD), rtmr1: list() } })).toBe(
      unlisted('rtmr1'),
    )
    expect(ofTdx(claims, { reference: { mrseam: list(MRTD) } })).toBe(unlisted('mrseam'))
    expect(ofTdx(claims, { reference: {} })).toBe(unlisted('the policy lists no measurement'))
    // a name of the prototype is not in a list
    expect(ofTdx({ ...claims, measurements: { mrtd: 'toString' } })).toBe(unlisted('mrtd'))
    expect(ofTdx({ ...claims, measurements: {} })).toBe(unlisted('mrtd'))
  })

  it('of TD 1.5 may be known by its service TD, which others do not have', () => {
    const service = `sha384:${'5d'.repeat(48)}`
    const reference = { mrtd: list(MRTD), mrservicetd: list(service) }
    const body = { 600: Buffer.alloc(48, 0x5d) }
    const claims = claimsOf({ version: 5, body })
    expect([claims.flags.service_td, claimsOf({ version: 5 }).flags.service_td]).toEqual([
      true,
      false,
    ])
    expect(ofTdx(claims, { reference })).toEqual(ACCEPTED)
    expect(ofTdx(claimsOf({}), { reference })).toBe('evidence.measurement_unlisted: mrservicetd')
  })

  it('is accepted by a reference value until that ends', () => {
    const reference = { mrtd: { [MRTD]: { id: 'rv:build-7', notAfter: NOW } } }
    expect(ofTdx(claimsOf({}), { reference })).toEqual(ACCEPTED)
    expect(ofTdx(claimsOf({}), { reference }, NOW + 1)).toMatch(
      /^evidence\.measurement_unlisted: mrtd/,
    )
  })

  it('under debug is refused for any of the eight bits, and contraindicated where that is allowed', () => {
    for (let bit = 0; bit < 8; bit++)
      expect(ofTdx(claimsOf({ body: { 120: Buffer.of(1 << bit) } }))).toBe('evidence.debug')
    expect(
      ofTdx(claimsOf({ body: { 120: Buffer.of(1, 0, 0, 0x10) } }), { allow_debug: true }),
    ).toMatchObject({
      trust: { hardware: 96 },
    })
  })

  it('that does not say whether it is debugged, or may be moved, counts as one that is', () => {
    const claims = claimsOf({})
    const without = (name: string): Claims => {
      const { [name]: _, ...flags } = claims.flags
      return { ...claims, flags }
    }
    expect(ofTdx(without('debug'))).toBe('evidence.debug')
    expect(ofTdx(without('migratable'))).toBe('evidence.migration: TD attribute MIGRATABLE')
    expect(ofTdx(without('sept_ve_disable'))).toMatch(/^evidence\.configuration/)
    expect(ofTdx(without('trailing_bytes'))).toMatch(/^evidence\.malformed/)
  })

  it('without SEPT_VE_DISABLE is refused, or warned of where that is allowed', () => {
    const claims = claimsOf({ body: { 123: Buffer.of(0) } })
    expect(ofTdx(claims)).toBe('evidence.configuration: TD attribute SEPT_VE_DISABLE is 0')
    expect(ofTdx(claims, { require_sept_ve_disable: false })).toMatchObject({
      trust: { configuration: 32 },
    })
  })

  it('that may be moved is refused, or warned of where that is allowed', () => {
    const claims = claimsOf({ body: { 123: Buffer.of(0x30) } })
    expect(ofTdx(claims)).toBe('evidence.migration: TD attribute MIGRATABLE')
    expect(ofTdx(claims, { allow_migration: true })).toMatchObject({ trust: { configuration: 32 } })
  })

  it('in a quote with bytes behind its end is refused unless the policy cuts them off', () => {
    const claims = claimsOf({}, Buffer.from([0, 7]))
    expect(ofTdx(claims)).toBe(
      'evidence.malformed: quote: 2 bytes after its declared end that are not padding',
    )
    expect(ofTdx(claims, { trim_trailing: true })).toEqual(ACCEPTED)
  })
})

describe('the TCB status', () => {
  const hardening = claimsOf({ chip: { pceSvn: 12 } })
  const tolerate = (change: Partial<TdxPolicy['tolerate'][number]> = {}): Partial<TdxPolicy> => ({
    tolerate: [
      { status: 'SWHardeningNeeded', advisories: ['INTEL-SA-00615'], until: NOW, ...change },
    ],
  })

  it('other than UpToDate is refused, and says what is open', () => {
    expect(ofTdx(hardening)).toBe('evidence.tcb_low: SWHardeningNeeded INTEL-SA-00615')
    expect(ofTdx(claimsOf({ chip: { pceSvn: 8 } }))).toBe(
      'evidence.tcb_low: OutOfDate INTEL-SA-00837',
    )
  })

  it('is tolerated until its date, with all its advisories listed', () => {
    expect(ofTdx(hardening, tolerate())).toEqual({
      trust: { hardware: 32, configuration: 2, executables: 2 },
      matched: ['rv:build-7'],
      warnings: [
        'TCB status SWHardeningNeeded INTEL-SA-00615, tolerated until 2026-11-28T12:00:00.000Z',
      ],
    })
    const refused = 'evidence.tcb_low: SWHardeningNeeded INTEL-SA-00615'
    expect(ofTdx(hardening, tolerate(), NOW + 1)).toBe(refused)
    expect(ofTdx(hardening, tolerate({ advisories: [] }))).toBe(refused)
    expect(ofTdx(hardening, tolerate({ status: 'ConfigurationNeeded' }))).toBe(refused)
    const old = claimsOf({ chip: { pceSvn: 8 } })
    expect(
      ofTdx(old, tolerate({ status: 'OutOfDate', advisories: ['INTEL-SA-00837'] })),
    ).toMatchObject({ trust: { hardware: 32 } })
  })

  it('that the policy accepts without an end may have no advisory', () => {
    const also = { tcb_status: ['UpToDate', 'SWHardeningNeeded', 'ConfigurationNeeded'] } as const
    expect(ofTdx(hardening, also)).toBe('evidence.tcb_low: SWHardeningNeeded INTEL-SA-00615')
    expect(ofTdx(claimsOf({ chip: { pceSvn: 10 } }), also)).toMatchObject({
      trust: { hardware: 32 },
      warnings: ['TCB status ConfigurationNeeded'],
    })
    expect(ofTdx(claimsOf({}), { tcb_status: [] })).toBe('evidence.tcb_low: UpToDate')
  })

  it('Revoked, or below every level, is tolerated by nobody', () => {
    const all = {
      tolerate: [{ status: 'Revoked' as never, advisories: ['INTEL-SA-00106'], until: NOW }],
    }
    expect(ofTdx(claimsOf({ chip: { pceSvn: 6 } }), all)).toBe('evidence.tcb_revoked: Revoked')
    expect(ofTdx(claimsOf({ chip: { pceSvn: 4 } }), all)).toBe('evidence.tcb_revoked: Unrecognized')
    const { tcbStatus: _, ...unsaid } = claimsOf({})
    expect(ofTdx(unsaid)).toBe('evidence.tcb_revoked: Unrecognized')
  })

  it('by collateral older than the policy wants is refused', () => {
    const claims = claimsOf({})
    expect(ofTdx(claims, { min_tcb_eval: 17 })).toEqual(ACCEPTED)
    const refused = 'evidence.collateral_stale: tcbEvaluationDataNumber below 18'
    expect(ofTdx(claims, { min_tcb_eval: 18 })).toBe(refused)
    expect(ofTdx({ ...claims, collateral: [] }, { min_tcb_eval: 18 })).toBe(refused)
    const one = claimsOf({ tcbInfo: (info) => ({ ...info, tcbEvaluationDataNumber: 18 }) })
    expect(ofTdx(one, { min_tcb_eval: 18 })).toBe(refused)
  })
})

describe('an enclave', () => {
  const claims = claimsOf({ tee: 'sgx' })
  const unlisted = (name: string) => `evidence.measurement_unlisted: ${name}`

  it('is known by itself, or by who signed it, as which product', () => {
    expect(ofSgx(claims)).toEqual(ACCEPTED)
    const mrsigner = list(MRSIGNER)
    expect(ofSgx(claims, { reference: { mrsigner, isvprodid: 7 } })).toEqual(ACCEPTED)
    expect(ofSgx(claims, { reference: { mrsigner, isvprodid: 8 } })).toBe(unlisted('isvprodid'))
    expect(ofSgx(claims, { reference: { mrsigner } })).toBe(unlisted('isvprodid'))
    expect(ofSgx(claims, { reference: { isvprodid: 7 } })).toBe(
      unlisted('the policy lists no measurement'),
    )
    expect(ofSgx(claims, { reference: { mrsigner: list(MRENCLAVE), isvprodid: 7 } })).toBe(
      unlisted('mrsigner'),
    )
    expect(ofSgx(claims, { reference: { mrenclave: list(MRENCLAVE), isvprodid: 8 } })).toBe(
      unlisted('isvprodid'),
    )
  })

  it('has a least security version', () => {
    const reference = (min_isvsvn: number) => ({
      reference: { mrenclave: list(MRENCLAVE), min_isvsvn },
    })
    expect(ofSgx(claims, reference(3))).toEqual(ACCEPTED)
    expect(ofSgx(claims, reference(4))).toBe(unlisted('isvsvn below 4'))
  })

  it('under debug is refused, and contraindicated where that is allowed', () => {
    const debug = claimsOf({ tee: 'sgx', body: { 48: Buffer.of(7) } })
    expect(ofSgx(debug)).toBe('evidence.debug')
    expect(ofSgx(debug, { allow_debug: true })).toMatchObject({ trust: { hardware: 96 } })
  })

  it('with attributes that no report has is malformed', () => {
    for (const attributes of [0x04, 0x0d])
      expect(told(() => claimsOf({ tee: 'sgx', body: { 48: Buffer.of(attributes) } }))).toBe(
        'evidence.malformed: SGX attributes',
      )
  })
})

it('the sections have the defaults that deny', () => {
  const defaults = ({ properties }: { readonly properties: object }) =>
    Object.fromEntries(
      Object.entries(properties).flatMap(([name, schema]) =>
        'default' in schema ? [[name, schema.default]] : [],
      ),
    )
  const { reference: _, ...deny } = TDX
  expect(defaults(tdxSection({}))).toEqual(deny)
  expect(defaults(sgxSection({}))).toEqual({
    tcb_status: ['UpToDate'],
    tolerate: [],
    allow_debug: false,
    trim_trailing: false,
  })
})
