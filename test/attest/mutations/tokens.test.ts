// Changed tokens and instance documents are refused, each change for its own reason; first of a genuine token, then of synthetic ones.
import { describe, expect, it } from 'vitest'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import { flipBit, flips, wrongLengths, wrongNonces } from '../mutate.ts'
import { ecKeys, issue, rsaKeys } from '../synthetic/authority.ts'
import { attributesOf } from '../synthetic/cms.ts'
import { AWS_DOCUMENT, AWS_ROOTS, AZURE_ROOTS, awsItem, azureItem, MIDDLE, REGION, SIGNER } from '../synthetic/instances.ts' // biome-ignore format: one line
import { ACCOUNTS, at, BINDER, HEADER, identityToken, itemOf, KEYS, keysOf, MAA_CLAIMS, maaToken, PROVIDER, SPACE_CLAIMS, SPACE_ROOTS, spaceToken, x5c } from '../synthetic/issuers.ts' // biome-ignore format: one line
import { encode, jwk, token } from '../synthetic/token.ts'
import { otherRoots, outcomeOf, type Run, runOf, vector } from '../vectors.ts'

const genuine = runOf(vector('tokens', 'a token of Confidential Space is accepted'))
const [header, payload, signature] = Buffer.from(genuine.item.bytes).toString().split('.') as [
  string,
  string,
  string,
]
const verdict = (run: Run, bytes: Uint8Array): string =>
  outcomeOf({ ...run, item: { ...run.item, bytes } }).verdict
const joined = (...parts: readonly string[]): Buffer => Buffer.from(parts.join('.'))
const parsed = JSON.parse(Buffer.from(header, 'base64url').toString()) as {
  x5c: [string, string, string]
}
const withHeader = (more: object): Buffer =>
  joined(encode({ ...parsed, ...more }), payload, signature)

it('the genuine token is accepted, so that a refusal below is due to the change', () => {
  expect(verdict(genuine, joined(header, payload, signature))).toBe('accept')
  expect(verdict(genuine, withHeader({}))).toBe('accept')
})

