// Changed quotes are refused, each change for its own reason; first of genuine ones, then of synthetic ones whose signature holds.
import { describe, expect, it } from 'vitest'
import {
  flips,
  ORDER,
  replaceAt,
  sideBySide,
  twin,
  wrongLengths,
  wrongNonces,
  wrongSignatures,
} from '../mutate.ts'
import {
  areaOf,
  attestOf,
  formOf,
  itemOf,
  keyFrom,
  NONCE,
  type QuoteOptions,
  signatureOf,
  sized,
  u8,
  u16,
  u32,
  VALUES,
  verification,
} from '../synthetic/tpm.ts'
import { outcomeOf, type Run, runOf, vector } from '../vectors.ts'

type Form = Record<string, unknown>
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const bytesOf = (form: Form, member: string) => Buffer.from(String(form[member]), 'base64url')
const formIn = ({ item }: Run): Form => JSON.parse(Buffer.from(item.bytes).toString())
const verdictOf = (run: Run, form: unknown) =>
  outcomeOf({ ...run, item: { ...run.item, bytes: Buffer.from(JSON.stringify(form)) } }).verdict

const keylime = runOf(vector('tpm', "keylime's quote is accepted where its key is enrolled"))
const genuine = formIn(keylime)
const quote = bytesOf(genuine, 'quote')
const withQuote = (bytes: Uint8Array) => verdictOf(keylime, { ...genuine, quote: b64(bytes) })
const withSignature = (bytes: Uint8Array) =>
  verdictOf(keylime, { ...genuine, signature: b64(bytes) })

it('the genuine quote is accepted, so that a refusal below is due to the change', () => {
  expect(verdictOf(keylime, genuine)).toBe('accept')
})

describe('a genuine quote', () => {
  it.each([
    ['of type 0x8017', 5, 0x17, 'evidence.unsupported'],
    ['of type 0x8019', 5, 0x19, 'evidence.unsupported'],
    ['with another magic number', 0, 0xfe, 'evidence.malformed'],
    ['with another signer', 10, 0xaa, 'evidence.signature'],
    ['with another nonce', 44, 0x42, 'evidence.signature'],
    ['with another clock', 64, 0x01, 'evidence.signature'],
    ['with another count of boots', 75, 0x09, 'evidence.signature'],
    ['with a clock that is not safe', 80, 0, 'evidence.signature'],
    ['with a clock that is neither', 80, 2, 'evidence.malformed'],
    ['with another firmware', 88, 0x01, 'evidence.signature'],
    ['with more banks than it has', 92, 2, 'evidence.malformed'],
    ['over a bank of SHA-1', 94, 0x04, 'evidence.weak_algorithm'],
    ['over another register', 98, 0x02, 'evidence.signature'],
    ['over a selection of five octets', 95, 5, 'evidence.malformed'],
    ['with another digest', 110, 0, 'evidence.signature'],
  ])('%s is refused', (_what, at, octet, reason) => {
    expect(withQuote(replaceAt(quote, at, u8(octet)))).toBe(`verify: ${reason}`)
  })

  it.each(wrongLengths(quote))('is refused: $name', ({ bytes }) => {
    expect(withQuote(bytes)).toBe('verify: evidence.malformed')
  })

  it.each(wrongNonces(keylime.at.expected?.bytes ?? u8()))(
    'is refused for a nonce $name',
    ({ bytes }) => {
      const expected = { kind: 'exact', bytes } as const
      expect(outcomeOf({ ...keylime, at: { ...keylime.at, expected } }).verdict).toBe(
        'verify: evidence.nonce_mismatch',
      )
    },
  )

  it('without a nonce to compare with is not of now', () => {
    const { claims } = outcomeOf({ ...keylime, at: { ...keylime.at, expected: undefined } })
    expect(claims?.binding).toBe('not checked')
  })
})

