// Verifying DCAP quotes: what collateral says of a platform, and when it may say it. Synthetic where genuine ones cannot show it.
import { describe, expect, it } from 'vitest'
import { parseQuote } from '../../../src/attest/dcap/quote.ts'
import { createSgxVerifier, sgx } from '../../../src/attest/dcap/sgx.ts'
import { createTdxVerifier, tdx } from '../../../src/attest/dcap/tdx.ts'
import { authenticate } from '../../../src/attest/dcap/verify.ts'
import { Denial } from '../../../src/attest/denial.ts'
import type { Claims, EvidenceItem, Verification } from '../../../src/attest/evidence/evidence.ts'
import { VENDOR_ROOTS } from '../../../src/attest/roots/roots.ts'
import { CHIP, type DcapOptions, makeDcap, type SyntheticDcap } from '../synthetic/tdx.ts'
import { readFixture } from '../vectors.ts'

const NOW = Date.parse('2026-11-28T12:00:00Z')
const DAY = 86_400_000
/** What a quote needs does not depend on the policy. */
const ANY = {} as never

function verify(
  made: SyntheticDcap,
  at: Partial<Verification> = {},
  item: EvidenceItem = made.item,
): Claims {
  const verifier = item.type === 'tdx' ? tdx : sgx
  return verifier.verify(item, {
    now: NOW,
    skew: 0,
    expected: undefined,
    roots: { intel: [made.root] },
    collateral: new Map(),
    ...at,
  })
}

function refusal(run: () => unknown): string {
  try {
    run()
    return 'accepted'
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return `${error.reason}: ${error.detail}`
  }
}

const make = (options: Partial<DcapOptions> = {}): SyntheticDcap =>
  makeDcap({ now: NOW, ...options })
const outcome = (options: Partial<DcapOptions>): string => refusal(() => verify(make(options)))

function statusOf(options: Partial<DcapOptions>): readonly unknown[] {
  const { tcbStatus, advisories } = verify(make(options))
  return [tcbStatus, ...(advisories ?? [])]
}

describe('a genuine quote', () => {
  it.each([
    ['phala-tdx', '2025-06-19', 'b0c06f000000'],
    ['phala-sgx', '2025-06-19', '00a067110000'],
    ['coco-tdx-v4-debug', '2024-06-01', '50806f000000'],
    ['goog-tdx-v4', '2023-07-01', '50806f000000'],
    ['goog-tdx-v5', '2026-02-10', '90c06f000000'],
  ])('%s is signed from the root of Intel down', (name, day, fmspc) => {
    const quote = parseQuote(readFixture(`tdx/${name}.quote.dat`), { trimTrailing: true })
    const { pck, root } = authenticate(quote, { roots: VENDOR_ROOTS, now: Date.parse(day) })
    expect([root.id, pck.fmspc]).toEqual(['intel-sgx-root-ca', fmspc])
  })

  it('cut at its end, with collateral that came without issuer chains, is refused for now', () => {
    const bytes = readFixture('tdx/goog-tdx-v4.quote.dat').subarray(0, -39)
    const item: EvidenceItem = { type: 'tdx', bytes, endorsements: {} }
    const files = ['goog-tdx-v4.tcbinfo.json', 'goog-tdx.qeidentity.json', 'goog-pckcrl.der', 'goog-rootcrl.der'] // biome-ignore format: a row
    const needs = tdx.needs?.(item, ANY) ?? []
    const collateral = new Map(
      needs.map(({ id }, at) => [id, { bytes: readFixture(`tdx/${files[at]}`), receivedAt: 0 }]),
    )
    const at = { skew: 0, expected: undefined, roots: VENDOR_ROOTS, collateral }
    expect(refusal(() => tdx.verify(item, { ...at, now: Date.parse('2023-07-01') }))).toBe(
      'evidence.collateral_missing: TCB info: its issuer chain',
    )
  })
})

