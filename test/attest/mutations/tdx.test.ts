// Changed TDX and SGX evidence is refused, each change for its own reason; genuine quotes first, then synthetic ones.
import { describe, expect, it } from 'vitest'
import { pckChainOf } from '../../../src/attest/dcap/chain.ts'
import { parseQuote } from '../../../src/attest/dcap/quote.ts'
import { tdxSection } from '../../../src/attest/dcap/tdx.ts'
import type { EvidenceItem, Verification } from '../../../src/attest/evidence/evidence.ts'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import {
  flipBit,
  flips,
  ORDER,
  placeOf,
  replaceAt,
  sideBySide,
  twin,
  wrongNonces,
  wrongSignatures,
} from '../mutate.ts'
import { makeCrl, makeIntelPki, SERIAL } from '../synthetic/intel-pki.ts'
import { CHIP, type DcapOptions, makeDcap } from '../synthetic/tdx.ts'
import {
  otherRoots,
  outcomeOf,
  policyOf,
  type Run,
  readFixture,
  runOf,
  vector,
} from '../vectors.ts'

const genuine = runOf(
  vector('tdx', 'a TDX quote of version 4 is UpToDate at its time, and accepted'),
)
const enclave = runOf(
  vector('tdx', 'the same enclave is accepted where status and both advisories are tolerated'),
)
const quote = genuine.item.bytes
/** Without its padding. */
const parsed = parseQuote(quote)
const bare = quote.subarray(0, 4936)
const FORM = sideBySide(32)
const P256 = ORDER['P-256']
type Sent = Readonly<Record<string, string>>
const sent = (genuine.item.endorsements as { readonly collateral: Sent }).collateral

const outcome = (
  run: Run,
  change: { item?: Partial<EvidenceItem>; at?: Partial<Verification> } = {},
) => outcomeOf({ ...run, item: { ...run.item, ...change.item }, at: { ...run.at, ...change.at } })
const withQuote = (bytes: Uint8Array): string => outcome(genuine, { item: { bytes } }).verdict
const withSent = (change: Sent): string =>
  outcome(genuine, { item: { endorsements: { collateral: { ...sent, ...change } } } }).verdict

it('the genuine documents are accepted, so that a refusal below is due to the change', () => {
  expect([withQuote(quote), withQuote(bare), withSent({})]).toEqual(['accept', 'accept', 'accept'])
  expect(outcome(enclave).verdict).toBe('accept')
})

describe('a bit of the quote', () => {
  const at = (part: Uint8Array): number => placeOf(bare, part)

  it.each([
    ['the version', 0, 'evidence.unsupported'],
    ['the kind of key', 2, 'evidence.unsupported'],
    ['the TEE', 4, 'evidence.unsupported'],
    ['the user data', 28, 'evidence.signature'],
    ['TEE_TCB_SVN', 48, 'evidence.signature'],
    ['MRSEAM', 48 + 16, 'evidence.signature'],
    ['the TD attributes', 48 + 120, 'evidence.signature'],
    ['MRTD', 48 + 136, 'evidence.signature'],
    ['RTMR3', 48 + 472, 'evidence.signature'],
    ['REPORTDATA', 48 + 520, 'evidence.signature'],
    ['the length', 632, 'evidence.malformed'],
    ['the signature', at(parsed.signature), 'evidence.signature'],
    ['the attestation key', at(parsed.attestationKey), 'evidence.key_mismatch'],
    ['the QE report', at(parsed.qe.bytes), 'evidence.signature'],
    ['the report data of the QE', at(parsed.qe.bytes) + 320, 'evidence.signature'],
    ['the signature of the QE report', at(parsed.qeSignature), 'evidence.signature'],
    ['the auth data of the QE', at(parsed.qeAuthData), 'evidence.key_mismatch'],
  ] as const)('%s', (_, place, reason) => {
    expect(withQuote(flipBit(bare, place * 8))).toBe(`verify: ${reason}`)
  })

  it('leaves no part accepted', () => {
    const auth = flips(bare, 'the auth data', 636, 1300)
    const body = flips(bare, 'the body', 48, 632)
    for (const { name, bytes } of [...flips(bare, 'the header', 0, 48), ...body, ...auth])
      expect(withQuote(bytes), name).toMatch(/^verify: evidence\./)
  })

  it('of the body of an enclave counts as well', () => {
    for (const { name, bytes } of flips(enclave.item.bytes, 'the report', 48 + 64, 48 + 96))
      expect(outcome(enclave, { item: { bytes } }).verdict, name).toBe('verify: evidence.signature')
  })
})

