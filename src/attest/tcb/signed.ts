// Whether a document of Intel's is genuine and of its time: chain to the pinned root, signature over the bytes received, validity.

import { assertLeaf, certificatesIn } from '../dcap/chain.ts'
import { Denial } from '../denial.ts'
import type { EvidenceRoot } from '../evidence/evidence.ts'
import { checkVendorChain } from '../evidence/vendor-chain.ts'
import type { Certificate } from '../format/certificate.ts'
import { latin1 } from '../format/der.ts'
import { readJson } from '../format/json.ts'
import { isSigned, type Scheme } from '../format/signature.ts'
import { invalid, type Json, timeOf, wholeOf } from './fields.ts'
import { LARGEST_DOCUMENT, type SignedDocument } from './sent.ts'

export const P256: Scheme = { key: 'ec', hash: 'sha256' }
const SIGNER = 'Intel SGX TCB Signing'

/** A document that holds, with what is said of it in the claims. */
export interface Opened {
  readonly json: Json
  readonly nextUpdate: number
  /** tcbEvaluationDataNumber: what Intel knew when it wrote this. */
  readonly number: number
}

/** Who signs TCB Info and QE Identity; in one verification mostly one and the same, and then checked once. */
export type Signers = Map<string, Certificate>

export interface SignedAt {
  readonly now: number
  readonly skew: number
  /** The one that the quote leads to, and its certificate. */
  readonly root: EvidenceRoot
  readonly anchor: Certificate
  readonly signers: Signers
}

/** Throws `evidence.collateral_missing` without an issuer chain, `evidence.collateral_invalid`, `evidence.collateral_stale`. */
export function openSigned(document: SignedDocument, at: SignedAt): Opened {
  const { what, inner, signature, chain } = document
  if (chain === undefined)
    throw new Denial('evidence.collateral_missing', `${what}: its issuer chain`)
  const signer = signerOf(chain, what, at)
  if (!isSigned(P256, signer.publicKey, inner, signature, 'ieee-p1363'))
    throw invalid(`${what}: its signature`)
  const json = asCollateral(what, () => readJson(inner, what, LARGEST_DOCUMENT))
  const nextUpdate = timeOf(json.nextUpdate, `${what}: nextUpdate`)
  if (timeOf(json.issueDate, `${what}: issueDate`) > at.now + at.skew)
    throw new Denial('evidence.collateral_stale', `${what}: issued later than now`)
  if (at.now >= nextUpdate) throw new Denial('evidence.collateral_stale', `${what}: nextUpdate`)
  const number = wholeOf(json.tcbEvaluationDataNumber, `${what}: tcbEvaluationDataNumber`)
  return { json, nextUpdate, number }
}

function signerOf(
  pem: string,
  what: string,
  { now, root, anchor, signers }: SignedAt,
): Certificate {
  const known = signers.get(pem)
  if (known) return known
  const signer = asCollateral(what, () => {
    const chain = certificatesIn(pem, anchor)
    const [first] = chain
    // a PCK certificate is below the same root, and its key is in every machine
    if (!first || chain.length !== 2 || !latin1(first.subject).includes(SIGNER))
      throw new Denial('evidence.chain', `not ${SIGNER} and the root`)
    assertLeaf(first, what)
    checkVendorChain(chain, [root], now)
    return first
  })
  signers.set(pem, signer)
  return signer
}

/** The same refusal, said of collateral: what is wrong there is not wrong with the evidence. */
export function asCollateral<T>(what: string, check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    const isOfTime =
      error.reason === 'evidence.expired' || error.reason === 'evidence.not_yet_valid'
    throw new Denial(
      isOfTime ? 'evidence.collateral_stale' : 'evidence.collateral_invalid',
      `${what}: ${error.detail ?? error.message}`,
    )
  }
}
