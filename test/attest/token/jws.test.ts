// Compact JWS: one form, the algorithms that were asked for, keys that fit them, and no key that came along.
import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { keyNamed, publicKeyOf, readJwks } from '../../../src/attest/token/jwks.ts'
import {
  assertJwsSigned,
  JWS_ALGORITHMS,
  type JwsShape,
  parseJws,
} from '../../../src/attest/token/jws.ts'
import { denialOf, reasonOf } from '../denials.ts'
import { ecKeys, issue, rsaKeys } from '../synthetic/authority.ts'
import { encode, jwk, token } from '../synthetic/token.ts'

const RSA = rsaKeys()
const CURVES = { ES256: ecKeys('P-256'), ES384: ecKeys('P-384'), ES512: ecKeys('P-521') } as const
const keysOf = (alg: string) => CURVES[alg as keyof typeof CURVES] ?? RSA
const SHAPE: JwsShape = { what: 'token', algorithms: JWS_ALGORITHMS, types: [undefined, 'JWT'] }
const parse = (bytes: Uint8Array, more: Partial<JwsShape> = {}) =>
  parseJws(bytes, { ...SHAPE, ...more })

describe('a signature', () => {
  test.each(JWS_ALGORITHMS)('by %s holds, and not over other bytes or by another key', (alg) => {
    const { publicKey, privateKey } = keysOf(alg)
    const jws = parse(token({ alg }, { sub: 'a' }, privateKey))
    expect(jws.payload).toEqual({ sub: 'a' })
    expect(denialOf(() => assertJwsSigned(jws, publicKey, 'token'))).toBe('none')
    const signed = Uint8Array.from(jws.signed)
    signed[signed.length - 1] = (signed.at(-1) as number) ^ 1
    expect(denialOf(() => assertJwsSigned({ ...jws, signed }, publicKey, 'token'))).toBe(
      'evidence.signature: token',
    )
    const other = alg.startsWith('ES') ? RSA : CURVES.ES256
    expect(denialOf(() => assertJwsSigned(jws, other.publicKey, 'token'))).toBe(
      'evidence.weak_algorithm: token: key',
    )
  })

  test('is by a key on the curve of its algorithm', () => {
    const jws = parse(token({ alg: 'ES256' }, {}, CURVES.ES256.privateKey))
    expect(reasonOf(() => assertJwsSigned(jws, CURVES.ES384.publicKey, 'token'))).toBe(
      'evidence.weak_algorithm',
    )
  })

  test('by an RSA key of 1024 bits is too weak', () => {
    const { publicKey, privateKey } = rsaKeys(1024)
    const jws = parse(token({}, {}, privateKey))
    expect(reasonOf(() => assertJwsSigned(jws, publicKey, 'token'))).toBe('evidence.weak_algorithm')
  })

  test('of a length that no signature has does not hold', () => {
    const jws = parse(token({ alg: 'ES256' }, {}, CURVES.ES256.privateKey))
    const signature = jws.signature.subarray(1)
    expect(
      reasonOf(() => assertJwsSigned({ ...jws, signature }, CURVES.ES256.publicKey, 't')),
    ).toBe('evidence.signature')
  })
})

describe('a header', () => {
  const headed = (header: object) => token(header, {}, RSA.privateKey)

  test.each(['none', 'None', 'HS256', 'HS512', 'RS1', 'EdDSA', '', 'rs256'])(
    'with alg %j is weak',
    (alg) =>
      expect(denialOf(() => parse(headed({ alg })))).toBe('evidence.weak_algorithm: token: alg'),
  )

  test('with no alg, or one that is no text, is weak', () => {
    const of = (header: string) => Buffer.from(`${encode(header)}.${encode('{}')}.AAAA`)
    for (const header of [
      '{}',
      '{"alg":256}',
      '{"alg":["RS256"]}',
      '{"__proto__":{"alg":"RS256"}}',
    ])
      expect(reasonOf(() => parse(of(header)))).toBe('evidence.weak_algorithm')
  })

  test('with an algorithm that this kind of token does not use is weak', () =>
    expect(reasonOf(() => parse(headed({ alg: 'PS256' }), { algorithms: ['RS256'] }))).toBe(
      'evidence.weak_algorithm',
    ))

  test('with a public key as secret of an HMAC is weak', () => {
    const input = `${encode({ alg: 'HS256' })}.${encode({})}`
    const pem = RSA.publicKey.export({ format: 'pem', type: 'spki' })
    const mac = createHmac('sha256', pem).update(input).digest('base64url')
    expect(reasonOf(() => parse(Buffer.from(`${input}.${mac}`)))).toBe('evidence.weak_algorithm')
  })

  test.each(['jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256'])('may not bring %s', (name) =>
    expect(denialOf(() => parse(headed({ [name]: ['a'] })))).toBe(
      `evidence.offered_key: token: ${name}`,
    ),
  )

  test.each(['crit', 'b64', 'zip', 'cty', 'apu', '__proto__'])('may not have %s', (name) => {
    const header = `{"alg":"RS256","${name}":["a"]}`
    const bytes = Buffer.from(`${encode(header)}.${encode('{}')}.AAAA`)
    expect(denialOf(() => parse(bytes))).toBe('evidence.malformed: token: a header that is not known here') // biome-ignore format: one line
  })

  test('may name where its keys are where nobody looks', () =>
    expect(parse(headed({ jku: 'https://a.test', kid: 'k' }), { ignoresJku: true }).kid).toBe('k'))

  test('is of a type that is asked for', () => {
    expect(reasonOf(() => parse(headed({ typ: 'at+jwt' })))).toBe('evidence.malformed')
    expect(reasonOf(() => parse(headed({}), { types: ['JWT'] }))).toBe('evidence.malformed')
    expect(reasonOf(() => parse(headed({ kid: 1 })))).toBe('evidence.malformed')
    expect(reasonOf(() => parse(headed({ kid: 'k'.repeat(513) })))).toBe('evidence.malformed')
  })

  test('has a chain where one is asked for', () => {
    const of = (x5c: unknown) => () => parse(headed({ x5c }), { x5c: 'optional' }).x5c
    expect(of(['AAEC'])()).toEqual([Buffer.of(0, 1, 2)])
    expect(reasonOf(of(Array(9).fill('AAEC')))).toBe('evidence.budget')
    for (const x5c of [[], 'AAEC', [1], ['AAE'], ['AA-_'], null])
      expect(reasonOf(of(x5c))).toBe('evidence.malformed')
  })
})