describe('the PCK chain', () => {
  const chain = pckChainOf(parsed).map(({ der }) => der)
  const pem = (ders: readonly Uint8Array[]): Buffer =>
    Buffer.from(
      ders
        .map(
          (der) =>
            `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`,
        )
        .join(''),
    )

  /** The quote with another chain; its length is not signed. */
  function withChain(ders: readonly Uint8Array[]): string {
    const start = bare.length - parsed.pckChain.length
    const text = pem(ders)
    const whole = Buffer.concat([bare.subarray(0, start), text])
    const grown = text.length - parsed.pckChain.length
    // auth data, certification data of the QE, PCK chain
    for (const place of [632, 636 + 128 + 2, start - 4])
      whole.writeUInt32LE(whole.readUInt32LE(place) + grown, place)
    return withQuote(whole)
  }
  const changed = (index: number, change: (der: Uint8Array) => Uint8Array): string =>
    withChain(chain.map((der, at) => (at === index ? change(der) : der)))
  const keyBit = (der: Uint8Array) =>
    flipBit(der, (placeOf(der, Certificate.parse(der).spki) + 40) * 8)
  const lastBit = (der: Uint8Array) => flipBit(der, der.length * 8 - 1)

  it('in another form of PEM is the same', () => {
    expect(withChain(chain)).toBe('accept')
  })

  it.each([
    ['the PCK certificate: its key', () => changed(0, keyBit), 'evidence.chain'],
    ['the PCK certificate: its signature', () => changed(0, lastBit), 'evidence.chain'],
    ['the CA: its key', () => changed(1, keyBit), 'evidence.chain'],
    ['the CA: its signature', () => changed(1, lastBit), 'evidence.chain'],
    ['the root: its key', () => changed(2, keyBit), 'evidence.untrusted_root'],
    ['the root: its signature', () => changed(2, lastBit), 'evidence.untrusted_root'],
    ['a certificate cut by one', () => changed(0, (der) => der.subarray(0, -1)), 'evidence.malformed'],
    ['upside down', () => withChain(chain.toReversed()), 'evidence.untrusted_root'],
    ['without its root', () => withChain(chain.slice(0, 2)), 'evidence.chain'],
    ['without its CA', () => withChain([chain[0], chain[2]] as Uint8Array[]), 'evidence.chain'],
    ['with its root twice', () => withChain([...chain, chain[2] as Uint8Array]), 'evidence.chain'],
    ['the CA as PCK certificate', () => withChain([chain[1], chain[1], chain[2]] as Uint8Array[]), 'evidence.chain'],
    ['nothing', () => withChain([]), 'evidence.chain'],
  ] as const)('%s', (_, run, reason) => {
    expect(run()).toBe(`verify: ${reason}`)
  }) // biome-ignore format: a table reads better in rows

  it('of another root is not trusted, whoever sent it', () => {
    const { item, root } = makeDcap({ now: genuine.at.now })
    expect(outcome(genuine, { item }).verdict).toBe('verify: evidence.untrusted_root')
    const roots = otherRoots('intel', root.der)
    expect(outcome(genuine, { at: { roots } }).verdict).toBe('verify: evidence.untrusted_root')
    expect(outcome(genuine, { at: { roots: {} } }).verdict).toBe('verify: evidence.untrusted_root')
  })
})

describe('another signature', () => {
  const places = [
    ['of the quote', parsed.signature],
    ['of the QE report', parsed.qeSignature],
  ] as const

  it.each(
    places.flatMap(([whose, signature]) =>
      wrongSignatures(FORM, P256, signature).map(
        ({ name, bytes }) =>
          [`${whose}: ${name}`, replaceAt(bare, placeOf(bare, signature), bytes)] as const,
      ),
    ),
  )('%s', (_, bytes) => {
    expect(withQuote(bytes)).toBe('verify: evidence.signature')
  })

  it.each(places)('%s that holds as well is of the same document', (_, signature) => {
    const bytes = replaceAt(bare, placeOf(bare, signature), twin(FORM, P256, signature))
    const [first, second] = [bare, bytes].map((one) => outcome(genuine, { item: { bytes: one } }))
    expect(Buffer.from(bytes).equals(bare)).toBe(false)
    expect(second?.verdict).toBe('accept')
    expect(second?.claims).toEqual(first?.claims)
  })
})

