// Changed SEV-SNP evidence is refused, each change for its own reason; first of a genuine report, then of synthetic ones.
import { describe, expect, it } from 'vitest'
import type { EvidenceItem, Verification } from '../../../src/attest/evidence/evidence.ts'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import { sevSnpSection } from '../../../src/attest/snp/policy.ts'
import {
  flipBit,
  flips,
  ORDER,
  placeOf,
  replaceAt,
  twin,
  wrongLengths,
  wrongNonces,
  wrongSignatures,
} from '../mutate.ts'
import { type Chip, makeChip, makeReport, SNP_FORM, snpItem } from '../synthetic/snp.ts'
import {
  otherRoots,
  outcomeOf,
  policyOf,
  type Run,
  readChain,
  readFixture,
  runOf,
  vector,
} from '../vectors.ts'

const genuine = runOf(vector('snp', 'a Milan report is accepted'))
const report = genuine.item.bytes
const vcek = readFixture('snp/coco-milan.vcek.der')
const [ask, ark] = readChain('snp/ask_ark_milan.pem') as [Uint8Array, Uint8Array]
const text = (der: Uint8Array) => Buffer.from(der).toString('base64url')

const verdict = (run: Run, change: { item?: Partial<EvidenceItem>; at?: Partial<Verification> }) =>
  outcomeOf({
    ...run,
    item: { ...run.item, ...change.item },
    at: { ...run.at, ...change.at },
  }).verdict
const withReport = (bytes: Uint8Array) => verdict(genuine, { item: { bytes } })
const withCertificates = (leaf: Uint8Array, ...chain: Uint8Array[]) =>
  verdict(genuine, { item: { endorsements: { vcek: text(leaf), chain: chain.map(text) } } })

it('the genuine report is accepted, so that a refusal below is due to the change', () => {
  expect(withReport(report)).toBe('accept')
  expect(withCertificates(vcek, ask, ark)).toBe('accept')
})

describe('a bit of the report', () => {
  it.each([
    ['the version, now 3', 0x00, 'evidence.key_mismatch'],
    ['the version, now 6', 0x00, 'evidence.unsupported', 2],
    ['the guest SVN', 0x04, 'evidence.signature'],
    ['the policy', 0x08, 'evidence.signature'],
    ['bit 17 of the policy', 0x0a, 'evidence.malformed', 1],
    ['bit 25 of the policy, which no document names', 0x0b, 'evidence.signature', 1],
    ['the VMPL', 0x30, 'evidence.signature'],
    ['the algorithm', 0x34, 'evidence.weak_algorithm'],
    ['the current TCB', 0x3f, 'evidence.signature'],
    ['the platform', 0x40, 'evidence.signature'],
    ['which key signed, now the VLEK', 0x48, 'evidence.collateral_missing', 2],
    ['which key signed, now none that is known', 0x48, 'evidence.unsupported', 3],
    ['reserved bits beside the key', 0x48, 'evidence.malformed', 5],
    ['reserved bytes', 0x4c, 'evidence.malformed'],
    ['the report data', 0x50, 'evidence.signature'],
    ['the measurement', 0x90, 'evidence.signature'],
    ['the host data', 0xc0, 'evidence.signature'],
    ['the reported TCB', 0x186, 'evidence.key_mismatch'],
    ['what is the CPUID from version 3 on', 0x188, 'evidence.malformed'],
    ['the chip id', 0x1a0, 'evidence.key_mismatch'],
    ['the committed TCB', 0x1e0, 'evidence.signature'],
    ['what are vectors of mitigations from version 5 on', 0x1f8, 'evidence.malformed'],
    ['r', 0x2a0, 'evidence.signature'],
    ['r beyond its field', 0x2a0 + 48, 'evidence.malformed'],
    ['s', 0x2a0 + 72, 'evidence.signature'],
    ['s beyond its field', 0x2a0 + 72 + 71, 'evidence.malformed'],
    ['what is after the signature', 0x2a0 + 144, 'evidence.malformed'],
    ['the last byte', 1183, 'evidence.malformed'],
  ] as const)('%s', (_, at, reason, bit: number = 0) => {
    expect(withReport(flipBit(report, at * 8 + bit))).toBe(`verify: ${reason}`)
  })

  it('in no byte leaves it accepted', () => {
    const reasons = new Set<string>()
    for (let at = 0; at < report.length; at++)
      reasons.add(withReport(flipBit(report, at * 8 + (at % 8))))
    expect([...reasons].sort()).toEqual([
      'verify: evidence.key_mismatch',
      'verify: evidence.malformed',
      'verify: evidence.signature',
      'verify: evidence.unsupported',
      'verify: evidence.weak_algorithm',
    ])
  })
})

