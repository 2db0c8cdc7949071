// Who gets in with an API key, a certificate or nothing; and what repeated failures come to, for those who fail and for their neighbours.

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/base/log.ts'
import type { Credentials } from '../../src/identity/access.ts'
import { mintKey } from '../../src/identity/api-key.ts'
import { createIdentityMemory } from '../../src/identity/authenticator.ts'
import { alternativeNames } from '../../src/identity/certificate.ts'
import { networkOf } from '../../src/identity/failures.ts'
import { type Issuer, makeKey, signed, startIssuer } from '../support/issuer.ts'
import { createManualClock, type Entered, gate, NOW, overEgress } from './gate.ts'
import { ANONYMOUS, CREDENTIAL_CLAIM } from './people.ts'

const DAY = 86_400_000
const ci = mintKey('ci-1')
const ops = mintKey('ops-1')
const forged = mintKey('ci-1')
const bearer = (token: string): Partial<Credentials> => ({ authorization: `Bearer ${token}` })
const codeOf = (entered: Entered) => ('code' in entered ? entered.code : entered.principal.id)
const messageOf = (entered: Entered) => ('code' in entered ? entered.message : entered)
const section = (more: object = {}, key: object = {}) => ({
  anonymous: 'deny',
  api_keys: true,
  keys: [
    { id: 'ci-1', hash: ci.hash, principal: 'ci', roles: ['viewer'], tenant: 'acme', ...key },
    { id: 'ops-1', hash: ops.hash, principal: 'ops', kind: 'user', scopes: ['mcp:*'] },
  ],
  ...more,
})

describe('without credentials', () => {
  it('a client is nobody where nobody may come', async () => {
    const { authenticator } = await gate({ api_keys: true })
    const nothing = { authorization: undefined, address: '192.0.2.1' }
    expect(authenticator.authenticate(nothing)).toBe(ANONYMOUS)
  })

  it('a client is told to bring some where not', async () => {
    const { enter } = await gate(section())
    expect(await enter({})).toEqual({
      code: 'AUTH_REQUIRED',
      message: 'the request has no credentials',
      data: {},
    })
  })

  it('nobody has a role but by a grant that says anonymous', async () => {
    const grants = [
      { principals: ['*'], roles: ['viewer'] },
      { principals: ['anonymous'], roles: ['guest'] },
    ]
    const { enter } = await gate({ anonymous: 'allow', api_keys: true, grants })
    expect(await enter({})).toEqual({ principal: { ...ANONYMOUS, roles: ['guest'] } })
  })
})

describe('an API key', () => {
  it('proves its principal, at once', async () => {
    const { authenticator } = await gate(section())
    const given = { authorization: `bearer  ${ci.key}`, address: '192.0.2.1' }
    const principal = authenticator.authenticate(given)
    expect(principal).toEqual({
      id: 'ci',
      kind: 'service',
      roles: ['viewer'],
      scopes: ['*'],
      tenant: 'acme',
      claims: { key: 'ci-1', [CREDENTIAL_CLAIM]: 'api_key' },
    })
    expect(authenticator.authenticate(given)).toBe(principal)
    expect(Object.isFrozen(principal)).toBe(true)
  })

  it('has the scopes that it was given', async () => {
    const { enter } = await gate(section())
    expect(await enter(bearer(ops.key))).toMatchObject({
      principal: { kind: 'user', scopes: ['mcp:*'], tenant: undefined },
    })
  })

  it.each([
    ['of the same id', forged.key, {}, 'the API key is not valid'],
    ['of nobody', mintKey('nobody').key, {}, 'the API key is not valid'],
    ['mistyped', `${ci.key.slice(0, -1)}_`, {}, 'the API key is mistyped'],
    ['revoked', ci.key, { revoked: true }, 'the API key has been revoked'],
    ['that has ended', ci.key, { expires: '2026-11-28' }, 'the API key has expired'],
  ])('%s is refused, and is not nobody either', async (_name, key, more, message) => {
    const { enter } = await gate(section({ anonymous: 'allow' }, more))
    expect(await enter(bearer(key))).toEqual({
      code: 'AUTH_INVALID',
      message,
      data: { error: 'invalid_token' },
    })
  })

  it('ends while it is used', async () => {
    const { enter, clock } = await gate(section({}, { expires: '2026-11-29' }))
    expect(codeOf(await enter(bearer(ci.key)))).toBe('ci')
    clock.advance(DAY)
    expect(messageOf(await enter(bearer(ci.key)))).toBe('the API key has expired')
  })

  it('is nothing where keys are not accepted, and a token is nothing where tokens are not', async () => {
    const { enter } = await gate({ mtls: { trust_domains: ['a'] } })
    expect(messageOf(await enter(bearer(ci.key)))).toBe('API keys are not accepted here')
    expect(messageOf(await enter(bearer('a.b.c')))).toBe('access tokens are not accepted here')
  })

  it('of the store is found like one that is declared', async () => {
    const stored = mintKey('dynamic-1')
    const keys = {
      find: (id: string) =>
        id === 'dynamic-1'
          ? {
              ...{ id, hash: stored.hash, principal: 'bot', kind: 'service' as const, roles: [] },
              ...{ tenant: undefined, scopes: undefined, expires: undefined, revoked: false },
            }
          : undefined,
    }
    const { enter } = await gate(section(), { keys })
    expect(codeOf(await enter(bearer(stored.key)))).toBe('bot')
  })
})