describe('another length', () => {
  it('cut by one byte, or one byte more that is not zero, is refused', () => {
    expect(withQuote(bare.subarray(0, -1))).toBe('verify: evidence.malformed')
    expect(withQuote(Buffer.concat([bare, Buffer.of(1)]))).toBe('appraise: evidence.malformed')
    expect(withQuote(Buffer.concat([quote, Buffer.of(1)]))).toBe('appraise: evidence.malformed')
    expect(withQuote(new Uint8Array())).toBe('verify: evidence.malformed')
  })

  it('padded with zeros is the same document', () => {
    const padded = Buffer.concat([quote, Buffer.alloc(3000)])
    const [first, second] = [bare, padded].map((one) => outcome(genuine, { item: { bytes: one } }))
    expect(second?.verdict).toBe('accept')
    expect(second?.claims?.contentSha256).toBe(first?.claims?.contentSha256)
  })

  it('with what the policy cuts off is the same document', () => {
    const { policy } = genuine
    const bytes = Buffer.concat([bare, Buffer.from('anything')])
    const cut = outcomeOf({
      ...genuine,
      item: { ...genuine.item, bytes },
      policy: { ...(policy as object), trim_trailing: true } as never,
    })
    expect(cut.verdict).toBe('accept')
    expect(cut.claims?.contentSha256).toBe(outcome(genuine).claims?.contentSha256)
  })
})

describe('another nonce', () => {
  const nonce = genuine.at.expected?.bytes as Uint8Array
  it.each(wrongNonces(nonce).map(({ name, bytes }) => [name, bytes] as const))('%s', (_, bytes) => {
    for (const kind of ['exact', 'binder'] as const)
      expect(outcome(genuine, { at: { expected: { kind, bytes } } }).verdict).toBe(
        'verify: evidence.nonce_mismatch',
      )
  })
})

describe('a part of another quote', () => {
  const other = parseQuote(readFixture('tdx/coco-tdx-v4-debug.quote.dat'))
  const put = (own: Uint8Array, theirs: Uint8Array, into: Uint8Array = bare): Uint8Array =>
    replaceAt(into, placeOf(bare, own), theirs)

  it.each([
    ['its attestation key', put(parsed.attestationKey, other.attestationKey), 'evidence.key_mismatch'],
    ['its QE report', put(parsed.qe.bytes, other.qe.bytes), 'evidence.signature'],
    ['its QE report and the signature of that', put(parsed.qe.bytes, other.qe.bytes, put(parsed.qeSignature, other.qeSignature)), 'evidence.signature'],
    ['its signature', put(parsed.signature, other.signature), 'evidence.signature'],
    ['its body', put(parsed.body.bytes, other.body.bytes), 'evidence.signature'],
  ] as const)('%s', (_, bytes, reason) => {
    expect(withQuote(bytes)).toBe(`verify: ${reason}`)
  }) // biome-ignore format: a table reads better in rows

  it('of the same machine, with an attestation key of its own, is told by the QE report', () => {
    const first = makeDcap({ now: genuine.at.now })
    // the QE signed for a key that is not the one of this quote
    const second = makeDcap({
      now: genuine.at.now,
      pki: first.pki,
      qe: { 320: Buffer.alloc(32, 1) },
    })
    const run = {
      ...genuine,
      at: { ...genuine.at, expected: undefined, roots: { intel: [first.root] } },
    }
    expect(outcome(run, { item: second.item }).verdict).toBe('verify: evidence.key_mismatch')
    const beyond = makeDcap({ now: genuine.at.now, pki: first.pki, qe: { 352: Buffer.of(1) } })
    expect(outcome(run, { item: beyond.item }).verdict).toBe('verify: evidence.key_mismatch')
  })
})