describe('a synthetic quote', () => {
  it.each([
    ['tdx', 4],
    ['tdx', 5],
    ['sgx', 3],
    ['sgx', 4],
    ['sgx', 5],
  ] as const)(
    'of %s in version %s holds with collateral sent along or fetched, and says that it is synthetic',
    (tee, version) => {
      const made = make({ tee, version })
      const sent = verify(made)
      expect([sent.version, sent.synthetic, sent.anchor, sent.tcbStatus, sent.product]).toEqual([
        `v${version}`,
        true,
        'synthetic-synthetic',
        'UpToDate',
        '50806f000000',
      ])
      expect(
        sent.collateral.map(({ kind, number, nextUpdate }) => [kind, number, nextUpdate]),
      ).toEqual([
        ['tcb-info', 17, NOW + 30 * DAY],
        ['qe-identity', 17, NOW + 30 * DAY],
        ['crl', undefined, NOW + 30 * DAY],
        ['crl', undefined, NOW + 30 * DAY],
      ])
      const bare = { ...made.item, endorsements: {} }
      expect(verify(made, { collateral: made.fetched }, bare)).toEqual(sent)
    },
  )

  it('is bound when REPORTDATA is what was asked for, all 64 bytes', () => {
    const bytes = Buffer.alloc(64, 0xb1)
    const made = make({ reportData: bytes })
    expect(verify(made, { expected: { kind: 'binder', bytes } }).binding).toBe('matched')
    expect(verify(made).binding).toBe('not checked')
    for (const wrong of [
      Buffer.alloc(64, 0xb2),
      bytes.subarray(1),
      Buffer.alloc(65, 0xb1),
      Buffer.alloc(0),
    ])
      expect(refusal(() => verify(made, { expected: { kind: 'binder', bytes: wrong } }))).toMatch(
        /^evidence\.nonce_mismatch/,
      )
  })

  it('of one kind is not taken for the other', () => {
    const made = make({ tee: 'sgx' })
    expect(refusal(() => verify(made, {}, { ...made.item, type: 'tdx' }))).toBe(
      'evidence.unsupported: quote that is not of tdx',
    )
  })

  it('leads to a root of its own, which only whoever names it trusts', () => {
    const made = make()
    const other = make({ seed: 'other' })
    expect(refusal(() => verify(made, { roots: { intel: [other.root] } }))).toMatch(
      /^evidence\.untrusted_root/,
    )
    expect(refusal(() => verify(made, { roots: {} }))).toMatch(/^evidence\.untrusted_root/)
  })

  it('names its hardware by the digest of its PPID, unless that is hidden', () => {
    expect(verify(make()).hardwareSha256).toBe(
      '5dfbabeedf318bf33c0927c43d7630f51b82f351740301354fa3d7fc51f0132e',
    )
    expect(verify(make({ chip: { ppid: '00'.repeat(16) } })).hardwareSha256).toBeUndefined()
  })
})