describe('another length of the report', () => {
  it.each(wrongLengths(report).map(({ name, bytes }) => [name, bytes] as const))(
    '%s',
    (_, bytes) => {
      expect(withReport(bytes)).toBe('verify: evidence.malformed')
    },
  )
})

describe('another signature', () => {
  const place = 0x2a0
  const signature = report.subarray(place, place + 144)
  const wrong = wrongSignatures(SNP_FORM, ORDER['P-384'], signature)

  it.each(wrong.map(({ name, bytes }) => [name, bytes] as const))('%s', (_, bytes) => {
    expect(withReport(replaceAt(report, place, bytes))).toBe('verify: evidence.signature')
  })

  it('that holds as well is of the same document', () => {
    const bytes = replaceAt(report, place, twin(SNP_FORM, ORDER['P-384'], signature))
    const [first, second] = [report, bytes].map((one) =>
      outcomeOf({ ...genuine, item: { ...genuine.item, bytes: one } }),
    )
    expect(Buffer.from(bytes).equals(report)).toBe(false)
    expect(second?.verdict).toBe('accept')
    expect(second?.claims).toEqual(first?.claims)
  })
})

describe('another nonce', () => {
  const nonce = genuine.at.expected?.bytes as Uint8Array
  it.each(wrongNonces(nonce).map(({ name, bytes }) => [name, bytes] as const))('%s', (_, bytes) => {
    const expected = { kind: 'exact', bytes } as const
    expect(verdict(genuine, { at: { expected } })).toBe('verify: evidence.nonce_mismatch')
    const binder = { kind: 'binder', bytes } as const
    expect(verdict(genuine, { at: { expected: binder } })).toBe('verify: evidence.nonce_mismatch')
  })
})

describe('another certificate', () => {
  const bodyOf = (der: Uint8Array) => placeOf(der, Certificate.parse(der).spki) + 40
  it.each([
    ['the VCEK: its key', [flipBit(vcek, bodyOf(vcek) * 8), ask, ark], 'evidence.chain'],
    ['the VCEK: its signature', [flipBit(vcek, vcek.length * 8 - 1), ask, ark], 'evidence.chain'],
    ['the VCEK: its tag', [flipBit(vcek, 0), ask, ark], 'evidence.malformed'],
    ['the ASK: its key', [vcek, flipBit(ask, bodyOf(ask) * 8), ark], 'evidence.chain'],
    ['the ASK: its signature', [vcek, flipBit(ask, ask.length * 8 - 1), ark], 'evidence.chain'],
    ['the ARK: its key', [vcek, ask, flipBit(ark, bodyOf(ark) * 8)], 'evidence.untrusted_root'],
    [
      'the ARK: its signature',
      [vcek, ask, flipBit(ark, ark.length * 8 - 1)],
      'evidence.untrusted_root',
    ],
    ['a VCEK cut by one byte', [vcek.subarray(0, -1), ask, ark], 'evidence.malformed'],
    [
      'a VCEK with a byte more',
      [Buffer.concat([vcek, Buffer.of(1)]), ask, ark],
      'evidence.malformed',
    ],
    ['the chain upside down', [vcek, ark, ask], 'evidence.chain'],
    ['the root alone', [vcek, ark], 'evidence.chain'],
    ['the root twice', [vcek, ask, ark, ark], 'evidence.chain'],
    ['the intermediate twice', [vcek, ask, ask, ark], 'evidence.chain'],
    ['the VCEK as its own issuer', [vcek, vcek], 'evidence.untrusted_root'],
  ] as const)('%s', (_, certificates, reason) => {
    const [leaf, ...chain] = certificates as readonly [Uint8Array, ...Uint8Array[]]
    expect(withCertificates(leaf, ...chain)).toBe(`verify: ${reason}`)
  })

  it('in no part of the VCEK leaves it accepted', () => {
    for (const { bytes } of [
      ...flips(vcek, 'the certificate'),
      ...flips(vcek, 'its body', 4, vcek.length - 520),
      ...flips(vcek, 'its signature', vcek.length - 512),
    ])
      expect(withCertificates(bytes, ask, ark)).toMatch(/^verify: evidence\.(chain|malformed)$/)
  })
})