describe('a bit of the collateral', () => {
  const flipHex = (hex: string, byte: number): string =>
    Buffer.from(flipBit(Buffer.from(hex, 'hex'), byte * 8)).toString('hex')
  const text = (name: string): string => sent[name] as string
  /** One letter of a text, for another. */
  const letter = (name: string, from: string, to: string): Sent => ({
    [name]: text(name).replace(from, to),
  })

  it.each([
    ['a status of the TCB info', letter('tcb_info', 'OutOfDate', 'UpToDate'), 'evidence.collateral_invalid'],
    ['an SVN of the TCB info', letter('tcb_info', '"svn":5', '"svn":4'), 'evidence.collateral_invalid'],
    ['the end of its time', letter('tcb_info', '2025-07-19', '2035-07-19'), 'evidence.collateral_invalid'],
    ['its signature', { tcb_info_signature: flipHex(text('tcb_info_signature'), 3) }, 'evidence.collateral_invalid'],
    ['a space that JSON does not mind', letter('tcb_info', '"version":3', '"version": 3'), 'evidence.collateral_invalid'],
    ['the QE identity', letter('qe_identity', '"isvprodid":2', '"isvprodid":3'), 'evidence.collateral_invalid'],
    ['its issuer chain', letter('qe_identity_issuer_chain', 'MIIC', 'MIID'), 'evidence.collateral_invalid'],
    ['the PCK CRL', { pck_crl: flipHex(text('pck_crl'), 200) }, 'evidence.collateral_invalid'],
    ['the root CRL', { root_ca_crl: flipHex(text('root_ca_crl'), 30) }, 'evidence.collateral_invalid'],
    ['the end of the root CRL', { root_ca_crl: text('root_ca_crl').slice(0, -2) }, 'evidence.collateral_invalid'],
  ] as const)('%s', (_, change, reason) => {
    expect(withSent(change as Sent)).toBe(`verify: ${reason}`)
  }) // biome-ignore format: a table reads better in rows

  it('that makes the twin of a signature leaves it accepted', () => {
    const signature = Buffer.from(text('tcb_info_signature'), 'hex')
    const other = Buffer.from(twin(FORM, P256, signature)).toString('hex')
    expect(withSent({ tcb_info_signature: other })).toBe('accept')
    expect(other).not.toBe(text('tcb_info_signature'))
  })

  it('of another platform, or of an enclave, is not taken', () => {
    const others = (enclave.item.endorsements as { readonly collateral: Sent }).collateral
    const pick = (...names: string[]): Sent =>
      Object.fromEntries(names.map((name) => [name, others[name] as string]))
    expect(withSent(pick('tcb_info', 'tcb_info_signature'))).toBe(
      'verify: evidence.collateral_invalid',
    )
    expect(withSent(pick('qe_identity', 'qe_identity_signature'))).toBe(
      'verify: evidence.collateral_invalid',
    )
    // genuine, but of the CA of processors
    expect(withSent(pick('pck_crl'))).toBe('verify: evidence.collateral_invalid')
  })
})