describe('the TCB status', () => {
  it('is the one of the first level whose every SVN is reached', () => {
    expect(statusOf({ chip: { pceSvn: 14 } })).toEqual(['UpToDate'])
    expect(statusOf({ chip: { pceSvn: 12 } })).toEqual(['SWHardeningNeeded', 'INTEL-SA-00615'])
    expect(statusOf({ chip: { pceSvn: 10 } })).toEqual(['ConfigurationNeeded'])
    expect(statusOf({ chip: { pceSvn: 8 } })).toEqual(['OutOfDate', 'INTEL-SA-00837'])
    expect(statusOf({ chip: { pceSvn: 5 } })).toEqual(['Revoked', 'INTEL-SA-00106'])
  })

  it('is Unrecognized when one component is below all levels, however high the others', () => {
    for (const at of [0, 7]) {
      const svns = CHIP.svns.map((svn, i) => (i === at ? svn - 1 : 255))
      expect(statusOf({ chip: { svns, pceSvn: 99 } })).toEqual(['Unrecognized'])
    }
  })

  it('of a trust domain takes the TDX components from the quote', () => {
    expect(statusOf({ body: { 0: Buffer.of(5, 1, 4) } })).toEqual(['Unrecognized'])
    expect(statusOf({ body: { 0: Buffer.of(5, 1, 6) } })).toEqual(['UpToDate'])
  })

  it('compares the SVN of the module with its own identity when the module has a version, else with the level', () => {
    expect(statusOf({ body: { 0: Buffer.of(4, 1, 5) } })).toEqual(['UpToDate'])
    expect(statusOf({ body: { 0: Buffer.of(3, 1, 5) } })).toEqual(['OutOfDate', 'INTEL-SA-01036'])
    expect(statusOf({ body: { 0: Buffer.of(1, 1, 5) } })).toEqual(['Unrecognized'])
    expect(statusOf({ body: { 0: Buffer.of(5, 0, 5) } })).toEqual(['UpToDate'])
    expect(statusOf({ body: { 0: Buffer.of(4, 0, 5) } })).toEqual(['Unrecognized'])
  })

  it('is the worst of platform, QE and module, with the advisories of all', () => {
    const old = { 258: Buffer.of(2, 0) }
    expect(statusOf({ qe: old })).toEqual(['OutOfDate'])
    expect(statusOf({ qe: { 258: Buffer.of(1, 0) } })).toEqual(['Unrecognized'])
    expect(statusOf({ qe: old, chip: { pceSvn: 12 } })).toEqual(['OutOfDate', 'INTEL-SA-00615'])
    expect(statusOf({ qe: old, chip: { pceSvn: 10 } })).toEqual(['OutOfDateConfigurationNeeded'])
    expect(statusOf({ qe: old, chip: { pceSvn: 6 } })).toEqual(['Revoked', 'INTEL-SA-00106'])
    expect(statusOf({ chip: { pceSvn: 12 }, body: { 0: Buffer.of(3, 1, 5) } })).toEqual([
      'OutOfDate',
      'INTEL-SA-00615',
      'INTEL-SA-01036',
    ])
  })
})

