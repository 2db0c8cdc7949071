// SPIFFE trust bundles (Trust-Domain-and-Bundle section 4): whom a trust domain trusts, and which of two holds; nothing is fetched.
import { hash } from 'node:crypto'
import { Denial, malformed, ofCollateral } from '../denial.ts'
import { fromBase64 } from '../format/base64.ts'
import { Certificate } from '../format/certificate.ts'
import { readJson } from '../format/json.ts'
import { type Jwk, keysIn } from '../token/jwks.ts'
import { parseSpiffeId } from './id.ts'

export interface SpiffeBundle {
  readonly trustDomain: string
  /** Absent: the domain does not number its bundles. */
  readonly sequence: number | undefined
  /** Milliseconds until it is to be asked for anew: what the bundle says, within bounds. */
  readonly refreshAfter: number
  /** Of X.509-SVIDs. Empty: none is trusted any more. */
  readonly authorities: readonly Certificate[]
  /** Of JWT-SVIDs, each with its kid. */
  readonly jwtKeys: readonly Jwk[]
  /** Hex, of the bundle as it came. */
  readonly sha256: string
}

const LARGEST = 1024 * 1024
const MOST_SECONDS = 2 ** 40
const MINUTES = 60 * 1000
/** Asking more often helps nobody; a domain that says nothing is asked as often. */
const SHORTEST = 5 * MINUTES
/** A domain must not be able to keep its own revocations from us for longer. */
const LONGEST = 24 * 60 * MINUTES

/**
 * The bundle of the domain that was asked; nothing in it says whose it is. An entry of an unknown type or use is left out, and a list
 * without entries means that everything is revoked. Throws `evidence.collateral_invalid`.
 */
export function parseSpiffeBundle(bytes: Uint8Array, trustDomain: string): SpiffeBundle {
  return ofCollateral(() => {
    const what = 'SPIFFE bundle'
    if (parseSpiffeId(`spiffe://${trustDomain}`).path !== '') throw malformed('trust domain')
    const set = readJson(bytes, what, LARGEST)
    const sequence = numberIn(set.spiffe_sequence, 'spiffe_sequence')
    const hint = numberIn(set.spiffe_refresh_hint, 'spiffe_refresh_hint') ?? 0
    const keys = keysIn(set, what)
    const authorities = keys.flatMap((key) => authorityOf(key) ?? [])
    const jwtKeys = keys.filter(({ members }) => members.use === 'jwt-svid')
    if (jwtKeys.some(({ kid }) => kid === undefined || kid === ''))
      throw malformed(`${what}: a JWT key without kid`)
    if (new Set(jwtKeys.map(({ kid }) => kid)).size < jwtKeys.length)
      throw malformed(`${what}: two JWT keys of one kid`)
    const refreshAfter = Math.min(Math.max(hint * 1000, SHORTEST), LONGEST)
    const sha256 = hash('sha256', bytes)
    return { trustDomain, sequence, refreshAfter, authorities, jwtKeys, sha256 }
  })
}

function numberIn(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined
  if (
    typeof value !== 'number' ||
    !Number.isSafeInteger(value) ||
    value < 0 ||
    value > MOST_SECONDS
  )
    throw malformed(`SPIFFE bundle: ${name}`)
  return value
}

/** The first certificate of an entry; the rest of x5c, and an entry without one, are nothing. */
function authorityOf({ kid, members }: Jwk): Certificate | undefined {
  const { use, x5c } = members
  if (use !== 'x509-svid' || x5c === undefined) return undefined
  const what = 'SPIFFE bundle: an X.509 authority'
  if (kid !== undefined) throw malformed(`${what} with kid`)
  const first: unknown = Array.isArray(x5c) ? x5c[0] : undefined
  if (typeof first !== 'string') throw malformed(`${what} without certificate`)
  return Certificate.parse(fromBase64(first, what))
}

/**
 * The bundle that holds from now on; one that says something else under the same number is not believed. Throws
 * `evidence.collateral_stale` for a number below the one that is known or none at all, `evidence.collateral_invalid` for another domain.
 */
export function newerBundle(known: SpiffeBundle | undefined, next: SpiffeBundle): SpiffeBundle {
  if (!known) return next
  if (known.trustDomain !== next.trustDomain)
    throw new Denial('evidence.collateral_invalid', 'SPIFFE bundle: another trust domain')
  const [before, now] = [known.sequence, next.sequence]
  if (before === undefined) return next
  if (now === undefined || now < before)
    throw new Denial('evidence.collateral_stale', 'SPIFFE bundle: spiffe_sequence')
  return now === before ? known : next
}