describe('another root', () => {
  const chip = makeChip()
  const data = Buffer.alloc(64, 7)
  const self = snpItem(chip, makeReport(chip, { reportData: data }))
  const expected = { kind: 'binder', bytes: data } as const

  it('of the sender’s own making is not trusted, sent along or not', () => {
    const untrusted = 'verify: evidence.untrusted_root'
    expect(verdict(genuine, { item: self, at: { expected } })).toBe(untrusted)
    const [middle] = chip.chain as [Uint8Array]
    const without = { ...self.endorsements, chain: [text(middle)] }
    expect(verdict(genuine, { item: { ...self, endorsements: without }, at: { expected } })).toBe(
      untrusted,
    )
  })

  it('of the name of a trusted one is told from it by its signature', () => {
    const [first, second, third] = [makeChip(), makeChip(), makeChip()]
    const at = { expected, roots: { amd: [first.root, second.root] }, now: Date.UTC(2026, 10, 28) }
    const of = (made: Chip) => {
      const item = snpItem(made, makeReport(made, { reportData: data }))
      const chain = [text(made.chain[0] as Uint8Array)]
      return verdict(genuine, {
        item: { ...item, endorsements: { ...item.endorsements, chain } },
        at,
      })
    }
    // accepted as genuine: the policy of the vector does not know the measurement
    expect([first, second].map(of)).toEqual(
      Array(2).fill('appraise: evidence.measurement_unlisted'),
    )
    expect(of(third)).toBe('verify: evidence.untrusted_root')
  })

  it('that is not pinned makes the genuine report untrusted', () => {
    const { roots } = { roots: otherRoots('amd', chip.root.der) }
    expect(verdict(genuine, { at: { roots } })).toBe('verify: evidence.untrusted_root')
    expect(verdict(genuine, { at: { roots: {} } })).toBe('verify: evidence.untrusted_root')
    const genoa = readChain('snp/ask_ark_genoa.pem')[1] as Uint8Array
    expect(verdict(genuine, { at: { roots: otherRoots('amd', genoa) } })).toBe(
      'verify: evidence.untrusted_root',
    )
  })
})