describe('collateral', () => {
  const dated = (issueDate: string, nextUpdate: string) => (json: object) => ({
    ...json,
    issueDate,
    nextUpdate,
  })

  it('holds from issueDate to nextUpdate, the latter not included; clocks may differ before it', () => {
    const made = make({ tcbInfo: dated('2026-11-28T12:00:00Z', '2026-11-28T13:00:00Z') })
    const at = (now: number, skew = 0) => refusal(() => verify(made, { now, skew }))
    expect(at(NOW)).toBe('accepted')
    expect(at(NOW - 1)).toBe('evidence.collateral_stale: TCB info: issued later than now')
    expect(at(NOW - 1, 1)).toBe('accepted')
    expect(at(NOW + 3_600_000 - 1)).toBe('accepted')
    expect(at(NOW + 3_600_000, 5000)).toBe('evidence.collateral_stale: TCB info: nextUpdate')
  })

  it.each<[string, Partial<DcapOptions>, string]>([
    ['TCB info that is over', { tcbInfo: dated('2026-10-01T00:00:00Z', '2026-11-01T00:00:00Z') }, 'collateral_stale: TCB info: nextUpdate'],
    ['a QE identity that is over', { qeIdentity: dated('2026-10-01T00:00:00Z', '2026-11-01T00:00:00Z') }, 'collateral_stale: QE identity: nextUpdate'],
    ['times that are none', { tcbInfo: dated('2026-13-01T00:00:00Z', 'x') }, 'collateral_invalid: TCB info: nextUpdate: no time'],
    ['another FMSPC', { tcbInfo: (info) => ({ ...info, fmspc: '50806F000001' }) }, 'collateral_invalid: TCB info: of another FMSPC'],
    ['another PCEID', { tcbInfo: (info) => ({ ...info, pceId: '0001' }) }, 'collateral_invalid: TCB info: of another PCEID'],
    ['TCB info of the other kind', { tcbInfo: (info) => ({ ...info, id: 'SGX' }) }, 'collateral_invalid: TCB info: not of TDX, version 3'],
    ['TCB info of version 2', { tcbInfo: (info) => ({ ...info, version: 2 }) }, 'collateral_invalid: TCB info: not of TDX, version 3'],
    ['another way to compare', { tcbInfo: (info) => ({ ...info, tcbType: 1 }) }, 'collateral_invalid: TCB info: tcbType'],
    ['a status that is not known', { tcbInfo: (info) => ({ ...info, tcbLevels: [{ ...levelOf(info), tcbStatus: 'Fine' }] }) }, 'collateral_invalid: TCB level: a status that is not known'],
    ['a status of ours', { tcbInfo: (info) => ({ ...info, tcbLevels: [{ ...levelOf(info), tcbStatus: 'Unrecognized' }] }) }, 'collateral_invalid: TCB level: a status that is not known'],
    ['15 components', { tcbInfo: (info) => ({ ...info, tcbLevels: [{ tcb: { pcesvn: 1, sgxtcbcomponents: [] } }] }) }, 'collateral_invalid: TCB components: not 16'],
    ['no levels', { tcbInfo: (info) => ({ ...info, tcbLevels: 1 }) }, 'collateral_invalid: tcbLevels: no list'],
    ['a QE identity of SGX', { qeIdentity: (one) => ({ ...one, id: 'QE' }) }, 'collateral_invalid: QE identity: not of TD_QE, version 2'],
    ['no number', { qeIdentity: (one) => ({ ...one, tcbEvaluationDataNumber: -1 }) }, 'collateral_invalid: QE identity: tcbEvaluationDataNumber: no number'],
    ['no mask', { qeIdentity: (one) => ({ ...one, attributesMask: 'FF' }) }, 'collateral_invalid: QE attributesMask: not hex of 16 bytes'],
    ['another signer of the QE', { qeIdentity: (one) => ({ ...one, mrsigner: '00'.repeat(32) }) }, 'platform_software: quoting enclave: MRSIGNER'],
    ['another product of the QE', { qeIdentity: (one) => ({ ...one, isvprodid: 1 }) }, 'platform_software: quoting enclave: ISVPRODID'],
    ['other MISCSELECT of the QE', { qe: { 16: Buffer.of(1) } }, 'platform_software: quoting enclave: MISCSELECT'],
    ['other attributes of the QE', { qe: { 48: Buffer.of(0x05) } }, 'platform_software: quoting enclave: ATTRIBUTES'],
    ['a QE under debug', { qe: { 48: Buffer.of(0x17) } }, 'debug: quoting enclave'],
    ['a module that is not named', { body: { 0: Buffer.of(5, 3, 5) } }, 'platform_software: TCB info names no module TDX_03'],
    ['no modules at all', { tcbInfo: ({ tdxModuleIdentities: _, ...info }) => info }, 'platform_software: TCB info names no module TDX_01'],
    ['another signer of the module', { body: { 64: Buffer.of(1) } }, 'platform_software: MRSIGNERSEAM'],
    ['another signer of a module of version 0', { body: { 0: Buffer.of(5, 0, 5), 64: Buffer.of(1) } }, 'platform_software: MRSIGNERSEAM'],
    ['attributes of the module', { body: { 112: Buffer.of(1) } }, 'platform_software: SEAM attributes'],
    ['a PCK certificate on its CRL', { revoked: ['pck'] }, 'revoked: PCK certificate'],
    ['a PCK CA on the root CRL', { revoked: ['ca'] }, 'revoked: PCK CA'],
    ['a signer on the root CRL', { revoked: ['signer'] }, 'revoked: signer of the collateral'],
    ['reserved TD attributes', { body: { 121: Buffer.of(1) } }, 'malformed: TD attributes: reserved bits are set'],
  ])('refuses for %s', (_, options, why) => {
    expect(outcome(options)).toBe(`evidence.${why}`)
  }) // biome-ignore format: a table reads better in rows

  it('is compared by FMSPC and module in either case', () => {
    const lower = (info: Record<string, unknown>) => ({
      ...info,
      fmspc: String(info.fmspc).toLowerCase(),
      tdxModuleIdentities: (info.tdxModuleIdentities as object[]).map((one) => ({
        ...one,
        id: 'tdx_01',
      })),
    })
    expect(outcome({ tcbInfo: lower })).toBe('accepted')
  })

  it('that we fetched goes before what was sent', () => {
    const made = make()
    const stale = make({
      pki: made.pki,
      tcbInfo: dated('2026-10-01T00:00:00Z', '2026-11-01T00:00:00Z'),
    })
    const item = { ...made.item, endorsements: stale.item.endorsements }
    expect(refusal(() => verify(made, {}, item))).toMatch(/^evidence\.collateral_stale/)
    expect(refusal(() => verify(made, { collateral: made.fetched }, item))).toBe('accepted')
  })

  it('of another Intel is not taken', () => {
    const made = make()
    const other = make({ seed: 'other' })
    const item = { ...made.item, endorsements: other.item.endorsements }
    expect(
      refusal(() => verify(made, { roots: { intel: [made.root, other.root] } }, item)),
    ).toMatch(/^evidence\.collateral_invalid: TCB info: /)
  })
})