describe('a principal', () => {
  it('has the roles that grants give to its id, its claims and its issuer', async () => {
    const grants = [
      { principals: ['c*'], roles: ['reader'] },
      { principals: ['/^ops$/'], claims: { key: ['ops-*'] }, roles: ['operator'] },
      { principals: ['ops'], claims: { key: ['ci-*'] }, roles: ['admin'] },
      { principals: ['ops'], issuers: ['https://a.example.com'], roles: ['admin'] },
    ]
    const { enter } = await gate(section(), { grants })
    expect(await enter(bearer(ci.key))).toMatchObject({
      principal: { roles: ['viewer', 'reader'] },
    })
    expect(await enter(bearer(ops.key))).toMatchObject({ principal: { roles: ['operator'] } })
  })

  it('that is disabled is refused, whatever it shows', async () => {
    const { enter } = await gate(section({ principals: [{ id: 'ci', disabled: true }] }))
    expect(messageOf(await enter(bearer(ci.key)))).toBe('the principal has been disabled')
    expect(codeOf(await enter(bearer(ops.key)))).toBe('ops')
  })

  it('is of the tenant that is known of it, and refused where its credential says another', async () => {
    const of = (id: string, tenant: string) => section({ principals: [{ id, tenant }] })
    const placed = await gate(of('ops', 'beta'))
    expect(await placed.enter(bearer(ops.key))).toMatchObject({ principal: { tenant: 'beta' } })
    const torn = await gate(of('ci', 'beta'))
    expect(messageOf(await torn.enter(bearer(ci.key)))).toBe('the principal is of another tenant')
  })

  it('that is disabled meanwhile is refused at its next request', async () => {
    let disabled = false
    const { enter } = await gate(section(), { principals: { find: () => ({ disabled }) } })
    expect(codeOf(await enter(bearer(ci.key)))).toBe('ci')
    disabled = true
    expect(codeOf(await enter(bearer(ci.key)))).toBe('AUTH_INVALID')
  })
})