describe('the signature', () => {
  const signature = bytesOf(genuine, 'signature')

  it.each(flips(signature, 'the signature', 6))('with $name is refused', ({ bytes }) => {
    expect(withSignature(bytes)).toBe('verify: evidence.signature')
  })

  it.each(wrongLengths(signature))('is refused: $name', ({ bytes }) => {
    expect(withSignature(bytes)).toBe('verify: evidence.malformed')
  })

  it.each([
    ['by SHA-1', replaceAt(signature, 2, u16(0x0004)), 'evidence.weak_algorithm'],
    ['by SHA-384 that was by SHA-256', replaceAt(signature, 2, u16(0x000c)), 'evidence.signature'],
    ['by an unknown hash', replaceAt(signature, 2, u16(0x0099)), 'evidence.weak_algorithm'],
    ['by HMAC', replaceAt(signature, 0, u16(0x0005)), 'evidence.weak_algorithm'],
    ['by no scheme', replaceAt(signature, 0, u16(0x0010)), 'evidence.weak_algorithm'],
    ['by PSS that is RSASSA', replaceAt(signature, 0, u16(0x0016)), 'evidence.signature'],
    ['by ECDSA with a key of RSA', signatureOf(quote), 'evidence.signature'],
    ['larger than any', Buffer.concat([signature, Buffer.alloc(2000)]), 'evidence.too_large'],
  ])('%s is refused', (_what, bytes, reason) => {
    expect(withSignature(bytes)).toBe(`verify: ${reason}`)
  })
})

describe('the registers', () => {
  const { 16: value } = (genuine.pcrs as { sha256: Record<string, string> }).sha256
  const withPcrs = (pcrs: unknown) => verdictOf(keylime, { ...genuine, pcrs })

  it.each([
    ['with a bit flipped', { sha256: { 16: `${value?.slice(0, -1)}e` } }, 'evidence.measurement_mismatch'],
    ['with a zero register', { sha256: { 16: '0'.repeat(64) } }, 'evidence.measurement_mismatch'],
    ['of another number', { sha256: { 17: value } }, 'evidence.measurement_mismatch'],
    ['with one more', { sha256: { 16: value, 17: value } }, 'evidence.measurement_mismatch'],
    ['with another bank', { sha256: { 16: value }, sha384: { 16: '0'.repeat(96) } }, 'evidence.measurement_mismatch'],
    ['without any', {}, 'evidence.measurement_mismatch'],
    ['of a bank that is not known', { sha1: { 16: '0'.repeat(40) } }, 'evidence.malformed'],
    ['of another length', { sha256: { 16: '0'.repeat(62) } }, 'evidence.malformed'],
    ['in capitals', { sha256: { 16: value?.toUpperCase() } }, 'evidence.malformed'],
    ['by another name of the number', { sha256: { '016': value } }, 'evidence.malformed'],
    ['above the last', { sha256: { 32: value } }, 'evidence.malformed'],
    ['in a list', [value], 'evidence.malformed'],
    ['as text', { sha256: value }, 'evidence.malformed'],
    ['as nothing', null, 'evidence.malformed'],
  ])('%s are refused', (_what, pcrs, reason) => {
    expect(withPcrs(pcrs)).toBe(`verify: ${reason}`)
  }) // biome-ignore format: rows
})

describe('the key', () => {
  const azure = runOf(
    vector('azure', 'a confidential machine in Azure is accepted: quote, key, report, VCEK, ARK'),
  )
  const coco = runOf(vector('tpm', 'the quote of CoCo is accepted where its key is enrolled'))

  it('of another TPM is refused', () => {
    const { ak_spki } = formIn(coco)
    expect(verdictOf(keylime, { ...genuine, ak_spki })).toBe('verify: evidence.signature')
  })

  it('that the report of the hardware does not name is refused', () => {
    const form = formIn(azure)
    const hcl = bytesOf(form, 'hcl_report')
    const at = hcl.indexOf('"n":"') + 5
    const other = replaceAt(hcl, at + 40, Buffer.from(hcl[at + 40] === 65 ? 'B' : 'A'))
    expect(verdictOf(azure, { ...form, hcl_report: b64(other) })).toBe(
      'verify: evidence.key_mismatch',
    )
  })
})

/** A quote of the synthetic TPM: the signature holds whatever stands in it. */
function synthetic(options: QuoteOptions, changes: Form = {}): string {
  const item = itemOf({ ...formOf(options), ...changes })
  return outcomeOf({ ...keylime, item, at: verification() }).verdict
}