describe('the form', () => {
  const good = token({}, { a: 1 }, RSA.privateKey).toString()
  const [header = '', , signature = ''] = good.split('.')

  test.each([
    '', '.', '..', 'a.b', `${good}.`, `${good}=`, ` ${good}`, `${good}\n`, good.replace('.', '.='), `${header}..${signature}`,
    `${header}.${encode('[]')}.${signature}`, `${header}.${encode('1')}.${signature}`, `${header}.${encode('{"a":1,"a":2}')}.${signature}`,
    `${header}.${encode('{"a":1,"\\u0061":2}')}.${signature}`, `${header}.${encode('{"b":{"a":1,"a":1}}')}.${signature}`,
    `${header}.${encode('{"a":1}x')}.${signature}`, `${header}.${Buffer.of(0x7b, 0xff, 0x7d).toString('base64url')}.${signature}`,
    `${header}.${encode(`${'['.repeat(40)}`)}.${signature}`,
  ])('is not %j', (text) => expect(reasonOf(() => parse(Buffer.from(text)))).toBe('evidence.malformed')) // biome-ignore format: a table

  test('leaves no bit over in its last character', () => {
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const other = last[(last.indexOf(good.at(-1) as string) ^ 1) & 63]
    expect(reasonOf(() => parse(Buffer.from(`${good.slice(0, -1)}${other}`)))).toBe(
      'evidence.malformed',
    )
  })

  test('is not larger than 64 KiB', () =>
    expect(reasonOf(() => parse(Buffer.alloc(64 * 1024 + 1, 'a')))).toBe('evidence.too_large'))

  test('says nothing of the payload when it is refused', () => {
    const text = `${header}.${encode('{"secret-name":1,"secret-name":2}')}.${signature}`
    expect(denialOf(() => parse(Buffer.from(text)))).toBe(
      'evidence.malformed: token: payload: a member twice',
    )
  })
})

describe('a set of keys', () => {
  const set = (...keys: unknown[]) => readJwks(Buffer.from(JSON.stringify({ keys })), 'keys')
  const named = jwk(RSA.publicKey, { kid: 'a' })

  test('has the key that is named, and only where one has the name', () => {
    expect(keyNamed(set(named), 'a', 'keys').key.equals(RSA.publicKey)).toBe(true)
    expect(denialOf(() => keyNamed(set(named), 'b', 'keys'))).toBe('evidence.unknown_key: keys')
    expect(reasonOf(() => keyNamed(set(named), undefined, 'keys'))).toBe('evidence.unknown_key')
    expect(reasonOf(() => keyNamed(set(jwk(RSA.publicKey)), undefined, 'keys'))).toBe('evidence.unknown_key') // biome-ignore format: one line
    expect(reasonOf(() => keyNamed(set(named, named), 'a', 'keys'))).toBe('evidence.unknown_key')
  })

  test('leaves out keys of other types and uses', () => {
    const others = [{ kty: 'oct', k: 'AAAA' }, { kty: 'OKP' }, jwk(RSA.publicKey, { use: 'enc' })]
    expect(set(...others)).toEqual([])
    expect(set(jwk(RSA.publicKey, { use: 'sig' }))).toHaveLength(1)
  })

  test('takes a key from its certificate where it has no numbers', () => {
    const { der, keys } = issue({ name: 'provider', keys: RSA })
    const [key] = set({ kty: 'RSA', kid: 'a', x5c: [der.toString('base64')] })
    expect(key && publicKeyOf(key, 'keys').key.equals(keys.publicKey)).toBe(true)
  })

  test('never gives away a private key that stands in it', () => {
    const [key] = set({ ...RSA.privateKey.export({ format: 'jwk' }), kid: 'a' })
    expect(key && publicKeyOf(key, 'keys').key.type).toBe('public')
  })

  test.each([{}, { keys: {} }, { keys: [1] }, { keys: [{}] }, { keys: [{ kty: 'RSA', kid: 1 }] }])(
    'is not %j',
    (json) =>
      expect(reasonOf(() => readJwks(Buffer.from(JSON.stringify(json)), 'keys'))).toBe(
        'evidence.malformed',
      ),
  )

  test.each([
    { kty: 'RSA' },
    { kty: 'RSA', n: '=', e: 'AQAB' },
    { kty: 'RSA', n: 'AA', e: 1 },
    { kty: 'EC', crv: 'P-999', x: 'AA', y: 'AA' },
    { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' },
    { kty: 'RSA', x5c: ['AAAA'] },
  ])('has no key in %j', (members) => {
    const [key] = set(members)
    expect(key && reasonOf(() => publicKeyOf(key, 'keys'))).toBe('evidence.malformed')
  })

  test('has at most 64 keys', () =>
    expect(reasonOf(() => set(...Array(65).fill(named)))).toBe('evidence.too_large'))
})