describe('repeated failures', () => {
  const fail = async (
    at: Awaited<ReturnType<typeof gate>>,
    times: number,
    address = '192.0.2.7',
  ) => {
    const codes: string[] = []
    for (let time = 0; time < times; time++)
      codes.push(codeOf(await at.enter({ ...bearer(forged.key), address })))
    return codes
  }

  it('make an address wait twice as long each time, up to five minutes', async () => {
    const at = await gate(section())
    expect(new Set(await fail(at, 11))).toEqual(new Set(['AUTH_INVALID']))
    const waits: unknown[] = []
    for (let round = 0; round < 11; round++) {
      const entered = await at.enter({ ...bearer(forged.key), address: '192.0.2.7' })
      const { retryAfter } = (entered as { data: { retryAfter: number } }).data
      waits.push([codeOf(entered), retryAfter])
      at.clock.advance(retryAfter * 1000)
      expect(await fail(at, 1)).toEqual(['AUTH_INVALID'])
    }
    expect(waits.map((wait) => (wait as unknown[])[1])).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) // biome-ignore format: a row
    expect(waits[0]).toEqual(['AUTH_LIMITED', 1])
  })

  it('are forgotten a quarter of an hour after the last', async () => {
    const at = await gate(section())
    await fail(at, 12)
    expect(await fail(at, 1)).toEqual(['AUTH_LIMITED'])
    at.clock.advance(900_000)
    expect(new Set(await fail(at, 11))).toEqual(new Set(['AUTH_INVALID']))
  })

  it('are remembered by the next generation', async () => {
    const clock = createManualClock()
    const fetch = () => Promise.reject(new Error('nothing is fetched here'))
    const memory = createIdentityMemory({ clock, log: silentLogger, fetch })
    await fail(await gate(section(), { clock, memory }), 11)
    expect(await fail(await gate(section(), { clock, memory }), 1)).toEqual(['AUTH_LIMITED'])
    expect(await fail(await gate(section(), { clock }), 1)).toEqual(['AUTH_INVALID'])
  })

  it('of others at the same address, or with the same id, never keep a good key out', async () => {
    const at = await gate(section())
    await fail(at, 50)
    const address = '192.0.2.7'
    expect(codeOf(await at.enter({ ...bearer(ci.key), address }))).toBe('ci')
    expect(codeOf(await at.enter({ ...bearer(ops.key), address }))).toBe('ops')
    expect(codeOf(await at.enter({ ...bearer(ci.key), address: '198.51.100.1' }))).toBe('ci')
  })

  it('are not wiped out by a success of the one who fails', async () => {
    const at = await gate(section())
    await fail(at, 11)
    await at.enter({ ...bearer(ops.key), address: '192.0.2.7' })
    expect(await fail(at, 1)).toEqual(['AUTH_LIMITED'])
  })

  it('with one id count together, wherever they come from', async () => {
    const at = await gate(section())
    for (let from = 0; from < 11; from++) await fail(at, 1, `198.51.100.${from}`)
    expect(await fail(at, 1, '203.0.113.1')).toEqual(['AUTH_LIMITED'])
  })

  it('are counted by what one subscriber has of addresses', () => {
    expect(networkOf('::ffff:192.0.2.1')).toBe('192.0.2.1')
    expect(networkOf('2001:db8::1')).toBe('2001:db8:0:0')
    expect(networkOf('2001:0DB8:0:0:1:2:3:4')).toBe('2001:db8:0:0')
    expect(networkOf('2001:db8:0:1::')).toBe('2001:db8:0:1')
    expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0')
    expect(networkOf('::1')).toBe('0:0:0:0')
    expect(networkOf(undefined)).toBeUndefined()
  })

  describe('with tokens', () => {
    const key = makeKey('one', 'ES256')
    const stranger = makeKey('one', 'ES256')
    const fetch = overEgress()
    let issuer: Issuer
    beforeAll(async () => {
      issuer = await startIssuer([key])
    })
    afterAll(async () => {
      await issuer[Symbol.asyncDispose]()
      await fetch[Symbol.asyncDispose]()
    })
    const token = (sub: string, by = key) =>
      signed(
        { alg: 'ES256', kid: 'one' },
        { iss: issuer.url, sub, aud: 'https://gateway.example.com', exp: NOW + 600 },
        by,
      )

    it('let ten signatures a second be verified at an address that waits, and known tokens always', async () => {
      const oauth = { audience: 'https://gateway.example.com', issuers: [{ issuer: issuer.url, name: 'c' }] } // biome-ignore format: a row
      const at = await gate({ anonymous: 'deny', oauth }, { fetch, clock: createManualClock() })
      const enter = async (text: string) => codeOf(await at.enter(bearer(text)))
      const known = token('known')
      expect(await enter(known)).toBe('c#known')
      for (let time = 0; time < 11; time++) await enter(token('x', stranger))
      expect(await enter(token('x', stranger))).toBe('AUTH_LIMITED')
      expect(await enter(known)).toBe('c#known')
      expect(await enter(token('new'))).toBe('AUTH_LIMITED')
      at.clock.advance(100)
      expect(await enter(token('new'))).toBe('c#new')
    })

    it('of the issuer are nobody’s failures', async () => {
      const oauth = { audience: 'https://gateway.example.com', issuers: [{ issuer: issuer.url }] }
      const down = () => Promise.reject(new Error('down'))
      const at = await gate({ anonymous: 'deny', oauth }, { fetch: down })
      for (let time = 0; time < 20; time++)
        expect(codeOf(await at.enter(bearer(token('x'))))).toBe('AUTH_UNAVAILABLE')
    })
  })
})

const certificate = (name: string): Uint8Array =>
  new X509Certificate(
    readFileSync(join(import.meta.dirname, '../fixtures/certificates', `${name}.pem`)),
  ).raw

