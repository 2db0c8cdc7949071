// Whether any certificate of a valid path is revoked, asked of its sources in the order of the policy; nothing is fetched here.
import type { Collateral, CollateralNeed } from '../collateral.ts'
import { Denial } from '../denial.ts'
import { type Certificate, EXTENSION } from '../format/certificate.ts'
import { contentOf } from '../format/extensions.ts'
import { askCrl, crlNeed } from './crl-source.ts'
import type { Numbered, Numbers } from './numbers.ts'
import { askOcsp, ocspNeed } from './ocsp-source.ts'
import { type Family, refusal, translated } from './refusal.ts'

export type RevocationSource = 'ocsp-staple' | 'crl' | 'ocsp'

/** `tls.revocation` of an appraisal policy, times in milliseconds. */
export interface RevocationPolicy {
  /** `require`: somebody says good. `prefer`: as well, unless there is nobody to ask. */
  readonly mode: 'require' | 'prefer' | 'off'
  /** In the order they are asked; the first answer counts. */
  readonly sources: readonly RevocationSource[]
  /** How long ago a document may have been received. */
  readonly max_age: number
  readonly clock_skew: number
}

/** The numbers are those of lists, by the name that `Answer.list` gives them. */
export interface RevocationQuestion extends Numbers {
  /** Leaf first, the anchor last: it is trusted, and not asked about. */
  readonly path: readonly Certificate[]
  readonly policy: RevocationPolicy
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly family: Family
  readonly collateral: Collateral
  /** What the server stapled for the leaf. */
  readonly staple?: Uint8Array
  /** The nonce of the OCSP requests, where one was sent. */
  readonly nonce?: Uint8Array
}

/** A certificate is not revoked, as a genuine document of this time says. */
export interface Answer {
  readonly source: RevocationSource
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number
  readonly nextUpdate: number | undefined
  /** Of a CRL: which list, and its number (hex), to be remembered and handed in as `seen`. */
  readonly list?: Numbered
  readonly document: Uint8Array
}

export type CertificateStatus =
  | ({ readonly status: 'good' } & Answer)
  | { readonly status: 'unknown' | 'off' }

/** Of RFC 7633: the server promises a staple. */
const STATUS_REQUEST = 5

/**
 * One status for each certificate but the anchor, leaf first. Throws `tls.revoked` or `tls.revocation_unknown`;
 * `evidence.revoked`, `evidence.collateral_missing`, `_stale` or `_invalid`.
 */
export function checkRevocation(question: RevocationQuestion): readonly CertificateStatus[] {
  const { path, policy, family } = question
  try {
    return path.slice(0, -1).map((certificate, at) => {
      if (policy.mode === 'off') return { status: 'off' }
      return settle(question, certificate, path[at + 1] as Certificate)
    })
  } catch (error) {
    throw translated(family, error)
  }
}

/** What to fetch so that `checkRevocation` has an answer for each certificate; empty when it has, or when one is revoked. */
export function revocationNeeds(question: RevocationQuestion): readonly CollateralNeed[] {
  const { path, policy, family } = question
  if (policy.mode === 'off') return []
  const needs: CollateralNeed[] = []
  try {
    for (const [at, certificate] of path.slice(0, -1).entries()) {
      const own = needsOf(question, certificate, path[at + 1] as Certificate)
      if (!own) return []
      needs.push(...own)
    }
  } catch (error) {
    throw translated(family, error)
  }
  // fetched anew well before it would be too old
  return needs.map((need) => ({ ...need, maxAge: policy.max_age / 2 }))
}

/** Undefined: it is revoked. */
function needsOf(
  question: RevocationQuestion,
  certificate: Certificate,
  issuer: Certificate,
): readonly CollateralNeed[] | undefined {
  const { policy, nonce } = question
  try {
    if (settle(question, certificate, issuer).status === 'good') return []
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    if (error.reason.endsWith('.revoked')) return undefined
  }
  const own = policy.sources.flatMap((source) => {
    if (source === 'ocsp-staple') return []
    return source === 'crl' ? [crlNeed(certificate)] : ocspNeed(certificate, issuer, nonce)
  })
  const required = policy.mode === 'require' && own.length === 1
  return own.map((need) => ({ ...need, required }))
}

function settle(
  question: RevocationQuestion,
  certificate: Certificate,
  issuer: Certificate,
): CertificateStatus {
  const { family, policy } = question
  const isLeaf = certificate === question.path[0]
  const mustStaple = isLeaf && promisesStaple(certificate)
  if (mustStaple && !question.staple)
    throw refusal(family, 'unknown', 'the certificate promises a staple, and none came')
  let failure: Denial | undefined
  for (const source of mustStaple ? (['ocsp-staple'] as const) : policy.sources) {
    try {
      const answer = ask(source, question, certificate, issuer)
      if (answer) return { status: 'good', ...answer }
    } catch (error) {
      if (!(error instanceof Denial)) throw error
      if (error.reason.endsWith('.revoked')) throw error
      failure ??= asCollateral(family, error)
    }
  }
  // who can hold an answer back could as well have held back a false one: only that nobody was there is forgiven
  if (failure) throw failure
  if (policy.mode === 'require') throw refusal(family, 'unknown', 'no source has an answer')
  return { status: 'unknown' }
}

function ask(
  source: RevocationSource,
  question: RevocationQuestion,
  certificate: Certificate,
  issuer: Certificate,
): Answer | undefined {
  if (source === 'crl') return askCrl(question, certificate, issuer)
  const isLeaf = certificate === question.path[0]
  return askOcsp(source === 'ocsp' ? source : isLeaf ? source : undefined, question, certificate, issuer) // biome-ignore format: a row
}

function promisesStaple(certificate: Certificate): boolean {
  const extension = certificate.extensions.get(EXTENSION.tlsFeature)
  if (!extension) return false
  const features = contentOf(extension.value, 'TLS feature')
  let isPromised = false
  while (!features.isDone) if (features.small('TLS feature') === STATUS_REQUEST) isPromised = true
  return isPromised
}

/** What a parser says of a document that was fetched. */
function asCollateral(family: Family, error: Denial): Denial {
  const isOurs = error.reason.startsWith('tls.') || error.reason.startsWith('evidence.collateral_')
  return isOurs ? error : refusal(family, 'invalid', error.message)
}