describe('what is signed all the same', () => {
  it('is accepted as far as it is genuine', () => {
    expect(synthetic({})).toBe('appraise: evidence.ak_untrusted')
  })

  it.each<[string, QuoteOptions, string]>([
    ['of another magic number', { magic: 0xff544348 }, 'evidence.malformed'],
    ['that certifies a key', { type: 0x8017 }, 'evidence.unsupported'],
    ['that tells the time', { type: 0x8019 }, 'evidence.unsupported'],
    ['that goes on', { tail: u8(0) }, 'evidence.malformed'],
    ['that is larger than any', { tail: Buffer.alloc(2048) }, 'evidence.too_large'],
    ['over no register', { values: {} }, 'evidence.registers_missing'],
    ['over banks of nothing', { selected: { sha256: [], sha1: [] }, values: {} }, 'evidence.registers_missing'],
    ['over SHA-1 besides', { values: { ...VALUES, sha1: { 0: '00'.repeat(20) } } }, 'evidence.weak_algorithm'],
    ['over a register whose value is not told', { selected: { sha256: [0, 4, 7, 9] } }, 'evidence.measurement_mismatch'],
    ['over fewer registers than are told', { selected: { sha256: [0, 4] } }, 'evidence.measurement_mismatch'],
    ['over another digest', { pcrDigest: Buffer.alloc(32) }, 'evidence.measurement_mismatch'],
    ['over the beginning of the digest', { pcrDigest: u8() }, 'evidence.measurement_mismatch'],
    ['with an empty nonce', { extraData: u8() }, 'evidence.nonce_mismatch'],
    ['with the beginning of the nonce', { extraData: NONCE.subarray(0, 31) }, 'evidence.nonce_mismatch'],
    ['with the nonce and zeros', { extraData: Buffer.concat([NONCE, u8(0)]) }, 'evidence.nonce_mismatch'],
    ['by SHA-1', { hash: 'sha1' }, 'evidence.weak_algorithm'],
    ['by SHA-384 with a key of SHA-256', { hash: 'sha384' }, 'evidence.weak_algorithm'],
    ['by ECDAA', { signatureScheme: 0x001a }, 'evidence.weak_algorithm'],
    ['with a key that may leave', { attributes: 0x0005_0070 }, 'evidence.ak_attributes'],
    ['with a key that may be moved', { attributes: 0x0005_0062 }, 'evidence.ak_attributes'],
    ['with a key that came from outside', { attributes: 0x0005_0052 }, 'evidence.ak_attributes'],
    ['with a key that signs anything', { attributes: 0x0004_0072 }, 'evidence.ak_attributes'],
    ['with a key that does not sign', { attributes: 0x0001_0072 }, 'evidence.ak_attributes'],
    ['with a key that decrypts', { attributes: 0x0007_0072 }, 'evidence.ak_attributes'],
    ['with the public area of another key', { area: areaOf({ key: keyFrom('another') }) }, 'evidence.signature'],
    ['with a public area of SHA-1', { area: Buffer.concat([u16(0x23), u16(4), areaOf().subarray(4)]) }, 'evidence.weak_algorithm'],
    ['with a public area that goes on', { area: Buffer.concat([areaOf(), u8(0)]) }, 'evidence.malformed'],
    ['with a public area that is cut', { area: areaOf().subarray(0, -1) }, 'evidence.malformed'],
    ['with the size before the public area', { area: sized(areaOf()) }, 'evidence.weak_algorithm'],
    ['with a point off its curve', { area: replaceAt(areaOf(), areaOf().length - 1, u8(0xee)) as Buffer }, 'evidence.malformed'],
    ['with a key that is a secret', { area: Buffer.concat([u16(8), areaOf().subarray(2)]) }, 'evidence.weak_algorithm'],
    ['with a public area larger than any', { area: Buffer.alloc(2049) }, 'evidence.too_large'],
  ])('%s is refused', (_what, options, reason) => {
    expect(synthetic(options)).toBe(`verify: ${reason}`)
  }) // biome-ignore format: rows

  it('over one bank twice is refused', () => {
    const bank = Buffer.concat([u16(0x000b), u8(3, 1, 0, 0)])
    const whole = attestOf({ values: { sha256: { 0: '00'.repeat(32) } } })
    const at = whole.indexOf(Buffer.concat([u32(1), bank]))
    const rest = whole.subarray(at + 4 + bank.length)
    const attest = Buffer.concat([whole.subarray(0, at), u32(2), bank, bank, rest])
    expect(synthetic({}, { quote: b64(attest) })).toBe('verify: evidence.malformed')
  })
})