describe('a client certificate', () => {
  const map = [
    { spiffe: ['spiffe://prod.example.com/ns/*/sa/ci'], roles: ['operator'], tenant: 'acme' },
    { dns: ['ci.example.com'], email: ['*@example.com'], principal: 'ci', roles: ['viewer'] },
    { common_name: ['ci-*'] },
  ]
  const identity = { anonymous: 'allow', api_keys: true, mtls: { trust_domains: ['prod.example.com'], map } } // biome-ignore format: a row
  const enter = async (name: string, more: object = identity, given: Partial<Credentials> = {}) => {
    const at = await gate(more)
    // after they were made
    at.clock.advance(10 * DAY)
    return at.enter({ certificate: certificate(name), ...given })
  }

  it('proves the SPIFFE id of a trusted domain, a service, with what it is mapped to', async () => {
    expect(await enter('spiffe')).toEqual({
      principal: {
        id: 'spiffe://prod.example.com/ns/tools/sa/ci',
        kind: 'service',
        roles: ['operator'],
        scopes: [],
        tenant: 'acme',
        claims: {
          spiffe: 'spiffe://prod.example.com/ns/tools/sa/ci',
          uri: ['spiffe://prod.example.com/ns/tools/sa/ci'],
          [CREDENTIAL_CLAIM]: 'certificate',
        },
      },
    })
    const unmapped = { mtls: { trust_domains: ['prod.example.com'] } }
    expect(await enter('spiffe', unmapped)).toMatchObject({ principal: { roles: [] } })
  })

  it('proves what one entry of the mapping matches as a whole', async () => {
    expect(await enter('dns')).toMatchObject({
      principal: { id: 'ci', roles: ['viewer'], claims: { email: ['ci@example.com'] } },
    })
    const names = { mtls: { map: [{ dns: ['other.*'] }] } }
    expect(codeOf(await enter('dns', names))).toBe('dns:other.example.com')
    const both = { mtls: { map: [{ dns: ['other.*'], email: ['*@other.example.com'] }] } }
    expect(messageOf(await enter('dns', both))).toBe(
      'the client certificate is of nobody that is known',
    )
    expect(codeOf(await enter('common-name'))).toBe('cn:ci-runner')
  })

  it.each([
    ['spiffe-foreign', 'the client certificate is of nobody that is known'],
    ['spiffe-two', 'the client certificate has no valid SPIFFE id, or more than one URI'],
    ['spiffe-malformed', 'the client certificate has no valid SPIFFE id, or more than one URI'],
    ['forged-name', 'the client certificate is of nobody that is known'],
    ['common-name-twice', 'the client certificate is of nobody that is known'],
    ['common-name-beside', 'the client certificate is of nobody that is known'],
    ['authority', 'the client certificate is that of an authority'],
  ])('%s is refused, also where nobody may come', async (name, message) => {
    expect(messageOf(await enter(name))).toBe(message)
  })

  it('is refused before and after its time, and when it is none', async () => {
    const at = await gate(identity)
    const one = certificate('spiffe')
    const outside = 'the client certificate has expired or is not valid yet'
    expect(messageOf(await at.enter({ certificate: one }))).toBe(outside)
    at.clock.advance(10 * DAY)
    expect(codeOf(await at.enter({ certificate: one }))).toMatch(/^spiffe:/)
    at.clock.advance(37_000 * DAY)
    expect(messageOf(await at.enter({ certificate: one }))).toBe(outside)
    const none = { certificate: Buffer.from('garbage') }
    expect(messageOf(await at.enter(none))).toBe('the client certificate cannot be read')
  })

  it('beside Authorization would be two identities where it proves one', async () => {
    expect(await enter('spiffe', section({ mtls: identity.mtls }), bearer(ci.key))).toMatchObject({
      code: 'AUTH_INVALID',
      data: { error: 'invalid_request' },
    })
    expect(codeOf(await enter('forged-name', section({ mtls: identity.mtls }), bearer(ci.key)))).toBe('ci') // biome-ignore format: a row
  })

  it('means nothing where none are mapped: it was for TLS only', async () => {
    expect(await enter('spiffe', { anonymous: 'allow', api_keys: true })).toEqual({
      principal: ANONYMOUS,
    })
  })

  it('has its names read as they are escaped, and not at all when they are not', () => {
    expect(alternativeNames('DNS:a, IP Address:192.0.2.1, URI:"b\\u002c DNS:c"')).toEqual([
      ['DNS', 'a'],
      ['IP Address', '192.0.2.1'],
      ['URI', 'b, DNS:c'],
    ])
    expect(alternativeNames('')).toEqual([])
    for (const text of ['a', 'DNS:a,DNS:b', 'DNS:"a', 'DNS:a"b"'])
      expect(() => alternativeNames(text)).toThrow('names that cannot be read')
  })
})