function levelOf(info: Record<string, unknown>): object {
  return (info.tcbLevels as object[])[0] as object
}

describe('collateral in part', () => {
  const made = make()
  const sent = (made.item.endorsements as { collateral: Record<string, unknown> }).collateral

  function withSent(change: Readonly<Record<string, unknown>>): string {
    const collateral = { ...sent, ...change }
    return refusal(() => verify(made, {}, { ...made.item, endorsements: { collateral } }))
  }

  it.each([
    ['no TCB info', { tcb_info: undefined }, 'collateral_missing: tdx-tcb:50806f000000'],
    ['no QE identity', { qe_identity: undefined }, 'collateral_missing: tdx-qe'],
    ['no issuer chain', { tcb_info_issuer_chain: undefined }, 'collateral_missing: TCB info: its issuer chain'],
    ['a signature of another document', { tcb_info_signature: sent.qe_identity_signature }, 'collateral_invalid: TCB info: its signature'],
    ['a signature that is none', { tcb_info_signature: 'xx' }, 'collateral_invalid: TCB info signature: not hex of 64 bytes'],
    ['one space more', { tcb_info: `${String(sent.tcb_info)} ` }, 'collateral_invalid: TCB info: its signature'],
    ['a number', { tcb_info: 5 }, 'collateral_invalid: tcb_info: no text'],
    ['too long a text', { tcb_info: ' '.repeat(262_145) }, 'too_large: tcb_info'],
    ['a chain without the root', { tcb_info_issuer_chain: String(sent.tcb_info_issuer_chain).replace(/(?<=E-----\n)-----B[\s\S]*/, '') }, 'collateral_invalid: TCB info: not Intel SGX TCB Signing and the root'],
    ['a CRL of another issuer', { pck_crl: sent.root_ca_crl }, 'collateral_invalid: PCK CRL: of another issuer'],
    ['a CRL that is none', { root_ca_crl: '3000' }, 'collateral_invalid: root CRL: '],
    ['a CRL that is changed', { root_ca_crl: changedEnd(String(sent.root_ca_crl)) }, 'collateral_invalid: root CRL: '],
  ])('%s is refused', (_, change, why) => {
    expect(withSent(change)).toContain(`evidence.${why}`)
  }) // biome-ignore format: a table reads better in rows

  it('that is no object is refused', () => {
    for (const collateral of [null, [], 'x'])
      expect(refusal(() => verify(made, {}, { ...made.item, endorsements: { collateral } }))).toBe(
        'evidence.collateral_invalid: endorsements.collateral: no object',
      )
  })

  it('signed by a PCK certificate below the same root is refused', () => {
    const { pki } = made
    const chain = [pki.pck, pki.ca, pki.root]
    const text = chain.map(
      ({ der }) =>
        `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`,
    )
    expect(withSent({ tcb_info_issuer_chain: text.join('') })).toBe(
      'evidence.collateral_invalid: TCB info: not Intel SGX TCB Signing and the root',
    )
    // the CA of the PCK certificates is signed by the root, as the signer is
    expect(withSent({ tcb_info_issuer_chain: text.slice(1).join('') })).toBe(
      'evidence.collateral_invalid: TCB info: not Intel SGX TCB Signing and the root',
    )
  })

  it('fetched in another form is refused', () => {
    const ids = [...made.fetched.keys()]
    const response = (bytes: Uint8Array, headers = {}) => {
      const collateral = new Map(made.fetched).set(String(ids[0]), {
        bytes,
        headers,
        receivedAt: 0,
      })
      return refusal(() => verify(made, { collateral }))
    }
    const whole = Buffer.from(made.fetched.get(String(ids[0]))?.bytes ?? [])
    expect(response(whole)).toBe('evidence.collateral_missing: TCB info: its issuer chain')
    expect(response(whole, { 'TCB-Info-Issuer-Chain': '%' })).toContain('not percent-encoded')
    for (const other of [
      '{"tcbInfo":{}}',
      '{"tcbInfo":{},"signature":1}',
      '{"tcbInfo":{},"signature":"","x":1}',
      '{"signature":"00"}',
    ])
      expect(response(Buffer.from(other))).toContain('not of the two members')
    expect(response(Buffer.alloc(262_145))).toBe('evidence.too_large: TCB info')
  })

  it('of a PCCS may be hex of the root CRL', () => {
    const id = String([...made.fetched.keys()][3])
    const bytes = Buffer.from(String(sent.root_ca_crl))
    const collateral = new Map(made.fetched).set(id, { bytes, receivedAt: 0 })
    expect(refusal(() => verify(made, { collateral }, { ...made.item, endorsements: {} }))).toBe(
      'accepted',
    )
  })
})