describe('a genuine token of Confidential Space', () => {
  const chain = parsed.x5c.map((one) => Buffer.from(one, 'base64'))
  const withChain = (...ders: readonly Uint8Array[]): string =>
    verdict(genuine, withHeader({ x5c: ders.map((der) => Buffer.from(der).toString('base64')) }))
  const [leaf, middle, root] = chain as [Buffer, Buffer, Buffer]

  it.each([
    ['alg none', { alg: 'none' }, 'evidence.weak_algorithm'],
    ['alg HS256', { alg: 'HS256' }, 'evidence.weak_algorithm'],
    ['alg PS256', { alg: 'PS256' }, 'evidence.weak_algorithm'],
    ['alg ES256', { alg: 'ES256' }, 'evidence.weak_algorithm'],
    ['a jku', { jku: 'https://evil.test/keys' }, 'evidence.offered_key'],
    ['a jwk', { jwk: jwk(KEYS.publicKey) }, 'evidence.offered_key'],
    ['an x5u', { x5u: 'https://evil.test/chain' }, 'evidence.offered_key'],
    ['crit', { crit: ['exp'] }, 'evidence.malformed'],
    ['another kid', { kid: 'x' }, 'evidence.signature'],
    ['no chain', { x5c: undefined }, 'evidence.collateral_missing'],
    ['a chain of nothing', { x5c: [] }, 'evidence.malformed'],
  ])('with %s', (_, more, reason) =>
    expect(verdict(genuine, withHeader(more))).toBe(`verify: ${reason}`)) // biome-ignore format: a table

  it('with a header of another spelling that says the same', () =>
    // signed is the text, not what it says
    expect(verdict(genuine, joined(encode(` ${JSON.stringify(parsed)}`), payload, signature))).toBe(
      'verify: evidence.signature',
    ))

  it.each([
    ['reversed', () => withChain(root, middle, leaf), 'evidence.untrusted_root'],
    ['without its root', () => withChain(leaf, middle), 'evidence.chain'],
    ['without its intermediate', () => withChain(leaf, root, root), 'evidence.chain'],
    ['with one more', () => withChain(leaf, middle, root, root), 'evidence.chain'],
    ['twice the leaf', () => withChain(leaf, leaf, root), 'evidence.chain'],
    ['with nine', () => withChain(...Array<Buffer>(9).fill(leaf)), 'evidence.budget'],
    ['with no certificate in it', () => withChain(Buffer.from('x'), middle, root), 'evidence.malformed'],
  ])('with its chain %s', (_, act, reason) => expect(act()).toBe(`verify: ${reason}`)) // biome-ignore format: a table

  it('with a chain to a root that somebody made, named like the real one', () => {
    const [one, two] = [ecKeys(), ecKeys()]
    const self = issue({ name: 'Confidential Space Root CA', keys: one, isAuthority: true, notBefore: 0 }) // biome-ignore format: one line
    const below = issue({
      name: 'middle',
      keys: two,
      issuer: self,
      isAuthority: true,
      notBefore: 0,
    })
    const last = issue({ name: 'leaf', keys: KEYS, issuer: below, notBefore: 0 })
    const made = [last, below, self].map(({ der }) => der.toString('base64'))
    const forged = token({ ...HEADER, x5c: made }, SPACE_CLAIMS, KEYS.privateKey)
    expect(verdict(genuine, forged)).toBe('verify: evidence.untrusted_root')
    // the real root behind a chain that it never signed
    const spliced = token({ ...HEADER, x5c: [...made.slice(0, 2), parsed.x5c[2]] }, SPACE_CLAIMS, KEYS.privateKey) // biome-ignore format: one line
    expect(verdict(genuine, spliced)).toBe('verify: evidence.chain')
  })

  it('under another root, or none', () => {
    const of = (roots: Run['at']['roots']) => outcomeOf({ ...genuine, at: { ...genuine.at, roots } }).verdict // biome-ignore format: one line
    expect(of(otherRoots('google', middle))).toBe('verify: evidence.untrusted_root')
    expect(of({})).toBe('verify: evidence.untrusted_root')
  })

  it('with a bit changed in any of its certificates', () => {
    const reasons = new Set<string>()
    chain.forEach((der, index) => {
      const body = Certificate.parse(der)
      const length = der.length
      const places = [...flips(der, 'a certificate', 4, length), ...flips(der, 'its body', 30, 4 + body.tbs.length)] // biome-ignore format: one line
      for (const { bytes } of places)
        reasons.add(withChain(...chain.map((one, i) => (i === index ? bytes : one))))
    })
    expect(reasons).not.toContain('accept')
    expect([...reasons].sort()).toEqual([
      'verify: evidence.chain',
      'verify: evidence.malformed',
      'verify: evidence.untrusted_root',
    ])
  })

  it('with a bit changed anywhere in it', () => {
    const { bytes } = genuine.item
    const reasons = new Set<string>()
    for (let place = 0; place < bytes.length; place += 13)
      reasons.add(verdict(genuine, flipBit(bytes, place * 8 + (place % 8))))
    expect(reasons).not.toContain('accept')
    for (const one of reasons) expect(one).toMatch(/^verify: evidence\./)
  })

  it('with a bit changed in its signature', () => {
    const raw = Buffer.from(signature, 'base64url')
    for (const { bytes } of flips(raw, 'the signature'))
      expect(verdict(genuine, joined(header, payload, Buffer.from(bytes).toString('base64url')))).toBe('verify: evidence.signature') // biome-ignore format: one line
    expect(verdict(genuine, joined(header, payload, raw.subarray(1).toString('base64url')))).toBe(
      'verify: evidence.signature',
    )
    expect(verdict(genuine, joined(header, payload, ''))).toBe('verify: evidence.signature')
  })

  it('with a claim changed', () => {
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
    for (const more of [{ dbgstat: 'enabled' }, { aud: 'x' }, { exp: 4e9 }, {}]) {
      const other = encode({ ...claims, ...more })
      expect(verdict(genuine, joined(header, other, signature))).toBe(other === payload ? 'accept' : 'verify: evidence.signature') // biome-ignore format: one line
    }
  })

  it.each(wrongLengths(genuine.item.bytes).map(({ name, bytes }) => [name, bytes] as const))(
    'of another length: %s',
    (_, bytes) =>
      expect(verdict(genuine, bytes)).toMatch(/^verify: evidence.(malformed|signature)$/),
  )

  it.each(wrongNonces(genuine.at.expected?.bytes as Uint8Array).map(({ name, bytes }) => [name, bytes] as const))('for a nonce that is not its own: %s', (_, bytes) => {
    const expected = { kind: 'exact', bytes } as const
    expect(outcomeOf({ ...genuine, at: { ...genuine.at, expected } }).verdict).toBe('verify: evidence.nonce_mismatch') // biome-ignore format: one line
  }) // biome-ignore format: a table
})