describe('a synthetic quote', () => {
  const now = Date.UTC(2026, 10, 28)
  const policy = policyOf(tdxSection({}), {
    min_tcb_eval: 17,
    reference: { mrtd: [`sha384:${'7d'.repeat(48)}`] },
  })
  const run = (options: Partial<DcapOptions> = {}): string => {
    const { item, root } = makeDcap({ now, ...options })
    const at = { ...genuine.at, now, expected: undefined, roots: { intel: [root] } }
    return outcomeOf({ item, at, policy }).verdict
  }
  const dated = (issueDate: string, nextUpdate: string) => (json: object) => ({
    ...json,
    issueDate,
    nextUpdate,
  })
  const numbered = (json: object) => ({ ...json, tcbEvaluationDataNumber: 16 })

  it('is accepted as long as nothing is wrong', () => {
    expect([run(), run({ version: 5 })]).toEqual(['accept', 'accept'])
  })

  it.each<[string, Partial<DcapOptions>, string]>([
    ['TCB info past its nextUpdate', { tcbInfo: dated('2026-10-01T00:00:00Z', '2026-11-01T00:00:00Z') }, 'verify: evidence.collateral_stale'],
    ['a QE identity of tomorrow', { qeIdentity: dated('2026-11-29T00:00:00Z', '2026-12-29T00:00:00Z') }, 'verify: evidence.collateral_stale'],
    ['another FMSPC', { tcbInfo: (info) => ({ ...info, fmspc: '00906EA10000' }) }, 'verify: evidence.collateral_invalid'],
    ['a lower tcbEvaluationDataNumber of the TCB info', { tcbInfo: numbered }, 'appraise: evidence.collateral_stale'],
    ['a lower tcbEvaluationDataNumber of the QE identity', { qeIdentity: numbered }, 'appraise: evidence.collateral_stale'],
    ['its PCK certificate on the CRL', { revoked: ['pck'] }, 'verify: evidence.revoked'],
    ['its CA on the CRL of the root', { revoked: ['ca'] }, 'verify: evidence.revoked'],
    ['the signer of its collateral on the CRL of the root', { revoked: ['signer'] }, 'verify: evidence.revoked'],
    ['the QE identity of an enclave', { qeIdentity: (one) => ({ ...one, id: 'QE' }) }, 'verify: evidence.collateral_invalid'],
    ['a QE that is not the one of Intel', { qe: { 128: Buffer.alloc(32, 9) } }, 'verify: evidence.platform_software'],
    ['no identity of its module', { tcbInfo: (info) => ({ ...info, tdxModuleIdentities: [] }) }, 'verify: evidence.platform_software'],
    ['a TCB that is revoked', { chip: { pceSvn: 6 } }, 'appraise: evidence.tcb_revoked'],
    ['a TCB below every level', { chip: { pceSvn: 1 } }, 'appraise: evidence.tcb_revoked'],
    ['a module that is revoked', { tcbInfo: moduleRevoked }, 'appraise: evidence.tcb_revoked'],
    ['a TCB that is out of date', { chip: { pceSvn: 8 } }, 'appraise: evidence.tcb_low'],
    ['a QE under debug', { qe: { 48: Buffer.of(0x17) } }, 'verify: evidence.debug'],
    ['debug', { body: { 120: Buffer.of(1, 0, 0, 0x10) } }, 'appraise: evidence.debug'],
    ['MIGRATABLE', { body: { 120: Buffer.of(0, 0, 0, 0x30) } }, 'appraise: evidence.migration'],
    ['no SEPT_VE_DISABLE', { body: { 120: Buffer.of(0, 0, 0, 0) } }, 'appraise: evidence.configuration'],
    ['another MRTD', { body: { 136: Buffer.alloc(48, 1) } }, 'appraise: evidence.measurement_unlisted'],
  ])('with %s is refused', (_, options, verdict) => {
    expect(run(options)).toBe(verdict)
  }) // biome-ignore format: a table reads better in rows

  it.each([
    ['pck-is-authority', 'verify: evidence.chain'],
    ['signer-is-authority', 'verify: evidence.collateral_invalid'],
    ['ca-signs-no-lists', 'verify: evidence.collateral_invalid'],
  ] as const)('under certificates that Intel never issues is refused: %s', (odd, verdict) => {
    expect(run({ pki: makeIntelPki('odd', CHIP, now, odd) })).toBe(verdict)
    expect(run({ pki: makeIntelPki('odd', CHIP, now) })).toBe('accept')
  })

  it('is judged by lists of its own issuers, and of now', () => {
    const { item, root, pki } = makeDcap({ now })
    const { collateral } = item.endorsements as { readonly collateral: Sent }
    const at = { ...genuine.at, now, expected: undefined, roots: { intel: [root] } }
    const withCrl = (name: string, crl: Uint8Array): string =>
      outcomeOf({
        item: {
          ...item,
          endorsements: { collateral: { ...collateral, [name]: Buffer.from(crl).toString('hex') } },
        },
        at,
        policy,
      }).verdict
    const day = 86_400_000
    expect(withCrl('pck_crl', makeCrl(pki.ca, [99], now))).toBe('accept')
    expect(withCrl('pck_crl', makeCrl(pki.ca, [99, SERIAL.pck], now))).toBe(
      'verify: evidence.revoked',
    )
    expect(withCrl('pck_crl', makeCrl(pki.ca, [], now - 31 * day))).toBe(
      'verify: evidence.collateral_stale',
    )
    expect(withCrl('pck_crl', makeCrl(pki.ca, [], now + 3 * day))).toBe(
      'verify: evidence.collateral_stale',
    )
    expect(withCrl('pck_crl', makeCrl(pki.ca, [], now, 'critical'))).toBe(
      'verify: evidence.collateral_invalid',
    )
    expect(withCrl('pck_crl', makeCrl(pki.ca, [], now, 'two-algorithms'))).toBe(
      'verify: evidence.collateral_invalid',
    )
    expect(withCrl('pck_crl', makeCrl(pki.ca, [], now - 30 * day))).toBe(
      'verify: evidence.collateral_stale',
    )
    expect(withCrl('pck_crl', makeCrl(pki.root, [], now))).toBe(
      'verify: evidence.collateral_invalid',
    )
    expect(withCrl('pck_crl', makeCrl({ ...pki.ca, key: pki.pck.key }, [], now))).toBe(
      'verify: evidence.collateral_invalid',
    )
    expect(withCrl('root_ca_crl', makeCrl(pki.signer, [], now))).toBe(
      'verify: evidence.collateral_invalid',
    )
  })

  it('is of another document when anything that is signed differs', () => {
    const digests = [1, 2].map((byte) => {
      const { item, root } = makeDcap({ now, reportData: Buffer.alloc(64, byte) })
      const at = { ...genuine.at, now, expected: undefined, roots: { intel: [root] } }
      return outcomeOf({ item, at, policy }).claims?.contentSha256
    })
    expect(new Set(digests).size).toBe(2)
  })
})

function moduleRevoked(info: Record<string, unknown>): Record<string, unknown> {
  const [module] = info.tdxModuleIdentities as Record<string, unknown>[]
  const tcbLevels = [{ tcb: { isvsvn: 0 }, tcbStatus: 'Revoked' }]
  return { ...info, tdxModuleIdentities: [{ ...module, tcbLevels }] }
}