describe('a synthetic report', () => {
  const data = Buffer.alloc(64, 9)
  const at = (chip: Chip): Verification => ({
    ...genuine.at,
    now: Date.UTC(2026, 10, 28),
    expected: { kind: 'binder', bytes: data },
    roots: { amd: [...(genuine.at.roots.amd ?? []), chip.root] },
  })
  const policy = policyOf(sevSnpSection({}), {
    products: ['Milan', 'Genoa', 'Turin'],
    key_types: ['vcek', 'vlek'],
    csp_ids: ['CN=provider.example'],
    revocation: 'prefer',
    min_tcb: Object.fromEntries(
      ['Milan', 'Genoa', 'Turin'].map((name) => [name, { bl: 1, tee: 0, snp: 4, ucode: 82 }]),
    ),
    reference: { measurement: [`sha384:${'4d'.repeat(48)}`] },
  })
  const outcome = (chip: Chip, bytes: Uint8Array) =>
    outcomeOf({ item: snpItem(chip, bytes), at: at(chip), policy })

  it.each(['Milan', 'Genoa', 'Turin'] as const)(
    'of %s is accepted under its root and says that it is synthetic',
    (product) => {
      const chip = makeChip({ product })
      for (const version of [2, 3, 5] as const) {
        const { verdict, claims } = outcome(chip, makeReport(chip, { reportData: data, version }))
        expect(verdict).toBe('accept')
        expect(claims).toMatchObject({ product, synthetic: true, binding: 'matched' })
      }
    },
  )

  it('of Turin has its TCB in the layout of Turin, and 8 bytes of chip id', () => {
    const chip = makeChip({ product: 'Turin', tcb: Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 82) })
    const { claims } = outcome(chip, makeReport(chip, { reportData: data }))
    expect(claims?.tcb).toEqual({ fmc: 1, bl: 2, tee: 3, snp: 4, ucode: 82 })
    const beyond = makeReport(chip, { reportData: data, patch: [[0x1a8, Uint8Array.of(1)]] })
    expect(outcome(chip, beyond).verdict).toBe('verify: evidence.key_mismatch')
  })

  it('of Turin is not judged in the layout of Milan: a byte that Milan has reserved counts', () => {
    const chip = makeChip({ product: 'Turin', tcb: Uint8Array.of(1, 2, 3, 3, 0, 0, 0, 82) })
    const { verdict } = outcome(chip, makeReport(chip, { reportData: data }))
    expect(verdict).toBe('appraise: evidence.tcb_low')
  })

  const milan = makeChip()
  const patched = (offset: number, ...bytes: number[]) =>
    makeReport(milan, { reportData: data, patch: [[offset, Uint8Array.from(bytes)]] })
  it.each([
    ['whose processor is of Genoa', patched(0x188, 0x19, 0x11), 'verify: evidence.key_mismatch'],
    ['whose processor nobody knows', patched(0x188, 0x17, 0x31), 'verify: evidence.key_mismatch'],
    [
      'of a component below the certificate’s',
      patched(0x186, 0x17),
      'verify: evidence.key_mismatch',
    ],
    ['of a reserved byte of its TCB', patched(0x182, 1), 'verify: evidence.key_mismatch'],
    [
      'whose committed TCB is below the reported',
      patched(0x1e6, 0x17),
      'verify: evidence.malformed',
    ],
    ['whose current TCB is below the committed', patched(0x3e, 0x17), 'verify: evidence.malformed'],
    ['whose current TCB is above', patched(0x3e, 0x19), 'accept'],
    ['with policy bit 25, which nobody knows', patched(0x08, 0, 0, 2, 2), 'accept'],
    ['of a guest that may migrate', patched(0x08, 0, 0, 6), 'appraise: evidence.migration'],
    ['of a guest that may be debugged', patched(0x08, 0, 0, 10), 'appraise: evidence.debug'],
    ['at VMPL 2', patched(0x30, 2), 'appraise: evidence.privilege'],
    ['at a level that is none', patched(0x30, 255, 255, 255, 255), 'appraise: evidence.privilege'],
    ['without the check for aliases', patched(0x40, 0), 'appraise: evidence.configuration'],
    ['of another chip', patched(0x1a0, 1), 'verify: evidence.key_mismatch'],
    ['of version 4', patched(0x00, 4), 'verify: evidence.unsupported'],
  ] as const)('%s', (_, bytes, verdict) => {
    expect(outcome(milan, bytes).verdict).toBe(verdict)
  })

  it('whose chip is masked is of no chip, and wants an explicit policy', () => {
    const { verdict, claims } = outcome(
      milan,
      makeReport(milan, { reportData: data, maskChip: true }),
    )
    expect(verdict).toBe('appraise: evidence.configuration')
    expect(claims).not.toHaveProperty('hardwareSha256')
  })

  it('by a VLEK of a listed provider is accepted, of another refused', () => {
    for (const [cspId, verdict] of [
      ['CN=provider.example', 'accept'],
      ['CN=other.example', 'appraise: evidence.product'],
    ] as const) {
      const chip = makeChip({ cspId })
      expect(outcome(chip, makeReport(chip, { reportData: data })).verdict).toBe(verdict)
    }
  })

  it('by the one kind of key under a certificate of the other is refused', () => {
    for (const [chip, claimed, key] of [
      [makeChip(), 4, 'vlek'],
      [makeChip({ cspId: 'CN=provider.example' }), 0, 'vcek'],
    ] as const) {
      const bytes = makeReport(chip, { reportData: data, patch: [[0x48, Uint8Array.of(claimed)]] })
      const item = snpItem(chip, bytes)
      const endorsements = { [key]: text(chip.leaf), chain: item.endorsements.chain }
      const { verdict } = outcomeOf({ item: { ...item, endorsements }, at: at(chip), policy })
      expect(verdict).toBe('verify: evidence.key_mismatch')
    }
  })

  it('names the product as its root does', () => {
    const chip = makeChip({ product: 'Milan', productName: 'Genoa' })
    const bytes = makeReport(chip, { reportData: data, version: 2 })
    expect(outcome(chip, bytes).verdict).toBe('verify: evidence.key_mismatch')
    const odd = makeChip({ product: 'Milan', productName: 'Rome-B0' })
    expect(outcome(odd, makeReport(odd, { reportData: data })).verdict).toBe(
      'verify: evidence.unsupported',
    )
  })

  it('is of another document when anything that is signed differs', () => {
    const digests = [8, 9].map((byte) => {
      const bytes = makeReport(milan, { reportData: data, patch: [[0xc0, Uint8Array.of(byte)]] })
      return outcome(milan, bytes).claims?.contentSha256
    })
    expect(new Set(digests).size).toBe(2)
  })
})
