// Access tokens, right and wrong, at a gate before a real issuer: what gets in, what does not, and what it is told.
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  encode,
  hmac,
  type Issuer,
  makeKey,
  type Part,
  signed,
  startIssuer,
} from '../support/issuer.ts'
import { type Gate, gate, NOW, overEgress } from './gate.ts'
import { CREDENTIAL_CLAIM } from './people.ts'

const AUDIENCE = 'https://gateway.example.com/mcp'
const rsa = makeKey('rsa-1', 'RS256')
const ec = makeKey('ec-1', 'ES256')
const stranger = makeKey('rsa-1', 'RS256')
const fetch = overEgress()
let issuer: Issuer
let other: Issuer
let door: Gate

beforeAll(async () => {
  issuer = await startIssuer([rsa, ec, makeKey('ed-1', 'EdDSA'), makeKey('ps-1', 'PS256')])
  other = await startIssuer([makeKey('other-1', 'ES256')], '/realms/other')
  door = await gate(identity(), { fetch })
})
afterAll(async () => {
  await issuer[Symbol.asyncDispose]()
  await other[Symbol.asyncDispose]()
  await fetch[Symbol.asyncDispose]()
})

const identity = (more: object = {}, one: object = {}) => ({
  anonymous: 'allow',
  oauth: {
    audience: AUDIENCE,
    issuers: [
      { issuer: issuer.url, name: 'corp', roles_claim: 'realm_access.roles', ...one },
      { issuer: other.url },
    ],
    ...more,
  },
})
const claims = (more: object = {}): Record<string, unknown> => ({
  iss: issuer.url,
  sub: 'alice',
  aud: AUDIENCE,
  exp: NOW + 600,
  iat: NOW - 5,
  nbf: NOW - 5,
  scope: 'tools:call tools:list',
  ...more,
})
const HEADER = { alg: 'RS256', kid: 'rsa-1', typ: 'JWT' }
const without = (name: string) => {
  const { [name]: _, ...rest } = claims()
  return rest
}
// each from an address of its own, so that no failure counts for another
let address = 0
const enter = (token: string, at = door) =>
  at.enter({ authorization: `Bearer ${token}`, address: `192.0.2.${address++ % 250}:${address}` })

describe('a token that is right', () => {
  it('proves its subject, within its issuer, with scopes, and roles of the claim that is configured', async () => {
    const realm_access = { roles: ['viewer', 'reader'] }
    expect(await enter(signed(HEADER, claims({ realm_access }), rsa))).toEqual({
      principal: {
        id: 'corp#alice',
        kind: 'user',
        roles: ['viewer', 'reader'],
        scopes: ['tools:call', 'tools:list'],
        tenant: undefined,
        claims: { ...claims({ realm_access }), [CREDENTIAL_CLAIM]: 'token' },
      },
    })
  })

  it.each(['RS256', 'ES256', 'EdDSA', 'PS256'])('may be signed with %s', async (alg) => {
    const key = issuer.keys.find((one) => one.alg === alg)
    if (key === undefined) throw new Error('no such key')
    const token = signed({ alg, kid: key.kid }, claims(), key)
    expect(await enter(token)).toMatchObject({ principal: { id: 'corp#alice' } })
  })

  it.each([
    ['of several audiences, one ours', { aud: ['https://a.example.com', AUDIENCE] }, HEADER],
    ['of RFC 9068', { client_id: 'app', jti: '1' }, { ...HEADER, typ: 'at+jwt' }],
    [
      'of RFC 9068, written out',
      { client_id: 'a', jti: '1' },
      { ...HEADER, typ: 'application/AT+JWT' },
    ],
    ['that its issuer calls Bearer', { typ: 'Bearer', nonce: 'n' }, HEADER],
    ['without a type', {}, { alg: 'RS256', kid: 'rsa-1' }],
    ['within the skew after its end', { exp: NOW - 29, iat: NOW - 60 }, HEADER],
    ['within the skew before its begin', { nbf: NOW + 29, iat: NOW + 29 }, HEADER],
  ])('%s gets in', async (_name, more, header) =>
    expect(await enter(signed(header, claims(more), rsa))).toMatchObject({
      principal: { id: 'corp#alice' },
    }),
  )

  it('says its scopes as scope, scp or a list', async () => {
    const scopes = async (more: object) => {
      const entered = await enter(signed(HEADER, { ...without('scope'), ...more }, rsa))
      return 'principal' in entered ? entered.principal.scopes : entered
    }
    expect(await scopes({})).toEqual([])
    expect(await scopes({ scp: 'a b' })).toEqual(['a', 'b'])
    expect(await scopes({ scp: ['a', 'b'] })).toEqual(['a', 'b'])
    expect(await scopes({ scope: 'c', scp: 'a' })).toEqual(['c'])
    expect(await scopes({ scope: 7 })).toMatchObject({ code: 'AUTH_INVALID' })
  })

  it('of an application for itself is a service', async () => {
    const token = signed(HEADER, claims({ sub: 'app', client_id: 'app' }), rsa)
    expect(await enter(token)).toMatchObject({ principal: { id: 'corp#app', kind: 'service' } })
  })

  it('cannot say by which credential it was recognised', async () => {
    const token = signed(HEADER, claims({ [CREDENTIAL_CLAIM]: 'certificate' }), rsa)
    expect(await enter(token)).toMatchObject({
      principal: { claims: { [CREDENTIAL_CLAIM]: 'token' } },
    })
  })

  it('is verified once, and is the same principal until it ends', async () => {
    const one = await gate(identity(), { fetch })
    const token = signed(HEADER, claims({ exp: NOW + 20 }), rsa)
    const first = await enter(token, one)
    const again = one.authenticator.authenticate({ authorization: `bearer ${token}`, address: 'a' })
    expect(again).not.toBeInstanceOf(Promise)
    expect(first).toEqual({ principal: again })
    one.clock.advance(49_000)
    expect(await enter(token, one)).toMatchObject({ principal: { id: 'corp#alice' } })
    one.clock.advance(1_000)
    expect(await enter(token, one)).toMatchObject({ message: 'the token has expired' })
  })
})

