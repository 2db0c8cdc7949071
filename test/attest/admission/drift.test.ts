// Drift: claims of now beside those of the last time, one difference at a time and all of them together.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  assertNoBadDrift,
  DRIFTS,
  type DriftOptions,
  driftOf,
} from '../../../src/attest/admission/drift.ts'
import type { Claims } from '../../../src/attest/evidence/evidence.ts'

const TDX: Claims = {
  type: 'tdx',
  attests: 'platform',
  version: 'v4',
  size: 5000,
  contentSha256: '01'.repeat(32),
  signerSha256: '02'.repeat(32),
  anchor: 'intel-sgx-root',
  synthetic: true,
  binding: 'matched',
  hardwareSha256: '03'.repeat(32),
  product: 'tdx-1.5',
  tcb: { sgx_0: 5, sgx_1: 5, pcesvn: 13, tdx_0: 3 },
  measurements: { mrtd: 'sha384:aa', rtmr1: 'sha384:bb' },
  flags: { debug: false },
  collateral: [
    { kind: 'tdx-tcb', sha256: '04'.repeat(32), number: 18 },
    { kind: 'crl', sha256: '05'.repeat(32), number: 9 },
    { kind: 'crl', sha256: '06'.repeat(32), number: 2 },
  ],
}
const TPM: Claims = {
  ...TDX,
  type: 'tpm',
  version: '2.0',
  hardwareSha256: '07'.repeat(32),
  product: 'swtpm',
  tcb: { reset_count: 4 },
  measurements: { pcr0: 'sha256:cc' },
  flags: { restart_count: 2, firmware: '2020031200120001', clock_safe: true },
  collateral: [],
}

const drift = (before: Claims, after: Partial<Claims>, more: Partial<DriftOptions> = {}) => {
  const { kind, found } = driftOf([before], [{ ...before, ...after }], { listed: true, ...more })
  return [kind, ...found]
}

