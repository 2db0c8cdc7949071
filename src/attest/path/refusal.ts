// In which words a chain is refused: as the TLS identity of a server or as part of evidence; which check failed is decided elsewhere.
import { Denial } from '../denial.ts'
import type { Reason } from '../reasons.ts'

/** What the chain is for. */
export type Family = 'tls' | 'evidence'

export type Fault =
  | 'untrusted'
  | 'chain'
  | 'expired'
  | 'not_yet_valid'
  | 'name'
  | 'revoked'
  | 'unknown'
  | 'stale'
  | 'invalid'

const REASON: Readonly<Record<Family, Readonly<Record<Fault, Reason>>>> = {
  tls: {
    untrusted: 'tls.untrusted_anchor',
    chain: 'tls.chain',
    expired: 'tls.expired',
    not_yet_valid: 'tls.not_yet_valid',
    name: 'tls.name_mismatch',
    revoked: 'tls.revoked',
    unknown: 'tls.revocation_unknown',
    stale: 'tls.revocation_unknown',
    invalid: 'tls.revocation_unknown',
  },
  evidence: {
    untrusted: 'evidence.untrusted_root',
    chain: 'evidence.chain',
    expired: 'evidence.expired',
    not_yet_valid: 'evidence.not_yet_valid',
    name: 'evidence.chain',
    revoked: 'evidence.revoked',
    unknown: 'evidence.collateral_missing',
    stale: 'evidence.collateral_stale',
    invalid: 'evidence.collateral_invalid',
  },
}

/** What the parsers below say of a certificate; in TLS one reason tells the operator enough. */
const OF_PARSERS: ReadonlySet<Reason> = new Set([
  'evidence.malformed',
  'evidence.too_large',
  'evidence.weak_algorithm',
])

export function refusal(family: Family, fault: Fault, detail?: string): Denial {
  return new Denial(REASON[family][fault], detail)
}

/** What was thrown while a certificate was looked at; what is no Denial stays the fault that it is. */
export function translated(family: Family, error: unknown): unknown {
  if (family !== 'tls' || !(error instanceof Denial) || !OF_PARSERS.has(error.reason)) return error
  return new Denial('tls.chain', error.detail)
}