const jwk = (): object => ({ ...stranger.publicKey.export({ format: 'jwk' }), kid: 'rsa-1' })
const publicPem = (): string => rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()
const raw = (header: Part, body: Part) => signed(header, body, rsa)

const WRONG: readonly (readonly [name: string, make: () => string, message: string])[] = [
  ['for another audience', () => raw(HEADER, claims({ aud: 'https://other.example.com' })), 'the token is for somebody else'],
  ['for an audience that begins like ours', () => raw(HEADER, claims({ aud: `${AUDIENCE}/admin` })), 'the token is for somebody else'],
  ['for several others', () => raw(HEADER, claims({ aud: ['a', 'b'] })), 'the token is for somebody else'],
  ['for nobody', () => raw(HEADER, without('aud')), 'the token says wrongly whom it is for (aud)'],
  ['for something that is no text', () => raw(HEADER, claims({ aud: [AUDIENCE, 7] })), 'the token says wrongly whom it is for (aud)'],
  ['of an issuer that is not listed', () => raw(HEADER, claims({ iss: 'https://evil.example.com' })), 'the token is of an issuer that is not listed'],
  ['of an issuer that is ours with a slash', () => raw(HEADER, claims({ iss: `${issuer.url}/` })), 'the token is of an issuer that is not listed'],
  ['of no issuer', () => raw(HEADER, without('iss')), 'the token is of an issuer that is not listed'],
  ['that one issuer signed in the name of another', () => raw(HEADER, claims({ iss: other.url })), 'the token is signed by a key that its issuer does not have'],
  ['that has expired', () => raw(HEADER, claims({ exp: NOW - 30 })), 'the token has expired'],
  ['that never expires', () => raw(HEADER, without('exp')), 'the token never expires (exp)'],
  ['whose end is a text', () => raw(HEADER, claims({ exp: `${NOW + 60}` })), 'the token has no time where one belongs (exp)'],
  ['whose end is beyond all numbers', () => raw(HEADER, JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e999')), 'the token has no time where one belongs (exp)'],
  ['that is not valid yet', () => raw(HEADER, claims({ nbf: NOW + 31 })), 'the token is not valid yet'],
  ['from the future', () => raw(HEADER, claims({ iat: NOW + 31 })), 'the token is from the future (iat)'],
  ['issued after its end', () => raw(HEADER, claims({ iat: NOW + 20, exp: NOW + 10 })), 'the token had expired when it was issued'],
  ['of nobody', () => raw(HEADER, without('sub')), 'the token names nobody (sub)'],
  ['of somebody with a line break', () => raw(HEADER, claims({ sub: 'a\nb' })), 'the token names nobody (sub)'],
  ['with alg none', () => `${encode({ alg: 'none' })}.${encode(claims())}.`, 'the token is no JWT in compact form'],
  ['with alg none and a signature', () => raw({ ...HEADER, alg: 'none' }, claims()), 'the token is signed with an algorithm that is not accepted'],
  ['with alg nOnE', () => raw({ ...HEADER, alg: 'nOnE' }, claims()), 'the token is signed with an algorithm that is not accepted'],
  ['with HS256 and our public key for a secret', () => hmac({ ...HEADER, alg: 'HS256' }, claims(), publicPem()), 'the token is signed with an algorithm that is not accepted'],
  ['with an HMAC that says RS256', () => hmac(HEADER, claims(), publicPem()), 'the signature of the token is not that of its issuer'],
  ['with an algorithm that the issuer is not listed with', () => raw({ ...HEADER, alg: 'RS512' }, claims()), 'the token is signed with an algorithm that is not accepted'],
  ['with an algorithm that its key is not for', () => raw({ ...HEADER, alg: 'PS256' }, claims()), 'the token is signed by a key that its issuer does not have'],
  ['with an algorithm of another kind of key', () => raw({ ...HEADER, alg: 'ES256' }, claims()), 'the token is signed by a key that its issuer does not have'],
  ['signed by a stranger', () => signed(HEADER, claims(), stranger), 'the signature of the token is not that of its issuer'],
  ['signed by a stranger whose key it brings (jwk)', () => signed({ ...HEADER, jwk: jwk() }, claims(), stranger), 'the signature of the token is not that of its issuer'],
  ['signed by a stranger and where to find the key (jku)', () => signed({ ...HEADER, jku: `${other.url}/keys` }, claims(), stranger), 'the signature of the token is not that of its issuer'],
  ['signed by a stranger with certificates (x5u, x5c)', () => signed({ ...HEADER, x5u: 'https://evil.example.com', x5c: ['MIIB'] }, claims(), stranger), 'the signature of the token is not that of its issuer'],
  ['with an unknown key', () => raw({ ...HEADER, kid: 'rsa-9' }, claims()), 'the token is signed by a key that its issuer does not have'],
  ['whose key has an empty name', () => raw({ alg: 'RS256', kid: '' }, claims()), 'the token names no key (kid)'],
  ['that asks for an extension', () => raw({ ...HEADER, crit: ['exp'] }, claims()), 'the token asks for an extension that is not known (crit)'],
  ['that is not encoded', () => raw({ ...HEADER, b64: false }, claims()), 'the token asks for an extension that is not known (crit)'],
  ['that is an ID token by its type', () => raw({ ...HEADER, typ: 'id_token+jwt' }, claims()), 'the token is no access token (typ)'],
  ['that is a logout token', () => raw({ ...HEADER, typ: 'logout+jwt' }, claims()), 'the token is no access token (typ)'],
  ['whose type is no text', () => raw({ ...HEADER, typ: 7 }, claims()), 'the token says wrongly what it is (typ)'],
  ['that is an ID token by its claims', () => raw(HEADER, claims({ nonce: 'n', at_hash: 'h' })), 'an ID token is no access token'],
  ['that is a refresh token by its claims', () => raw(HEADER, claims({ typ: 'Refresh' })), 'the token is no access token (claim typ)'],
  ['of RFC 9068 without what that wants', () => raw({ ...HEADER, typ: 'at+jwt' }, claims()), 'the access token lacks client_id, jti (RFC 9068)'],
  ['with a claim twice', () => raw(HEADER, `${JSON.stringify(claims()).slice(0, -1)},"aud":"x"}`), 'the token is no JWT: its parts are not base64url of JSON objects'],
  ['with a claim twice, once escaped', () => raw(HEADER, `${JSON.stringify(claims()).slice(0, -1)},"\\u0061ud" :"x"}`), 'the token is no JWT: its parts are not base64url of JSON objects'],
  ['with a header member twice', () => raw('{"alg":"RS256","kid":"rsa-1","alg":"none"}', claims()), 'the token is no JWT: its parts are not base64url of JSON objects'],
  ['whose claims are no object', () => raw(HEADER, '[1]'), 'the token is no JWT: its parts are not base64url of JSON objects'],
  ['whose claims are no JSON', () => raw(HEADER, 'claims'), 'the token is no JWT: its parts are not base64url of JSON objects'],
  ['whose claims are nested deeply', () => raw(HEADER, `{"a":${'['.repeat(40)}${']'.repeat(40)}}`), 'the token is no JWT: its parts are not base64url of JSON objects'],
  ['that is bound to a key by DPoP', () => raw(HEADER, claims({ cnf: { jkt: 'x' } })), 'the token is bound to a key in a way that is not known (cnf)'],
  ['that is bound to a certificate which is not there', () => raw(HEADER, claims({ cnf: { 'x5t#S256': 'x' } })), 'the token is bound to another client certificate'],
  ['in two parts', () => 'a.b', 'the token is no JWT in compact form'],
  ['in five parts', () => 'a.b.c.d.e', 'the token is no JWT in compact form'],
  ['that is a word', () => 'hunter2', 'the token is no JWT in compact form'],
] // biome-ignore format: a table reads better in rows

describe('a token', () => {
  it.each(WRONG)('%s is refused', async (_name, make, message) => {
    expect(await enter(make())).toEqual({
      code: 'AUTH_INVALID',
      message,
      data: { error: 'invalid_token' },
    })
  })

  it('whose signature ends in other spare bits is another token and is refused', async () => {
    const token = signed(HEADER, claims(), rsa)
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const next = last[(last.indexOf(token.at(-1) ?? '') ^ 1) & 63] ?? ''
    expect(await enter(token.slice(0, -1) + next)).toMatchObject({ code: 'AUTH_INVALID' })
  })

  it('that is longer than any is refused before it is read', async () => {
    const token = signed(HEADER, claims({ pad: 'x'.repeat(20_000) }), rsa)
    expect(await enter(token)).toMatchObject({ message: 'the credentials are too long' })
  })

  it('in the query is refused, whatever it is and whatever stands beside it', async () => {
    const authorization = `Bearer ${signed(HEADER, claims(), rsa)}`
    for (const credentials of [{ queryToken: true }, { queryToken: true, authorization }])
      expect(await door.enter(credentials)).toEqual({
        code: 'AUTH_INVALID',
        message: 'a token must not come in the query; send Authorization',
        data: { error: 'invalid_request' },
      })
  })

  it.each([
    ['Basic YWxpY2U6aHVudGVyMg=='],
    ['Bearer'],
    ['Bearer a b'],
    ['Bearer a, Bearer b'],
    ['Bearer "a"'],
    [''],
  ])('is looked for in Authorization of one form only: %j', async (authorization) => {
    expect(await door.enter({ authorization })).toMatchObject({
      code: 'AUTH_INVALID',
      data: { error: 'invalid_request' },
    })
  })

  it('of one issuer is not that of another with the same subject', async () => {
    const [key] = other.keys
    if (key === undefined) throw new Error('no key')
    const token = signed({ alg: 'ES256', kid: key.kid }, claims({ iss: other.url }), key)
    expect(await enter(token)).toMatchObject({
      principal: { id: `${other.url}#alice`, roles: [] },
    })
  })

  it('brings roles only where the issuer is trusted with them', async () => {
    const one = await gate(identity({}, { roles_claim: undefined }), { fetch })
    const token = signed(
      HEADER,
      claims({ roles: ['admin'], realm_access: { roles: ['admin'] } }),
      rsa,
    )
    expect(await enter(token, one)).toMatchObject({ principal: { roles: [] } })
  })

  it('names its tenant where the issuer has one to name', async () => {
    const one = await gate(identity({}, { tenant_claim: 'org' }), { fetch })
    const tenant = async (org: unknown) => enter(signed(HEADER, claims({ org }), rsa), one)
    expect(await tenant('acme')).toMatchObject({ principal: { tenant: 'acme' } })
    for (const org of [undefined, '', 7, ['acme', 'beta'], []])
      expect(await tenant(org)).toMatchObject({ message: 'the token does not name one tenant' })
  })

  it('without a scope that all need is told which', async () => {
    const one = await gate(identity({ required_scopes: ['mcp', 'tools:call'] }), { fetch })
    expect(await enter(signed(HEADER, claims(), rsa), one)).toEqual({
      code: 'AUTH_DENIED',
      message: 'the token lacks a scope that every token must have',
      data: { error: 'insufficient_scope', scope: 'mcp tools:call' },
    })
    const enough = signed(HEADER, claims({ scope: 'tools:call mcp' }), rsa)
    expect(await enter(enough, one)).toMatchObject({ principal: { id: 'corp#alice' } })
  })

  it('that is bound to a certificate is good with that one', async () => {
    const certificate = Buffer.from('any bytes: TLS has verified them')
    const thumbprint = createHash('sha256').update(certificate).digest('base64url')
    const token = signed(HEADER, claims({ cnf: { 'x5t#S256': thumbprint } }), rsa)
    const authorization = `Bearer ${token}`
    expect(await door.enter({ authorization, certificate })).toMatchObject({
      principal: { id: 'corp#alice' },
    })
    // also when it is remembered
    expect(await door.enter({ authorization })).toMatchObject({ code: 'AUTH_INVALID' })
  })
})

it('nothing of a token is in what is said of it', async () => {
  for (const [, make] of WRONG) {
    const token = make()
    const said = JSON.stringify(await enter(token))
    for (const part of token.split('.').filter((one) => one.length > 7))
      expect(said).not.toContain(part)
    expect(said).not.toContain('alice')
  }
})
