// The sections sev-snp and nitro of a policy: closed, their defaults deny, and every demand of theirs is made.
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { Denial } from '../../../src/attest/denial.ts'
import type { Claims } from '../../../src/attest/evidence/evidence.ts'
import { appraiseNitro, type NitroPolicy, nitroSection } from '../../../src/attest/nitro/policy.ts'
import { appraiseSevSnp, type SevSnpPolicy, sevSnpSection } from '../../../src/attest/snp/policy.ts'
import { allow, policyOf } from '../vectors.ts'

const NOW = Date.UTC(2026, 10, 28)
const list = { type: 'array', items: { type: 'string' } } as const
const MEASUREMENT = `sha384:${'4d'.repeat(48)}`

/** What Ajv says of a section: nothing, or its first fault. Puts defaults in place. */
const problem = (schema: object, section: unknown): string | undefined => {
  const validate = new Ajv2020({ useDefaults: true, strict: false }).compile(schema)
  return validate(section) ? undefined : `${validate.errors?.[0]?.instancePath} ${validate.errors?.[0]?.message}` // biome-ignore format: one line
}
const refusal = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    if (error instanceof Denial) return `${error.reason}${error.detail ? ` ${error.detail}` : ''}`
    throw error
  }
  return 'accepted'
}

describe('the section sev-snp', () => {
  const least = { bl: 4, tee: 0, snp: 24, ucode: 219 }
  const smallest = () => ({
    products: ['Milan'],
    min_tcb: { Milan: least },
    reference: { measurement: [MEASUREMENT] },
  })

  it('fits its schema with what it must have, and gets defaults that deny', () => {
    const section = smallest()
    expect(problem(sevSnpSection(list), section)).toBeUndefined()
    expect(section).toMatchObject({
      key_types: ['vcek'],
      csp_ids: [],
      vmpl: [0],
      allow_debug: false,
      allow_migration: false,
      allow_masked_chip: false,
      require_alias_check: true,
      revocation: 'require',
      min_tcb_also: [],
    })
  })

  it.each([
    ['another member', { ...smallest(), other: 1 }],
    ['another product', { ...smallest(), products: ['Rome'] }],
    ['a level of TCB left out', { ...smallest(), min_tcb: { Milan: { bl: 1, tee: 0, snp: 1 } } }],
    [
      'a level of TCB that does not exist',
      { ...smallest(), min_tcb: { Milan: { ...least, x: 1 } } },
    ],
    ['a level above 255', { ...smallest(), min_tcb: { Milan: { ...least, snp: 256 } } }],
    ['nothing that says what runs', { ...smallest(), reference: { host_data: [] } }],
    ['a VMPL of 4', { ...smallest(), vmpl: [4] }],
    ['no products', { min_tcb: {}, reference: { measurement: [] } }],
  ])('does not fit with %s', (_, section) => {
    expect(problem(sevSnpSection(list), section)).toBeDefined()
  })

  const policy = policyOf(sevSnpSection(list), smallest()) as SevSnpPolicy
  const claims: Claims = {
    type: 'sev-snp',
    attests: 'platform',
    version: 'v3',
    size: 1184,
    contentSha256: '',
    signerSha256: '',
    anchor: 'amd-ark-milan',
    synthetic: false,
    binding: 'matched',
    product: 'Milan',
    tcb: { bl: 4, tee: 0, snp: 24, ucode: 219 },
    measurements: { measurement: MEASUREMENT },
    flags: { debug: false, migration: false, smt: true, vmpl: 0, guest_svn: 0, key_type: 'vcek', chip_masked: false, alias_check: true, revocation: 'checked', committed_snp: 25, launch_snp: 23 },
    collateral: [],
  } // biome-ignore format: flags in a row
  const judged = (change: { claims?: Partial<Claims>; flags?: Claims['flags']; policy?: Partial<SevSnpPolicy> }) =>
    refusal(() =>
      appraiseSevSnp(
        { ...claims, ...change.claims, flags: { ...claims.flags, ...change.flags } },
        { ...policy, ...change.policy },
        { now: NOW },
      ),
    ) // biome-ignore format: one call

  it('takes claims that have all it wants', () => {
    expect(appraiseSevSnp(claims, policy, { now: NOW })).toEqual({
      trust: { hardware: 2, configuration: 2, executables: 2 },
      matched: [MEASUREMENT],
      warnings: [],
    })
  })

  it.each([
    ['debug', { flags: { debug: true } }, 'evidence.debug'],
    ['migration', { flags: { migration: true } }, 'evidence.migration'],
    ['a VMPL below', { flags: { vmpl: 1 } }, 'evidence.privilege'],
    [
      'no check for aliases',
      { flags: { alias_check: false } },
      'evidence.configuration memory was not checked for aliases',
    ],
    [
      'multithreading where it is forbidden',
      { policy: { allow_smt: false } },
      'evidence.configuration simultaneous multithreading is allowed',
    ],
    [
      'a masked chip',
      { flags: { chip_masked: true } },
      'evidence.configuration the chip id is masked',
    ],
    ['a VLEK', { flags: { key_type: 'vlek' } }, 'evidence.product key type'],
    ['another product', { claims: { product: 'Genoa' } }, 'evidence.product product'],
    [
      'no revocation',
      { flags: { revocation: 'not checked' } },
      'evidence.collateral_missing revocation list of AMD',
    ],
    ['an older guest', { policy: { min_guest_svn: 1 } }, 'evidence.tcb_low guest SVN'],
    [
      'no minimum for its product',
      { policy: { min_tcb: {} } },
      'evidence.tcb_low min_tcb has nothing of Milan',
    ],
    [
      'a launch below the minimum',
      { policy: { min_tcb_also: ['launch'] as const, min_tcb: { Milan: { snp: 24 } } } },
      'evidence.tcb_low launch snp',
    ],
    [
      'no measurement that is listed',
      { claims: { measurements: {} } },
      'evidence.measurement_unlisted measurement',
    ],
    [
      'a list that says nothing of what runs',
      { policy: { reference: { host_data: {} } } },
      'evidence.measurement_unlisted no reference for what runs',
    ],
    [
      'a reference value that has ended',
      { policy: { reference: { measurement: allow([MEASUREMENT], NOW - 1) } } },
      `evidence.measurement_unlisted measurement: ${MEASUREMENT} has ended`,
    ],
    [
      'a reference value of its last moment',
      { policy: { reference: { measurement: allow([MEASUREMENT], NOW) } } },
      'accepted',
    ],
    [
      'a committed TCB above the minimum',
      { policy: { min_tcb_also: ['committed'] as const, min_tcb: { Milan: { snp: 24 } } } },
      'accepted',
    ],
    [
      'a masked chip where policy takes it',
      { flags: { chip_masked: true }, policy: { allow_masked_chip: true } },
      'accepted',
    ],
  ])('%s', (_, change, says) => {
    expect(judged(change)).toBe(says)
  })

  it.each(['bl', 'snp', 'ucode'])('a TCB is compared component by component: %s', (name) => {
    const tcb: Record<string, number> = { bl: 255, tee: 255, snp: 255, ucode: 255 }
    tcb[name] = (least as Record<string, number>)[name] as number
    expect(judged({ claims: { tcb } })).toBe('accepted')
    tcb[name] = (tcb[name] as number) - 1
    expect(judged({ claims: { tcb } })).toBe(`evidence.tcb_low reported ${name}`)
  })

  it('a claim that is not there counts as the worse one', () => {
    const flags = Object.keys(claims.flags).filter(
      (name) => !/^(smt|launch_|committed_)/.test(name),
    )
    for (const name of flags) {
      const { [name]: _, ...others } = claims.flags
      const run = () => appraiseSevSnp({ ...claims, flags: others }, policy, { now: NOW })
      expect(refusal(run)).toMatch(/^evidence\./)
    }
  })

  it('what is allowed and still counts is a warning', () => {
    const lenient = { ...policy, allow_migration: true, revocation: 'prefer' } as const
    const flags = { ...claims.flags, migration: true, revocation: 'not checked' }
    expect(appraiseSevSnp({ ...claims, flags }, lenient, { now: NOW })).toMatchObject({
      trust: { hardware: 2, configuration: 32 },
      warnings: ['migration is allowed', 'revocation was not checked'],
    })
  })
})