function changedEnd(hex: string): string {
  return `${hex.slice(0, -1)}${hex.endsWith('0') ? '1' : '0'}`
}

describe('without collateral', () => {
  const bare = (made: SyntheticDcap): EvidenceItem => ({ ...made.item, endorsements: {} })

  it('a quote is refused for now, as its collateral may come', () => {
    const made = make()
    expect(refusal(() => verify(made, {}, bare(made)))).toBe(
      'evidence.collateral_missing: tdx-tcb:50806f000000',
    )
  })

  it('in part, a revoked quote is refused for good', () => {
    const made = make({ revoked: ['pck'] })
    const collateral = new Map(made.fetched)
    collateral.delete('tdx-qe')
    expect(refusal(() => verify(made, { collateral }, bare(made)))).toBe(
      'evidence.revoked: PCK certificate',
    )
    // a list that does not hold says nothing, and what is missing may come
    const other = make({ seed: 'other', revoked: ['pck'] })
    for (const id of [...other.fetched.keys()].slice(2))
      collateral.set(id, other.fetched.get(id) as never)
    expect(refusal(() => verify(made, { collateral }, bare(made)))).toBe(
      'evidence.collateral_missing: tdx-qe',
    )
  })

  it('what no collateral could mend is refused for good', () => {
    const debug = make({ body: { 120: Buffer.of(1) } })
    expect(refusal(() => verify(debug, {}, bare(debug)))).toMatch(/^evidence\.debug: /)
    const enclave = make({ tee: 'sgx', body: { 48: Buffer.of(7) } })
    expect(refusal(() => verify(enclave, {}, bare(enclave)))).toMatch(/^evidence\.debug: /)
    const made = make()
    const bytes = Buffer.concat([made.quote, Buffer.of(1)])
    expect(refusal(() => verify(made, {}, { ...bare(made), bytes }))).toMatch(
      /^evidence\.malformed: /,
    )
  })
})

