// The four documents that a quote is judged by, found, opened and turned into one TCB level; missing, stale or foreign ones refuse it.
import { createHash } from 'node:crypto'
import type { PckChain } from '../dcap/chain.ts'
import type { Pck } from '../dcap/pck.ts'
import type { DcapQuote } from '../dcap/quote.ts'
import { assertNotOn, checkRevocation } from '../dcap/revocation.ts'
import { Denial } from '../denial.ts'
import type { Claims, EvidenceItem, EvidenceRoot, Verification } from '../evidence/evidence.ts'
import { isNew } from '../path/numbers.ts'
import type { Json } from './fields.ts'
import { idsOf } from './needs.ts'
import { qeLevel } from './qe-identity.ts'
import {
  crlResponse,
  QE_RESPONSE,
  type SignedDocument,
  sentAlong,
  signedResponse,
  TCB_RESPONSE,
} from './sent.ts'
import { type Opened, openSigned, type Signers } from './signed.ts'
import { type TcbLevel, worstOf } from './status.ts'
import { assertTcbInfoIsOf, moduleLevel, platformLevel } from './tcb-info.ts'

/** A quote whose signatures hold. */
export interface Authentic {
  readonly quote: DcapQuote
  readonly chain: PckChain
  readonly pck: Pck
  readonly root: EvidenceRoot
}

export interface Judged {
  readonly level: TcbLevel
  readonly used: Claims['collateral']
}

/** What was found, before any of it is checked; what we fetched goes before what was sent along. */
interface Found {
  readonly tcb: SignedDocument
  readonly qe: SignedDocument
  readonly pckCrl: Uint8Array
  readonly rootCrl: Uint8Array
}

/** Steps 5 to 10 of a DCAP verification. Throws `evidence.collateral_*`, `evidence.revoked`, `evidence.platform_software`. */
export function judge(authentic: Authentic, item: EvidenceItem, at: Verification): Judged {
  const { quote, chain, pck, root } = authentic
  const { tcb, qe, pckCrl, rootCrl } = complete(authentic, find(authentic, item, at))
  const signers: Signers = new Map()
  const signedAt = { now: at.now, skew: at.skew, root, anchor: chain[2], signers }
  const tcbInfo = openSigned(tcb, signedAt)
  const qeIdentity = openSigned(qe, signedAt)
  const { ofRoot, used: crls } = checkRevocation(chain, { pckCrl, rootCrl }, at)
  for (const signer of signers.values()) assertNotOn(ofRoot, signer, 'signer of the collateral')
  assertTcbInfoIsOf(tcbInfo.json, quote.tee, pck)
  const ids = idsOf(quote.tee, pck.fmspc, chain)
  assertNotBehind(ids.tcb, tcbInfo, at)
  assertNotBehind(ids.qe, qeIdentity, at)
  return {
    level: levelOf(authentic, tcbInfo.json, qeIdentity.json),
    used: [used('tcb-info', tcb, tcbInfo), used('qe-identity', qe, qeIdentity), ...crls],
  }
}

/** What Intel has found out since must not be kept from us, whichever machine of the kind shows it. */
function assertNotBehind(name: string, { number }: Opened, at: Verification): void {
  if (!isNew({ name, number: number.toString(16) }, at))
    throw new Denial('evidence.collateral_stale', `${name}: tcbEvaluationDataNumber seen before`)
}

/** The worst of platform, QE and module. */
function levelOf({ quote, pck }: Authentic, tcbInfo: Json, qeIdentity: Json): TcbLevel {
  const report = quote.tee === 'tdx' ? quote.body : undefined
  const platform = platformLevel(tcbInfo, pck, report?.teeTcbSvn)
  const qe = qeLevel(qeIdentity, quote.tee, quote.qe)
  const module = report && moduleLevel(tcbInfo, report)
  return worstOf(module ? [platform, qe, module] : [platform, qe])
}

/** That a key is revoked does not wait for other documents. Throws `evidence.revoked`, and nothing for lists that do not hold. */
export function assertNotKnownRevoked(
  authentic: Authentic,
  item: EvidenceItem,
  at: Verification,
): void {
  const { pckCrl, rootCrl } = find(authentic, item, at)
  if (!pckCrl || !rootCrl) return
  try {
    checkRevocation(authentic.chain, { pckCrl, rootCrl }, at)
  } catch (error) {
    if (!(error instanceof Denial) || error.reason === 'evidence.revoked') throw error
  }
}

function find(
  { quote, pck, chain }: Authentic,
  { endorsements }: EvidenceItem,
  { collateral }: Verification,
): Partial<Found> {
  const ids = idsOf(quote.tee, pck.fmspc, chain)
  const sent = sentAlong(endorsements)
  const found = {
    tcb: signedResponse(collateral, ids.tcb, TCB_RESPONSE) ?? sent.tcb,
    qe: signedResponse(collateral, ids.qe, QE_RESPONSE) ?? sent.qe,
    pckCrl: crlResponse(collateral, ids.pckCrl) ?? sent.pckCrl,
    rootCrl: crlResponse(collateral, ids.rootCrl) ?? sent.rootCrl,
  }
  return found as Partial<Found>
}

function complete({ quote, pck, chain }: Authentic, found: Partial<Found>): Found {
  for (const name of ['tcb', 'qe', 'pckCrl', 'rootCrl'] as const)
    if (found[name] === undefined)
      throw new Denial('evidence.collateral_missing', idsOf(quote.tee, pck.fmspc, chain)[name])
  return found as Found
}

function used(
  kind: string,
  { inner }: SignedDocument,
  { nextUpdate, number }: Opened,
): Claims['collateral'][number] {
  return { kind, sha256: createHash('sha256').update(inner).digest('hex'), nextUpdate, number }
}