describe('claims', () => {
  it('that say the same in another document are identical', () => {
    expect(drift(TDX, { contentSha256: 'ff', signerSha256: 'ee', madeAt: 5, size: 1 })).toEqual([
      'identical',
    ])
    expect(driftOf([], [], { listed: true }).kind).toBe('identical')
  })

  it('with another measurement are new or unlisted, as the policy has it', () => {
    const measurements = { mrtd: 'sha384:aa', rtmr1: 'sha384:dd', rtmr2: 'sha384:ee' }
    const found = ['tdx: measurement rtmr1', 'tdx: measurement rtmr2']
    expect(drift(TDX, { measurements })).toEqual(['listed-new', ...found])
    expect(drift(TDX, { measurements }, { listed: false })).toEqual(['unlisted', ...found])
    expect(drift(TDX, { measurements: { mrtd: 'sha384:aa' } }, { listed: false })).toEqual([
      'unlisted',
      'tdx: measurement rtmr1',
    ])
  })

  it('with one component of the TCB lower have regressed, whatever the others did', () => {
    const tcb = { ...TDX.tcb, sgx_0: 200, sgx_1: 4 }
    expect(drift(TDX, { tcb })).toEqual(['regressed', 'tdx: TCB sgx_1'])
    const { pcesvn: _, ...without } = TDX.tcb
    expect(drift(TDX, { tcb: without })).toEqual(['regressed', 'tdx: TCB pcesvn'])
    expect(drift(TDX, { tcb: { ...TDX.tcb, sgx_0: 6, fmc: 0 } })).toEqual([
      'listed-new',
      'tdx: TCB sgx_0',
      'tdx: TCB fmc',
    ])
  })

  it('with an older number of the TCB information have regressed; a newer one is nothing', () => {
    const numbered = (number?: number) => ({
      collateral: [
        { kind: 'tdx-tcb', sha256: 'ff', ...(number === undefined ? {} : { number }) },
        { kind: 'crl', sha256: 'aa', number: 1 },
        { kind: 'crl', sha256: 'bb', number: 1 },
      ],
    })
    expect(drift(TDX, numbered(17))).toEqual(['regressed', 'tdx: collateral tdx-tcb'])
    expect(drift(TDX, numbered())).toEqual(['regressed', 'tdx: collateral tdx-tcb'])
    expect(drift(TDX, numbered(19))).toEqual(['identical'])
    // of several lists of a kind nobody knows which was which
    const crl = { kind: 'crl', sha256: 'aa', number: 5 }
    const two = [crl, { ...crl, number: 1 }]
    const one = { ...TDX, collateral: [crl] }
    expect(drift(one, { collateral: [{ ...crl, number: 4 }] })[0]).toBe('regressed')
    expect(drift(one, { collateral: two.toReversed() })).toEqual(['identical'])
    expect(drift({ ...one, collateral: two }, { collateral: [{ ...crl, number: 0 }] })).toEqual([
      'identical',
    ])
    // given without it, the verifier has said what that means
    expect(drift(TDX, { collateral: [] })).toEqual(['identical'])
  })

  it('of a TPM may tell of a reboot, and not of a count that went back', () => {
    const counts = (reset_count: number, restart_count: number) => ({
      tcb: { reset_count },
      flags: { ...TPM.flags, restart_count },
    })
    expect(drift(TPM, counts(4, 3))).toEqual(['identical'])
    expect(drift(TPM, counts(5, 0))).toEqual(['identical'])
    expect(drift(TPM, counts(3, 9))).toEqual(['regressed', 'tpm: reset_count'])
    expect(drift(TPM, counts(4, 1))).toEqual(['regressed', 'tpm: restart_count'])
    expect(drift(TPM, { tcb: {} })).toEqual(['regressed', 'tpm: reset_count'])
  })

  it('with other firmware are new when its number is higher, and have regressed otherwise', () => {
    const flags = (firmware?: string | number) => {
      const { firmware: _, ...rest } = TPM.flags
      return { flags: firmware === undefined ? rest : { ...rest, firmware } }
    }
    expect(drift(TPM, flags('2020031200120002'))).toEqual(['listed-new', 'tpm: firmware'])
    for (const older of ['2020031200120000', '1fffffffffffffff', 'unknown', 1.5, undefined])
      expect(drift(TPM, flags(older))).toEqual(['regressed', 'tpm: firmware'])
    expect(drift({ ...TPM, ...flags(7) }, flags(8))).toEqual(['listed-new', 'tpm: firmware'])
    expect(drift({ ...TPM, ...flags() }, flags(8))).toEqual(['identical'])
  })

  it('of other hardware are of another machine, unless the operator accepts it', () => {
    const other = { hardwareSha256: 'ff', product: 'tdx-1.0', tcb: { sgx_0: 1 } }
    expect(drift(TDX, other)).toEqual([
      'hardware-changed',
      'tdx: id of the hardware',
      'tdx: product',
    ])
    expect(drift(TDX, other, { newHardware: true })).toEqual(['identical'])
    const collateral = [{ kind: 'tdx-tcb', sha256: 'ff', number: 17 }]
    expect(drift(TDX, { ...other, collateral }, { newHardware: true })[0]).toBe('regressed')
  })

  it('that hide an id shown before are of another machine; one shown for the first time is learnt', () => {
    const { hardwareSha256: _, ...masked } = TDX
    const options = { listed: true }
    expect(driftOf([TDX], [masked], options).kind).toBe('hardware-changed')
    expect(driftOf([masked], [TDX], options).kind).toBe('identical')
    expect(driftOf([masked], [masked], options).kind).toBe('identical')
  })

  it('of a kind that is no longer given have regressed, and without any common kind are another machine', () => {
    const options = { listed: true }
    expect(driftOf([TDX, TPM], [TDX], options)).toEqual({
      kind: 'regressed',
      found: ['tpm: no longer given'],
    })
    expect(driftOf([TDX], [TPM], options)).toEqual({
      kind: 'hardware-changed',
      found: ['tdx: no longer given'],
    })
    expect(driftOf([TDX], [TDX, TPM], options)).toEqual({
      kind: 'listed-new',
      found: ['tpm: given for the first time'],
    })
    expect(driftOf([TDX], [TPM], { ...options, newHardware: true }).kind).toBe('identical')
  })

  it('are as bad as the worst that is found', () => {
    const after = [
      { ...TDX, measurements: {}, tcb: { ...TDX.tcb, pcesvn: 12 } },
      { ...TPM, measurements: {} },
    ]
    expect(driftOf([TPM, TDX], after, { listed: false })).toEqual({
      kind: 'regressed',
      found: ['tdx: TCB pcesvn'],
    })
  })

  it('never drift for the better when any component is lower', () => {
    const tcb = fc.dictionary(fc.constantFrom('bl', 'tee', 'snp', 'ucode'), fc.nat({ max: 255 }), {
      minKeys: 1,
    })
    fc.assert(
      fc.property(tcb, tcb, (was, is) => {
        const lower = Object.entries(was).some(([name, value]) => !((is[name] ?? -1) >= value))
        const [kind] = drift({ ...TDX, tcb: was }, { tcb: is })
        expect(kind === 'regressed').toBe(lower)
      }),
      { numRuns: 500, seed: 6 },
    )
  })
})

describe('a drift', () => {
  it('is refused with the reason it is worth, and says what it was found by', () => {
    const reasons = DRIFTS.map((kind) => {
      try {
        assertNoBadDrift({ kind, found: ['tdx: TCB sgx_1', 'tdx: TCB pcesvn'] })
        return undefined
      } catch (error) {
        const { reason, detail } = error as { reason: string; detail: string }
        return [reason, detail]
      }
    })
    const detail = 'tdx: TCB sgx_1, tdx: TCB pcesvn'
    expect(reasons).toEqual([
      undefined,
      undefined,
      ['evidence.measurement_unlisted', detail],
      ['evidence.regressed', detail],
      ['evidence.identity_changed', detail],
    ])
  })
})