describe('tokens of a binder', () => {
  const space = at({ roots: SPACE_ROOTS })
  const maaAt = at({ collateral: keysOf(PROVIDER) })
  const identityAt = at({ collateral: keysOf(ACCOUNTS) })
  const reason = (item: Run['item'], when: Run['at']) =>
    outcomeOf({ item, at: when, policy: { issuers: [] } as never }).verdict
  const nonces = wrongNonces(BINDER).map(({ name, bytes }) => [name, Buffer.from(bytes)] as const)

  it('are genuine where nothing is changed', () => {
    for (const verdict of [reason(spaceToken(), space), reason(maaToken(), maaAt), reason(identityToken(), identityAt)]) // biome-ignore format: one line
      expect(verdict).toBe('appraise: evidence.issuer')
  })

  it.each(nonces)('for another one: %s', (_, bytes) => {
    const text = bytes.toString('base64url')
    const claims = { 'x-ms-runtime': { 'client-payload': { nonce: bytes.toString('base64') } } }
    for (const verdict of [
      reason(spaceToken({ eat_nonce: text }), space),
      reason(identityToken({ aud: `portcullis:${text}` }), identityAt),
      reason(maaToken(claims), maaAt),
    ])
      expect(verdict).toBe('verify: evidence.nonce_mismatch')
  })

  it('by a key that was not published', () => {
    const mallory = rsaKeys()
    const maaForged = token({ ...HEADER, jku: `${PROVIDER}/certs` }, MAA_CLAIMS, mallory.privateKey)
    expect(reason(itemOf('maa', maaForged), maaAt)).toBe('verify: evidence.signature')
    const named = token({ ...HEADER, kid: 'k2' }, MAA_CLAIMS, mallory.privateKey)
    expect(reason(itemOf('maa', named), maaAt)).toBe('verify: evidence.unknown_key')
    const brought = token(
      { ...HEADER, jwk: jwk(mallory.publicKey) },
      MAA_CLAIMS,
      mallory.privateKey,
    )
    expect(reason(itemOf('maa', brought), maaAt)).toBe('verify: evidence.offered_key')
  })

  it('with a chain of another key than the one that signed', () => {
    const mallory = rsaKeys()
    const bytes = token({ ...HEADER, x5c }, SPACE_CLAIMS, mallory.privateKey)
    expect(reason(itemOf('confidential-space', bytes), space)).toBe('verify: evidence.signature')
  })

  it('that are two forms of one document are one document', () => {
    // an RSA signature has one form; with another header the document is another one
    const first = outcomeOf({ item: spaceToken(), at: space, policy: { issuers: [] } as never })
    const again = outcomeOf({ item: spaceToken(), at: space, policy: { issuers: [] } as never })
    expect(first.claims?.contentSha256).toBe(again.claims?.contentSha256)
  })
})

describe('an instance document', () => {
  const awsAt = at({ roots: AWS_ROOTS })
  const azureAt = at({ roots: AZURE_ROOTS })
  const aws = (item: Run['item']) => outcomeOf({ item, at: awsAt, policy: { accounts: [] } as never }).verdict // biome-ignore format: one line
  const azure = (item: Run['item']) => outcomeOf({ item, at: azureAt, policy: { subscriptions: [], clouds: [] } as never }).verdict // biome-ignore format: one line
  const document = Buffer.from(JSON.stringify(AWS_DOCUMENT, null, 2))

  it('is genuine where nothing is changed', () => {
    expect(aws(awsItem())).toBe('appraise: evidence.issuer')
    expect(azure(azureItem())).toBe('appraise: evidence.issuer')
  })

  it('with other content than what was signed', () => {
    const other = Buffer.from(document.toString().replace('123456789012', '210987654321'))
    expect(aws({ ...awsItem(), bytes: other })).toBe('verify: evidence.signature')
    // content and document agree, and the digest is of the real one
    expect(aws(awsItem({ ...AWS_DOCUMENT, accountId: '210987654321' }, { attributes: attributesOf(document) }))).toBe('verify: evidence.signature') // biome-ignore format: one line
  })

  it('whose signed attributes were taken away', () =>
    expect(aws(awsItem(AWS_DOCUMENT, { attributes: null }))).toBe('verify: evidence.malformed'))

  it('whose signer was swapped', () => {
    const signer = issue({ name: 'synthetic region', keys: rsaKeys(), serial: 21 })
    expect(aws(awsItem(AWS_DOCUMENT, { signer }))).toBe('verify: evidence.signature')
    const mallory = issue({ name: 'mallory', keys: rsaKeys(), issuer: MIDDLE, serial: 32 })
    const certificates = [SIGNER, MIDDLE, mallory]
    expect(azure(azureItem(undefined, { signer: mallory, certificates }))).toBe(
      'verify: evidence.issuer',
    )
    expect(azure(azureItem(undefined, { signer: mallory, named: SIGNER, certificates }))).toBe('verify: evidence.signature') // biome-ignore format: one line
    expect(REGION.serial).toBe(21)
  })

  it('with a bit changed in its signature data', () => {
    const { bytes } = azureItem()
    const reasons = new Set<string>()
    for (let place = 0; place < bytes.length; place++)
      reasons.add(azure(itemOf('azure-imds', flipBit(bytes, place * 8 + (place % 8)))))
    // which one of them it is depends on the keys, which are other ones each time
    for (const one of reasons) expect(one).toMatch(/^verify: evidence\./)
  })

  it.each(wrongLengths(azureItem().bytes).map(({ name, bytes }) => [name, bytes] as const))(
    'of another length: %s',
    (_, bytes) => expect(azure(itemOf('azure-imds', bytes))).toBe('verify: evidence.malformed'),
  )
})