describe('what a quote needs', () => {
  it('is named by platform, with the addresses of Intel', () => {
    const { item } = make()
    const needs = tdx.needs?.({ ...item, endorsements: {} }, ANY) ?? []
    expect(
      needs.map(({ id, kind, urls, required }) => [id.slice(0, 12), kind, urls, required]),
    ).toEqual([
      [
        'tdx-tcb:5080',
        'tdx-tcb',
        ['https://api.trustedservices.intel.com/tdx/certification/v4/tcb?fmspc=50806f000000'],
        true,
      ],
      [
        'tdx-qe',
        'tdx-qe',
        ['https://api.trustedservices.intel.com/tdx/certification/v4/qe/identity'],
        true,
      ],
      [
        'crl:043bdd0f',
        'crl',
        [
          'https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?ca=platform&encoding=der',
        ],
        true,
      ],
      [
        'crl:c8c04bfa',
        'crl',
        ['https://certificates.trustedservices.intel.com/IntelSGXRootCA.der'],
        true,
      ],
    ])
    expect(tdx.needs?.(item, ANY).map(({ required }) => required)).toEqual([
      false,
      false,
      false,
      false,
    ])
  })

  it('is the list of the CA that issued, which is one of two', () => {
    const bytes = readFixture('tdx/phala-sgx.quote.dat')
    const urls = sgx.needs?.({ type: 'sgx', bytes, endorsements: {} }, ANY).map((one) => one.urls)
    expect(urls?.[2]).toEqual([
      'https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?ca=processor&encoding=der',
    ])
    const { quote, at } = make()
    const pem = quote.subarray(at.chain).toString('latin1')
    const [first, second, third] = pem.match(/-----B[\s\S]+?-----END CERTIFICATE-----\n/g) ?? []
    const swapped = Buffer.from(`${second}${first}${third}\0`, 'latin1')
    const other = Buffer.concat([quote.subarray(0, at.chain), swapped])
    expect(refusal(() => tdx.needs?.({ type: 'tdx', bytes: other, endorsements: {} }, ANY))).toBe(
      'evidence.malformed: PCK certificate: no SGX extension',
    )
    const label = Buffer.from(quote)
    label.write('CERTIFICATX', at.chain + 11, 'latin1')
    label.write('CERTIFICATX', quote.indexOf('-----END ') + 9, 'latin1')
    expect(refusal(() => tdx.needs?.({ type: 'tdx', bytes: label, endorsements: {} }, ANY))).toBe(
      'evidence.chain: a block that is no certificate',
    )
  })

  it('may be had from a PCCS instead', () => {
    const { item } = make({ tee: 'sgx' })
    const needs =
      createSgxVerifier({ pcs: 'https://pccs.example.com:8081/' }).needs?.(item, ANY) ?? []
    expect(needs.map(({ urls }) => urls)).toEqual([
      ['https://pccs.example.com:8081/sgx/certification/v4/tcb?fmspc=50806f000000'],
      ['https://pccs.example.com:8081/sgx/certification/v4/qe/identity'],
      ['https://pccs.example.com:8081/sgx/certification/v4/pckcrl?ca=platform&encoding=der'],
      [
        'https://pccs.example.com:8081/sgx/certification/v4/rootcacrl',
        'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der',
      ],
    ])
    const made = make()
    expect(
      createTdxVerifier({ pcs: 'https://pccs.example.com' }).verify(made.item, {
        now: NOW,
        skew: 0,
        expected: undefined,
        roots: { intel: [made.root] },
        collateral: new Map(),
      }).type,
    ).toBe('tdx')
  })
})
