// Changed documents of Nitro Enclaves are refused, each change for its own reason; first of a genuine one, then of synthetic ones.
import { describe, expect, it } from 'vitest'
import { readSign1 } from '../../../src/attest/format/cose.ts'
import { readNitroDocument } from '../../../src/attest/nitro/document.ts'
import { nitroSection } from '../../../src/attest/nitro/policy.ts'
import { VENDOR_ROOTS } from '../../../src/attest/roots/roots.ts'
import {
  DER_FORM,
  flipBit,
  flips,
  ORDER,
  placeOf,
  replaceAt,
  sideBySide,
  twin,
  wrongLengths,
  wrongNonces,
  wrongSignatures,
} from '../mutate.ts'
import { array, bytes, map, nothing, number, text } from '../synthetic/cbor.ts'
import {
  type DocumentOptions,
  ES384,
  makeDocument,
  makeEnclave,
  makeMessage,
  makePayload,
  nitroItem,
  pcr,
} from '../synthetic/nitro.ts'
import { otherRoots, outcomeOf, policyOf, runOf, vector } from '../vectors.ts'

const genuine = runOf(vector('nitro', 'a document of a production enclave is accepted'))
const document = genuine.item.bytes
const { payload } = readSign1(document, 'document')
const { cabundle, certificate } = readNitroDocument(payload)

const verdictOf = (changed: Uint8Array) =>
  outcomeOf({ ...genuine, item: { ...genuine.item, bytes: changed } }).verdict
const rows = (mutations: readonly { name: string; bytes: Uint8Array }[]) =>
  mutations.map((mutation) => [mutation.name, mutation.bytes] as const)

it('the genuine document is accepted, so that a refusal below is due to the change', () => {
  expect(verdictOf(document)).toBe('accept')
})

describe('a bit', () => {
  const partOf = (part: Uint8Array) => placeOf(document, part)
  const last = document.length - 1
  const key = (der: Uint8Array) => partOf(der) + 200
  it.each([
    ['of the message’s head', 0, 'evidence.malformed'],
    ['of the algorithm', 5, 'evidence.weak_algorithm'],
    ['of the protected header', 4, 'evidence.malformed'],
    ['of the unprotected header', 6, 'evidence.malformed'],
    ['of the nonce', partOf(genuine.at.expected?.bytes ?? document), 'evidence.signature'],
    ['of PCR0', partOf(Buffer.from('f4d48b81a460c9', 'hex')), 'evidence.signature'],
    ['of the timestamp', placeOf(document, Buffer.from('timestamp')) + 17, 'evidence.signature'],
    ['of the digest’s name', placeOf(document, Buffer.from('SHA384')), 'evidence.malformed'],
    ['of a member’s name', placeOf(document, Buffer.from('cabundle')), 'evidence.malformed'],
    ['of the root', key(cabundle[0] as Uint8Array), 'evidence.untrusted_root'],
    ['of the leaf’s key', partOf(certificate) + 330, 'evidence.chain'],
    ['of the signature', last, 'evidence.signature'],
  ] as const)('%s', (_, at, reason) => {
    expect(verdictOf(flipBit(document, at * 8))).toBe(`verify: ${reason}`)
  })

  it('of any certificate leaves none accepted', () => {
    for (const der of [certificate, ...cabundle]) {
      const from = partOf(der)
      const changed = [
        ...flips(document, 'a certificate', from, from + der.length),
        ...flips(document, 'its signature', from + der.length - 60, from + der.length),
      ]
      for (const mutation of changed)
        expect(verdictOf(mutation.bytes)).toMatch(
          /^verify: evidence\.(chain|malformed|untrusted_root)$/,
        )
    }
  })

  it('in no eleventh byte leaves it accepted', () => {
    for (let at = 0; at < document.length; at += 11)
      expect(verdictOf(flipBit(document, at * 8 + (at % 8)))).toMatch(/^verify: evidence\./)
  })
})

describe('another length', () => {
  it.each(rows(wrongLengths(document)))('%s', (_, changed) => {
    expect(verdictOf(changed)).toBe('verify: evidence.malformed')
  })
})