describe('the section nitro', () => {
  it('fits its schema with what it must have, and gets defaults that deny', () => {
    const section = { reference: { pcr0: [MEASUREMENT] } }
    expect(problem(nitroSection(list), section)).toBeUndefined()
    expect(section).toMatchObject({
      allow_debug: false,
      user_data: 'absent',
      revocation: 'require',
    })
  })

  it.each([
    ['another member', { reference: { pcr0: [] }, other: 1 }],
    ['nothing that says what runs', { reference: { pcr4: [] } }],
    ['a PCR 16', { reference: { pcr0: [], pcr16: [] } }],
    ['no reference', {}],
    ['another rule for user data', { reference: { pcr0: [] }, user_data: 'yes' }],
  ])('does not fit with %s', (_, section) => {
    expect(problem(nitroSection(list), section)).toBeDefined()
  })

  const policy = policyOf(nitroSection(list), { reference: { pcr0: [MEASUREMENT] } }) as NitroPolicy
  const claims: Claims = {
    type: 'nitro',
    attests: 'platform',
    version: 'v1',
    size: 4000,
    contentSha256: '',
    signerSha256: '',
    anchor: 'aws-nitro-g1',
    synthetic: false,
    binding: 'matched',
    tcb: {},
    measurements: { pcr0: MEASUREMENT, pcr8: MEASUREMENT },
    flags: { debug: false, revocation: 'checked' },
    collateral: [],
  }
  const judged = (flags: Claims['flags'], change: Partial<NitroPolicy> = {}) =>
    refusal(() => appraiseNitro({ ...claims, flags }, { ...policy, ...change }, { now: NOW }))

  it('takes claims that have all it wants', () => {
    expect(appraiseNitro(claims, policy, { now: NOW })).toEqual({
      trust: { hardware: 2, configuration: 2, executables: 2 },
      matched: [MEASUREMENT],
      warnings: [],
    })
  })

  it('refuses debug, and a document that does not say', () => {
    expect(judged({ ...claims.flags, debug: true })).toBe('evidence.debug')
    expect(judged({ revocation: 'checked' })).toBe('evidence.debug')
    expect(judged({ debug: false })).toBe('evidence.collateral_missing revocation lists of AWS')
  })

  it('names each reference once, and refuses where one list of several does not match', () => {
    const reference = { pcr0: allow([MEASUREMENT]), pcr8: allow([MEASUREMENT]) }
    const appraised = appraiseNitro(claims, { ...policy, reference }, { now: NOW })
    expect(appraised.matched).toEqual([MEASUREMENT])
    const more = { reference: { ...reference, pcr3: allow([MEASUREMENT]) } }
    expect(judged(claims.flags, more)).toBe('evidence.measurement_unlisted pcr3')
    expect(judged(claims.flags, { reference: { pcr4: allow([]) } })).toBe(
      'evidence.measurement_unlisted no reference for what runs',
    )
  })

  it('listed user data must be there', () => {
    expect(judged(claims.flags, { user_data: 'listed' })).toBe(
      'evidence.measurement_unlisted user_data',
    )
  })
})
