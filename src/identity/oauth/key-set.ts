// The keys of one issuer, fetched when they are needed and kept for a while: one fetch at a time, and never as often as callers wish.

import { messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { IssuerOptions } from '../options.ts'
import { invalid, unavailable } from '../refusal.ts'
import { discoverKeys } from './discovery.ts'
import { fetchJson, type Reach } from './document.ts'
import { type PublicKey, readKeys, selectKey } from './jwk.ts'
import type { ParsedToken } from './token.ts'

/** Milliseconds. */
export const KEY_SET_TIMES = {
  /** For metadata and keys together. */
  deadline: 10_000,
  /** Keys this old are used and renewed meanwhile. */
  fresh: 600_000,
  /** Keys this old are not used any more: nobody knows whether they still hold. */
  stale: 3_600_000,
  /** Between two fetches that a token with an unknown key causes. */
  cooldown: 30_000,
  /** After a fetch that failed. */
  retry: 5_000,
} as const

export interface KeySet {
  /** At once where the keys are there. Throws, or rejects with, AUTH_INVALID or AUTH_UNAVAILABLE. */
  find(token: Pick<ParsedToken, 'alg' | 'kid'>): PublicKey | Promise<PublicKey>
}

export type KeySetReach = Reach & { readonly log: Logger }

export function createKeySet(
  options: Pick<IssuerOptions, 'issuer' | 'jwks_uri'>,
  reach: KeySetReach,
): KeySet {
  const { clock, log } = reach
  const { issuer } = options
  let keys: readonly PublicKey[] = []
  let fetchedAt = Number.NEGATIVE_INFINITY
  let triedAt = Number.NEGATIVE_INFINITY
  let failure: unknown
  let pending: Promise<void> | undefined

  async function load(): Promise<void> {
    triedAt = clock.now()
    try {
      keys = await fetchKeys(options, reach)
      fetchedAt = triedAt
      failure = undefined
    } catch (error) {
      failure = error ?? new Error('unknown')
      log.warn({ issuer, reason: messageOf(error) }, 'keys of an issuer could not be fetched')
    } finally {
      pending = undefined
    }
  }
  const renew = (): Promise<void> => {
    pending ??= load()
    return pending
  }
  const rested = (ms: number): boolean => clock.now() - triedAt >= ms

  async function findAfterFetch(token: Pick<ParsedToken, 'alg' | 'kid'>): Promise<PublicKey> {
    if (pending !== undefined || rested(failure === undefined ? 0 : KEY_SET_TIMES.retry))
      await renew()
    if (failure !== undefined) throw unavailable(issuer, failure)
    return selectKey(keys, token) ?? unknownKey()
  }

  return {
    find(token) {
      const age = clock.now() - fetchedAt
      if (age >= KEY_SET_TIMES.stale) return findAfterFetch(token)
      if (age >= KEY_SET_TIMES.fresh && rested(KEY_SET_TIMES.retry)) void renew()
      const key = selectKey(keys, token)
      if (key !== undefined) return key
      // perhaps a new one: looked for now and then, not for every token that names what is not there
      if (pending !== undefined || rested(KEY_SET_TIMES.cooldown)) return findAfterFetch(token)
      if (failure !== undefined) throw unavailable(issuer, failure)
      return unknownKey()
    },
  }
}

function unknownKey(): never {
  throw invalid('the token is signed by a key that its issuer does not have')
}

async function fetchKeys(
  { issuer, jwks_uri }: Pick<IssuerOptions, 'issuer' | 'jwks_uri'>,
  reach: Reach,
): Promise<readonly PublicKey[]> {
  const end = reach.clock.now() + KEY_SET_TIMES.deadline
  const address = jwks_uri ?? (await discoverKeys(issuer, KEY_SET_TIMES.deadline, reach))
  const left = Math.max(1, end - reach.clock.now())
  const document = await fetchJson(address, left, reach)
  const keys = document && readKeys(document)
  if (keys === undefined) throw new Error('there is no key set at its jwks_uri')
  return keys
}

/** The key sets of all issuers. They outlive a reload, so that an issuer that is down at that moment costs nothing. */
export interface KeySets {
  of(issuer: Pick<IssuerOptions, 'issuer' | 'jwks_uri'>): KeySet
}

// issuers are configured, so this bounds what reloads with ever other ones leave behind
const MOST_ISSUERS = 256

export function createKeySets(reach: KeySetReach): KeySets {
  const sets = new Map<string, KeySet>()
  return {
    of({ issuer, jwks_uri }) {
      const key = JSON.stringify([issuer, jwks_uri])
      let set = sets.get(key)
      if (set === undefined) {
        if (sets.size >= MOST_ISSUERS) sets.clear()
        set = createKeySet({ issuer, ...(jwks_uri === undefined ? {} : { jwks_uri }) }, reach)
        sets.set(key, set)
      }
      return set
    },
  }
}