describe('another signature', () => {
  const form = sideBySide(48)
  const place = document.length - 96
  const signature = document.subarray(place)

  it.each(rows(wrongSignatures(form, ORDER['P-384'], signature)))('%s', (_, changed) => {
    expect(verdictOf(replaceAt(document, place, changed))).toBe('verify: evidence.signature')
  })

  it('that holds as well is of the same document', () => {
    const other = replaceAt(document, place, twin(form, ORDER['P-384'], signature))
    const [first, second] = [document, other].map((one) =>
      outcomeOf({ ...genuine, item: { ...genuine.item, bytes: one } }),
    )
    expect(second?.verdict).toBe('accept')
    expect(second?.claims).toEqual(first?.claims)
  })

  it('of the same length in DER is none', () => {
    const der = DER_FORM.write(form.read(signature))
    expect(verdictOf(Buffer.concat([document.subarray(0, place), der]))).toBe(
      'verify: evidence.malformed',
    )
  })
})

describe('another form of the same document', () => {
  it('with the tag of COSE_Sign1, or with headers beside, has one digest', () => {
    const tagged = Buffer.concat([Buffer.of(0xd2), document])
    const beside = Buffer.concat([document.subarray(0, 6), map([number(4), bytes(Buffer.of(1))]), document.subarray(7)]) // biome-ignore format: one line
    const digests = [document, tagged, beside].map((one) => {
      const { verdict, claims } = outcomeOf({ ...genuine, item: { ...genuine.item, bytes: one } })
      return [verdict, claims?.contentSha256]
    })
    expect(new Set(digests.map((digest) => digest.join(' '))).size).toBe(1)
    expect(digests[0]?.[0]).toBe('accept')
  })
})

describe('another nonce', () => {
  const nonce = genuine.at.expected?.bytes as Uint8Array
  it.each(rows(wrongNonces(nonce)))('%s', (_, changed) => {
    for (const kind of ['exact', 'binder'] as const) {
      const at = { ...genuine.at, expected: { kind, bytes: changed } }
      expect(outcomeOf({ ...genuine, at }).verdict).toBe('verify: evidence.nonce_mismatch')
    }
  })
})

const START = Date.UTC(2026, 10, 28, 12)
const enclave = makeEnclave({ startedAt: START })
const binder = Buffer.alloc(64, 0xb1)
const policy = policyOf(nitroSection({}), {
  revocation: 'prefer',
  reference: { pcr0: [`sha384:${'a0'.repeat(48)}`] },
})
const synthetic = (bytes: Uint8Array, change: { now?: number; root?: typeof enclave.root } = {}) =>
  outcomeOf({
    item: nitroItem(bytes),
    at: {
      now: change.now ?? START + 1000,
      skew: 60_000,
      expected: { kind: 'binder', bytes: binder },
      roots: { nitro: [change.root ?? enclave.root] },
      collateral: new Map(),
    },
    policy,
  })
const made = (options: Partial<DocumentOptions> = {}) =>
  makeDocument(enclave, { timestamp: START, nonce: binder, ...options })