describe('a signature by ECDSA', () => {
  const attest = attestOf()
  const signature = signatureOf(attest)
  /** r and s, each behind its size. */
  const form = {
    read: (bytes: Uint8Array) =>
      sideBySide(32).read(Buffer.concat([bytes.subarray(6, 38), bytes.subarray(40)])),
    write: (rs: { r: bigint; s: bigint }) => {
      const raw = sideBySide(32).write(rs)
      return Buffer.concat([
        signature.subarray(0, 4),
        sized(raw.subarray(0, 32)),
        sized(raw.subarray(32)),
      ])
    },
  }
  const withBytes = (bytes: Uint8Array) =>
    synthetic({}, { quote: b64(attest), signature: b64(bytes) })

  it.each(wrongSignatures(form, ORDER['P-256'], signature))(
    'where $name is refused',
    ({ bytes }) => {
      expect(withBytes(bytes)).toBe('verify: evidence.signature')
    },
  )

  it('where s is n - s holds, and is of the same document', () => {
    const other = {
      ...formOf(),
      quote: b64(attest),
      signature: b64(twin(form, ORDER['P-256'], signature)),
    }
    const same = { ...formOf(), quote: b64(attest), signature: b64(signature) }
    const [a, b] = [other, same].map(
      (one) => outcomeOf({ ...keylime, item: itemOf(one), at: verification() }).claims,
    )
    expect(a?.contentSha256).toBe(b?.contentSha256)
    expect(a).toBeDefined()
  })

  it('with numbers shorter or longer than their curve is read as numbers', () => {
    const raw = signature.subarray(6, 38)
    const padded = Buffer.concat([
      signature.subarray(0, 4),
      sized(Buffer.concat([u8(0, 0), raw])),
      signature.subarray(38),
    ])
    expect(withBytes(padded)).toBe('appraise: evidence.ak_untrusted')
    const longer = Buffer.concat([
      signature.subarray(0, 4),
      sized(Buffer.concat([u8(1), raw])),
      signature.subarray(38),
    ])
    expect(withBytes(longer)).toBe('verify: evidence.signature')
  })
})

describe('the JSON form', () => {
  it.each<[string, Form, string]>([
    ['of another version', { v: 2 }, 'evidence.malformed'],
    ['with a member more', { more: 1 }, 'evidence.malformed'],
    ['with both forms of the key', { ak_spki: 'AAAA' }, 'evidence.malformed'],
    ['with a quote that is no text', { quote: 1 }, 'evidence.malformed'],
    ['with a quote in base64', { quote: '++//' }, 'evidence.malformed'],
    ['with a quote in padded base64url', { quote: 'AA==' }, 'evidence.malformed'],
    ['with a quote that has bits left over', { quote: 'AB' }, 'evidence.malformed'],
    ['with a quote that is too long', { quote: 'A'.repeat(3000) }, 'evidence.too_large'],
    ['with a comment that is too long', { more: 'A'.repeat(70_000) }, 'evidence.too_large'],
  ])('%s is refused', (_what, changes, reason) => {
    expect(synthetic({}, changes)).toBe(`verify: ${reason}`)
  }) // biome-ignore format: rows

  it.each(['', '[]', 'null', '1', '{', '"x"', '\ufffe'])('that is %j is refused', (text) => {
    const item = { type: 'tpm', bytes: Buffer.from(text), endorsements: {} } as const
    expect(outcomeOf({ ...keylime, item }).verdict).toBe('verify: evidence.malformed')
  })

  it.each([
    ['a member twice', '"v":1', '"v":1,"v":1'],
    ['a member twice, once with an escape', '"v":1', '"v":1,"\\u0076":1'],
    ['a bank twice', '"sha256":', '"sha256":{},"sha256":'],
    ['a register twice', '"16":', '"16":"00","16":'],
    ['a mark of the byte order', '{"v":1', '\ufeff{"v":1'],
  ])('with %s is refused', (_what, from, to) => {
    const text = JSON.stringify(genuine).replace(from, to)
    const item = { ...keylime.item, bytes: Buffer.from(text) }
    expect(text).toContain(to)
    expect(outcomeOf({ ...keylime, item }).verdict).toBe('verify: evidence.malformed')
  })

  it('that is not UTF-8 is refused', () => {
    const bytes = Buffer.from(JSON.stringify({ ...genuine, v: 'X' }).replace('X', '\xff'), 'latin1')
    const item = { ...keylime.item, bytes }
    expect(outcomeOf({ ...keylime, item }).verdict).toBe('verify: evidence.malformed')
  })

  it.each(['v', 'quote', 'signature', 'pcrs', 'ak_spki'])('without %s is refused', (name) => {
    const { [name]: _, ...less } = genuine
    expect(verdictOf(keylime, less)).toBe('verify: evidence.malformed')
  })
})
