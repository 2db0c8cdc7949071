// Keys of an issuer over time: found, kept, rotated, unknown, out of reach; and how often the issuer is asked for all that.
import { afterEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/base/log.ts'
import { metadataAddresses } from '../../src/identity/oauth/discovery.ts'
import type { FetchDocument } from '../../src/identity/oauth/document.ts'
import { readKeys } from '../../src/identity/oauth/jwk.ts'
import { createKeySet, createKeySets, KEY_SET_TIMES } from '../../src/identity/oauth/key-set.ts'
import { makeKey, startIssuer } from '../support/issuer.ts'
import { createManualClock, overEgress } from './gate.ts'

const first = makeKey('one', 'ES256')
const second = makeKey('two', 'ES256')
const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]()
})

async function start(path = '', options: { jwks_uri?: string } = {}) {
  const issuer = await startIssuer([first], path)
  const network = overEgress()
  open.push(issuer, network)
  const clock = createManualClock()
  const fetch: FetchDocument = (url, request) => network(url, request)
  const set = createKeySet({ issuer: issuer.url, ...options }, { fetch, clock, log: silentLogger })
  const find = async (kid: string | undefined) => {
    try {
      return (await set.find({ alg: 'ES256', kid })).kid
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  return {
    issuer,
    clock,
    set,
    find,
    fetches: () => issuer.requests.filter((p) => p === '/keys').length,
  }
}

describe('the keys of an issuer', () => {
  it('are found through its metadata, and fetched once for all who wait', async () => {
    const { issuer, find } = await start('/realms/one')
    expect(await Promise.all([find('one'), find('one'), find(undefined)])).toEqual([
      'one',
      'one',
      'one',
    ])
    expect(issuer.requests).toEqual(['/.well-known/oauth-authorization-server/realms/one', '/keys'])
  })

  it('are there at once when they are there', async () => {
    const { set, find } = await start()
    await find('one')
    expect(set.find({ alg: 'ES256', kid: 'one' })).toMatchObject({ kid: 'one', alg: 'ES256' })
  })

  it('come from jwks_uri where it is configured', async () => {
    const { issuer } = await start()
    const network = overEgress()
    open.push(network)
    const reach = { fetch: network, clock: createManualClock(), log: silentLogger }
    const sets = createKeySets(reach)
    const wanted = { issuer: 'https://idp.example.com', jwks_uri: `${issuer.url}/keys` }
    await sets.of(wanted).find({ alg: 'ES256', kid: 'one' })
    expect(issuer.requests).toEqual(['/keys'])
    expect(sets.of(wanted)).toBe(sets.of({ ...wanted }))
  })

  it('that are new are found, at most one fetch in half a minute for names nobody knows', async () => {
    const { issuer, clock, find, fetches } = await start()
    await find('one')
    issuer.keys = [first, second]
    expect(await find('two')).toBe('AUTH_INVALID')
    clock.advance(KEY_SET_TIMES.cooldown)
    expect(await find('two')).toBe('two')
    expect(fetches()).toBe(2)
    const tries = await Promise.all(Array.from({ length: 50 }, (_, index) => find(`x${index}`)))
    expect([new Set(tries), fetches()]).toEqual([new Set(['AUTH_INVALID']), 2])
  })

  it('that were taken away are not used once they have been read again', async () => {
    const { issuer, clock, find, fetches } = await start()
    await find('one')
    issuer.keys = [second]
    clock.advance(KEY_SET_TIMES.fresh)
    // the old ones serve while the new ones are fetched
    expect(await find('one')).toBe('one')
    await expect.poll(fetches).toBe(2)
    await expect.poll(() => find('one')).toBe('AUTH_INVALID')
    expect(await find('two')).toBe('two')
  })

  it('serve for an hour when the issuer is down, and then nobody knows any more', async () => {
    const { issuer, clock, find } = await start()
    await find('one')
    issuer.fault = 'status'
    clock.advance(KEY_SET_TIMES.stale - 1)
    expect(await find('one')).toBe('one')
    clock.advance(1)
    expect(await find('one')).toBe('AUTH_UNAVAILABLE')
    issuer.fault = 'none'
    expect(await find('one')).toBe('AUTH_UNAVAILABLE')
    clock.advance(KEY_SET_TIMES.retry)
    expect(await find('one')).toBe('one')
  })

  it('cannot be had from an issuer that is down from the start, which is asked every five seconds', async () => {
    const { issuer, clock, find } = await start()
    issuer.fault = 'status'
    expect(await find('one')).toBe('AUTH_UNAVAILABLE')
    expect(await find('one')).toBe('AUTH_UNAVAILABLE')
    expect(issuer.requests).toHaveLength(1)
    clock.advance(KEY_SET_TIMES.retry)
    expect(await find('one')).toBe('AUTH_UNAVAILABLE')
    expect(issuer.requests).toHaveLength(2)
  })

  it('are not waited for longer than ten seconds', async () => {
    const { issuer, clock, find } = await start()
    issuer.fault = 'silence'
    const found = find('one')
    await expect.poll(() => issuer.requests.length).toBe(1)
    clock.advance(KEY_SET_TIMES.deadline)
    expect(await found).toBe('AUTH_UNAVAILABLE')
  })

  it.each(['large', 'garbage'] as const)(
    'are not read from a document that is %s',
    async (fault) => {
      const { issuer, find } = await start()
      issuer.fault = fault
      expect(await find('one')).toBe('AUTH_UNAVAILABLE')
    },
  )

  it.each([
    ['of another issuer', { issuer: 'https://evil.example.com' }],
    ['without an address of keys', { jwks_uri: undefined }],
    ['with keys in the clear elsewhere', { jwks_uri: 'http://192.0.2.1/keys' }],
    ['with keys in a file', { jwks_uri: 'file:///etc/keys' }],
  ])('are not taken from metadata %s', async (_name, metadata) => {
    const { issuer, find, fetches } = await start()
    issuer.metadata = metadata
    expect(await find('one')).toBe('AUTH_UNAVAILABLE')
    expect(fetches()).toBe(0)
  })

  it('of one name that fit twice are none, and one without a name is taken where it is the only one', async () => {
    const { issuer, find } = await start()
    issuer.keys = [first, { ...second, kid: 'one' }]
    expect([await find('one'), await find(undefined)]).toEqual(['AUTH_INVALID', 'AUTH_INVALID'])
  })
})

it('metadata of an issuer with a path is looked for where RFC 8414 and OpenID Connect have it', () => {
  expect(metadataAddresses('https://idp.example.com/realms/one/')).toEqual([
    'https://idp.example.com/.well-known/oauth-authorization-server/realms/one',
    'https://idp.example.com/.well-known/openid-configuration/realms/one',
    'https://idp.example.com/realms/one/.well-known/openid-configuration',
  ])
  expect(metadataAddresses('https://idp.example.com')).toEqual([
    'https://idp.example.com/.well-known/oauth-authorization-server',
    'https://idp.example.com/.well-known/openid-configuration',
  ])
})

describe('of a key set', () => {
  const ec = first.publicKey.export({ format: 'jwk' }) as {
    kty: string
    crv: string
    x: string
    y: string
  }

  it.each([
    ['secret keys', { kty: 'oct', k: 'c2VjcmV0' }],
    ['private keys', { ...ec, d: 'x' }],
    ['keys for encryption', { ...ec, use: 'enc' }],
    ['keys that may only sign', { ...ec, key_ops: ['sign'] }],
    ['short RSA keys', { kty: 'RSA', e: 'AQAB', n: 'x'.repeat(171) }],
    ['keys of a kind nobody knows', { kty: 'constructor' }],
    ['incomplete keys', { kty: 'EC', crv: 'P-256', x: 'x' }],
    ['what is no key', null as unknown as object],
  ])('%s are passed over', (_name, key) => {
    expect(readKeys({ keys: [key as never, { ...ec, kid: 'good' }] })).toMatchObject([
      { kid: 'good' },
    ])
  })

  it('only what verifies is kept, nothing that leads elsewhere', () => {
    const key = { ...ec, kid: 'a', use: 'sig', x5u: 'https://evil.example.com', x5c: ['MIIB'] }
    expect(readKeys({ keys: [key] })).toEqual([{ kid: 'a', alg: undefined, jwk: ec }])
  })

  it('at most 64 keys are looked at, and what is no set is none', () => {
    expect(readKeys({ keys: Array.from({ length: 100 }, () => ec) })).toHaveLength(64)
    expect(readKeys({ keys: 'x' })).toBeUndefined()
  })
})