describe('a synthetic document', () => {
  it('is accepted under its root and says that it is synthetic', () => {
    for (const indefinite of [false, true]) {
      const { verdict, claims } = synthetic(made({ indefinite }))
      expect(verdict).toBe('accept')
      expect(claims).toMatchObject({ synthetic: true, anchor: 'synthetic-nitro', madeAt: START })
    }
  })

  it('is not accepted under the root of AWS, nor a genuine one under its root', () => {
    const { verdict } = outcomeOf({
      item: nitroItem(made()),
      at: { ...genuine.at, now: START, roots: VENDOR_ROOTS },
      policy,
    })
    expect(verdict).toBe('verify: evidence.untrusted_root')
    for (const roots of [otherRoots('nitro', enclave.root.der), {}])
      expect(outcomeOf({ ...genuine, at: { ...genuine.at, roots } }).verdict).toBe(
        'verify: evidence.untrusted_root',
      )
  })

  const [root, region, zone, instance] = enclave.cabundle as [Uint8Array, Uint8Array, Uint8Array, Uint8Array] // biome-ignore format: one line
  const other = makeEnclave({ startedAt: START })
  it.each([
    ['upside down', [instance, zone, region, root], 'evidence.untrusted_root'],
    ['without the root', [region, zone, instance], 'evidence.untrusted_root'],
    ['without an intermediate', [root, region, instance], 'evidence.chain'],
    ['with the last two swapped', [root, region, instance, zone], 'evidence.chain'],
    ['of the root alone', [root], 'evidence.chain'],
    ['of another vendor', other.cabundle, 'evidence.untrusted_root'],
    ['of another vendor below our root', [root, ...other.cabundle.slice(1)], 'evidence.chain'],
    [
      'of an intermediate of another',
      [root, region, zone, ...other.cabundle.slice(3)],
      'evidence.chain',
    ],
  ] as const)('with a bundle %s is refused', (_, bundle, reason) => {
    expect(synthetic(made({ cabundle: bundle })).verdict).toBe(`verify: ${reason}`)
  })

  it('by a leaf of another enclave is refused, whoever signed', () => {
    expect(synthetic(made({ leaf: other.leaf })).verdict).toBe('verify: evidence.chain')
    const payload = makePayload(enclave, { timestamp: START, nonce: binder })
    expect(synthetic(makeMessage(payload, other.key)).verdict).toBe('verify: evidence.signature')
  })

  it('by an authority in place of a leaf is refused, though its key signed', () => {
    const options = {
      timestamp: START,
      nonce: binder,
      leaf: instance,
      cabundle: [root, region, zone],
    }
    const document = makeMessage(makePayload(enclave, options), enclave.instanceKey)
    expect(synthetic(document).verdict).toBe('verify: evidence.chain')
  })

  const signed = (header: Uint8Array, unprotected = map()) =>
    makeMessage(makePayload(enclave, { timestamp: START, nonce: binder }), enclave.key, { header, unprotected }) // biome-ignore format: one line
  it.each([
    ['-7', signed(map([number(1), number(-7)])), 'evidence.weak_algorithm'],
    ['-35 only beside the signature', signed(map(), ES384), 'evidence.weak_algorithm'],
    [
      '-7 with -35 beside the signature',
      signed(map([number(1), number(-7)]), ES384),
      'evidence.weak_algorithm',
    ],
    ['-35 in both places', signed(ES384, ES384), 'evidence.malformed'],
    [
      '-35 twice',
      signed(map([number(1), number(-35)], [number(1), number(-35)])),
      'evidence.malformed',
    ],
  ] as const)('with the algorithm %s is refused', (_, document, reason) => {
    expect(synthetic(document).verdict).toBe(`verify: ${reason}`)
  })

  const replaced = (name: string, item: Uint8Array) => made({ members: [[name, item]] })
  const twice = (name: string, item: Uint8Array) => made({ members: [[name, item], [name, item]] }) // biome-ignore format: one line
  it.each([
    ['a member twice', twice('nonce', bytes(binder))],
    ['no module', made({ without: 'module_id' })],
    ['a module that is no text', replaced('module_id', number(1))],
    ['an empty module', replaced('module_id', text(''))],
    ['another digest', replaced('digest', text('SHA256'))],
    ['no timestamp', made({ without: 'timestamp' })],
    ['a timestamp before time', replaced('timestamp', number(-1))],
    ['no PCRs', replaced('pcrs', map())],
    ['a PCR of 47 bytes', replaced('pcrs', map([number(0), bytes(Buffer.alloc(47))]))],
    ['a PCR 32', replaced('pcrs', map([number(32), bytes(pcr(1))]))],
    ['a PCR that is no number', replaced('pcrs', map([text('0'), bytes(pcr(1))]))],
    ['a PCR twice', replaced('pcrs', map([number(0), bytes(pcr(1))], [number(0), bytes(pcr(1))]))],
    ['no certificate', replaced('certificate', nothing)],
    ['no bundle', made({ without: 'cabundle' })],
    ['an empty bundle', replaced('cabundle', array())],
    ['a bundle of eight', replaced('cabundle', array(...Array(8).fill(bytes(root))))],
    ['a nonce above 512 bytes', replaced('nonce', bytes(Buffer.alloc(513)))],
    ['a nonce that is a text', replaced('nonce', text('nonce'))],
    ['user data above 512 bytes', replaced('user_data', bytes(Buffer.alloc(513)))],
    ['a key above 1024 bytes', replaced('public_key', bytes(Buffer.alloc(1025)))],
  ] as const)('with %s is refused', (_, document) => {
    expect(synthetic(document).verdict).toBe('verify: evidence.malformed')
  })

  it('that is no map is refused, and one above 16 KiB', () => {
    expect(synthetic(makeMessage(array(), enclave.key)).verdict).toBe('verify: evidence.malformed')
    const large = made({ members: [['other', bytes(Buffer.alloc(16_384))]] })
    expect(synthetic(large).verdict).toBe('verify: evidence.too_large')
  })

  it('may have members that are not known, and lack what is optional', () => {
    expect(synthetic(made({ members: [['other', map()]] })).verdict).toBe('accept')
    expect(synthetic(made({ without: 'user_data' })).verdict).toBe('accept')
    expect(synthetic(made({ publicKey: Buffer.alloc(1024, 1) })).verdict).toBe('accept')
  })

  it('without a nonce, or with it in another member, is refused', () => {
    const mismatch = 'verify: evidence.nonce_mismatch'
    expect(synthetic(made({ without: 'nonce' })).verdict).toBe(mismatch)
    expect(synthetic(made({ without: 'nonce', userData: binder })).verdict).toBe(mismatch)
    expect(synthetic(made({ without: 'nonce', publicKey: binder })).verdict).toBe(mismatch)
  })

  it('with user data that policy does not know is refused by policy, also when it is empty', () => {
    for (const userData of [Buffer.from('x'), Buffer.alloc(0)])
      expect(synthetic(made({ members: [['user_data', bytes(userData)]] })).verdict).toBe(
        'appraise: evidence.configuration',
      )
  })

  it('is in debug mode when one of the PCRs 0, 1 and 2 is zero or missing', () => {
    const code = { 0: pcr(0xa0), 1: pcr(0xa1), 2: pcr(0xa2) }
    for (const index of [0, 1, 2])
      expect(synthetic(made({ pcrs: { ...code, [index]: pcr(0) } })).verdict).toBe(
        'appraise: evidence.debug',
      )
    const document = replaced('pcrs', map([number(0), bytes(pcr(0xa0))]))
    expect(synthetic(document).verdict).toBe('appraise: evidence.debug')
  })

  it.each([
    ['a minute after now', START, START - 60_000 + 1000, 'verify: evidence.not_yet_valid'],
    ['within a minute after now', START + 59_000, START, 'accept'],
    ['just beyond a minute after now', START + 60_001, START, 'verify: evidence.not_yet_valid'],
    ['before its certificate', START - 1001, START, 'verify: evidence.stale'],
    ['after its certificate', START + 10_801_000, START + 10_799_000, 'verify: evidence.stale'],
    ['in the last second of its certificate', START + 10_800_999, START + 10_800_000, 'accept'],
    ['when its certificate had expired', START, START + 10_800_001, 'verify: evidence.expired'],
    ['long ago, which is for the policy', START, START + 10_800_000, 'accept'],
  ] as const)('made %s', (_, timestamp, now, verdict) => {
    expect(synthetic(made({ timestamp }), { now }).verdict).toBe(verdict)
  })

  it('of the same instance is of the same hardware, whatever the enclave is called', () => {
    const of = (id: string) => synthetic(replaced('module_id', text(id))).claims?.hardwareSha256
    expect(of('i-1-enc2')).toBe(of('i-1-enc3'))
    expect(of('i-1-enc2')).not.toBe(of('i-2-enc2'))
  })
})
