// Who came in and who could not is told once and not per request; how often is bounded, and no secret is in it.
import { beforeEach, describe, expect, it } from 'vitest'
import { ANONYMOUS } from '../../src/engine/context.ts'
import type { Authenticator, Credentials } from '../../src/identity/access.ts'
import { mintKey } from '../../src/identity/api-key.ts'
import {
  createLogins,
  type FailedLogin,
  LOGIN_LIMITS,
  type Login,
} from '../../src/identity/logins.ts'
import { makePrincipal } from '../../src/identity/principal.ts'
import { invalid, required } from '../../src/identity/refusal.ts'
import { ManualClock } from '../engine/support.ts'

const came: Login[] = []
const failed: FailedLogin[] = []
let clock: ManualClock

beforeEach(() => {
  came.length = 0
  failed.length = 0
  clock = new ManualClock()
})

const principal = (id: string, key: string) =>
  makePrincipal(
    {
      credential: 'api_key',
      id,
      kind: 'user',
      roles: [],
      scopes: [],
      tenant: 't',
      claims: { key },
    },
    [],
  )
const from = (address: string, authorization?: string): Credentials => ({ authorization, address })
const watched = (authenticate: Authenticator['authenticate']) =>
  createLogins(clock, {
    login: (login) => void came.push(login),
    failed: (login) => void failed.push(login),
  }).watch({ authenticate })

describe('a login', () => {
  it('is told once per credential and address within an hour', async () => {
    let who = principal('ann', 'one')
    const door = watched(() => who)
    for (let round = 0; round < 3; round++) door.authenticate(from('1.2.3.4'))
    door.authenticate(from('1.2.3.5'))
    door.authenticate(from('1.2.3.4'))
    // made anew, as after a reload
    who = principal('ann', 'one')
    door.authenticate(from('1.2.3.4'))
    who = principal('ann', 'two')
    door.authenticate(from('1.2.3.4'))
    expect(came.map(({ id, address, by }) => [by, id, address])).toEqual([
      ['api_key', 'one', '1.2.3.4'],
      ['api_key', 'one', '1.2.3.5'],
      ['api_key', 'two', '1.2.3.4'],
    ])
    await clock.advance(LOGIN_LIMITS.window)
    door.authenticate(from('1.2.3.4'))
    expect(came).toHaveLength(4)
  })

  it('that has to be waited for is one, too; being nobody is none', async () => {
    const door = watched(({ address }) =>
      address === undefined ? ANONYMOUS : Promise.resolve(principal('ann', 'one')),
    )
    expect(await door.authenticate(from('1.2.3.4'))).toMatchObject({ id: 'ann' })
    door.authenticate({ authorization: undefined, address: undefined })
    expect(came).toHaveLength(1)
  })
})

describe('a failed login', () => {
  const refuse = () => {
    throw invalid('the API key is not valid')
  }

  it('is told with the id of the key and never with the key', async () => {
    const { key } = mintKey('ci-1')
    const door = watched(refuse)
    expect(() => door.authenticate(from('1.2.3.4', `Bearer ${key}`))).toThrow('not valid')
    expect(failed).toEqual([
      {
        code: 'AUTH_INVALID',
        reason: 'the API key is not valid',
        key: 'ci-1',
        address: '1.2.3.4',
        untold: 0,
      },
    ])
    expect(() => door.authenticate(from('1.2.3.4', `Bearer ${key}x`))).toThrow()
    expect(failed[1]?.key).toBeUndefined()
    expect(JSON.stringify(failed)).not.toContain(key.slice(-20))
    const later = watched(() => Promise.reject(invalid('the token is of another issuer')))
    await expect(later.authenticate(from('1.2.3.4', 'Bearer x'))).rejects.toThrow('issuer')
    expect(failed).toHaveLength(3)
  })

  it('is told a few times a minute for each network and for all, and how many were not', async () => {
    const door = watched(refuse)
    const fail = (address: string) => expect(() => door.authenticate(from(address))).toThrow()
    for (let at = 0; at < 20; at++) fail(`2001:db8::${at.toString(16)}`)
    expect(failed).toHaveLength(LOGIN_LIMITS.perNetwork)
    fail('1.2.3.4')
    expect(failed.at(-1)?.untold).toBe(15)
    for (let at = 0; at < 200; at++) fail(`10.0.0.${at}`)
    expect(failed).toHaveLength(LOGIN_LIMITS.perMinute)
    await clock.advance(LOGIN_LIMITS.minute)
    fail('1.2.3.4')
    expect(failed).toHaveLength(LOGIN_LIMITS.perMinute + 1)
  })

  it('is not what has shown no credentials', () => {
    const door = watched(() => {
      throw required([])
    })
    expect(() => door.authenticate(from('1.2.3.4'))).toThrow()
    expect(failed).toEqual([])
  })
})
