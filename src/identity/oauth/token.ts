// A JWT in compact form taken apart (RFC 7515 section 7.1), within bounds and strictly; nothing in it is believed yet.
import type { JsonObject } from '../../base/json.ts'
import { ALGORITHMS, type Algorithm } from '../options.ts'
import { invalid } from '../refusal.ts'
import { parseStrict } from './strict-json.ts'

/** Characters; a larger one is refused before any of it is read. */
export const LONGEST_TOKEN = 16_384

export interface ParsedToken {
  readonly alg: Algorithm
  readonly kid: string | undefined
  /** In lower case, without `application/`. */
  readonly typ: string | undefined
  readonly claims: JsonObject
}

const PARTS = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/

/**
 * Throws AUTH_INVALID. Of the header only `alg`, `kid`, `typ` and `crit` are looked at: `jku`, `x5u`, `jwk` and `x5c` would let a
 * token say by which key it is to be verified.
 */
export function parseToken(token: string): ParsedToken {
  if (token.length > LONGEST_TOKEN) throw invalid('the token is too long')
  const [, first = '', second = '', third = ''] = PARTS.exec(token) ?? []
  if (first === '') throw invalid('the token is no JWT in compact form')
  const header = decode(first)
  const claims = decode(second)
  if (header === undefined || claims === undefined || bytesOf(third) === undefined)
    throw invalid('the token is no JWT: its parts are not base64url of JSON objects')
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64'))
    throw invalid('the token asks for an extension that is not known (crit)')
  const alg = ALGORITHMS.find((known) => known === header.alg)
  if (alg === undefined) throw invalid('the token is signed with an algorithm that is not accepted')
  return { alg, kid: kidOf(header), typ: typOf(header), claims }
}

function decode(part: string): JsonObject | undefined {
  const bytes = bytesOf(part)
  return bytes === undefined ? undefined : parseStrict(bytes)
}

// of several spellings of the same bytes one is right (RFC 4648 section 3.5)
function bytesOf(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url')
  return bytes.toString('base64url') === part ? bytes : undefined
}

function kidOf({ kid }: JsonObject): string | undefined {
  if (kid === undefined) return undefined
  if (typeof kid !== 'string' || kid === '' || kid.length > 256)
    throw invalid('the token names no key (kid)')
  return kid
}

function typOf({ typ }: JsonObject): string | undefined {
  if (typ === undefined) return undefined
  if (typeof typ !== 'string') throw invalid('the token says wrongly what it is (typ)')
  return typ.toLowerCase().replace(/^application\//, '')
}
