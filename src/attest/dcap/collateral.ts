// The four documents that a quote is judged by, found, opened and turned into one TCB level; missing, stale or foreign ones refuse it.
import { createHash } from 'node:crypto'
import { Denial } from '../denial.ts'
import type { Claims, EvidenceItem, EvidenceRoot, Verification } from '../evidence/evidence.ts'
import type { DcapQuote } from '../format/dcap-quote.ts'
import type { Pck } from '../format/pck.ts'
import type { PckChain } from './chain.ts'
import { type DcapIds, idsOf } from './needs.ts'
import { qeLevel } from './qe-identity.ts'
import { checkRevocation } from './revocation.ts'
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
  const { tcb, qe, pckCrl, rootCrl } = find(item, at, idsOf(quote.tee, pck.fmspc, chain))
  const signers: Signers = new Map()
  const signedAt = { now: at.now, skew: at.skew, root, anchor: chain[2], signers }
  const tcbInfo = openSigned(tcb, signedAt)
  const qeIdentity = openSigned(qe, signedAt)
  const crls = checkRevocation({ chain, signers, pckCrl, rootCrl }, at)
  assertTcbInfoIsOf(tcbInfo.json, quote.tee, pck)
  const levels = [
    platformLevel(tcbInfo.json, pck, quote.tee === 'tdx' ? quote.body.teeTcbSvn : undefined),
    qeLevel(qeIdentity.json, quote.tee, quote.qe),
  ]
  const module = quote.tee === 'tdx' ? moduleLevel(tcbInfo.json, quote.body) : undefined
  return {
    level: worstOf(module ? [...levels, module] : levels),
    used: [used('tcb-info', tcb, tcbInfo), used('qe-identity', qe, qeIdentity), ...crls],
  }
}

function find(item: EvidenceItem, at: Verification, ids: DcapIds): Found {
  const sent = sentAlong(item.endorsements)
  const found = {
    tcb: signedResponse(at.collateral, ids.tcb, TCB_RESPONSE) ?? sent.tcb,
    qe: signedResponse(at.collateral, ids.qe, QE_RESPONSE) ?? sent.qe,
    pckCrl: crlResponse(at.collateral, ids.pckCrl) ?? sent.pckCrl,
    rootCrl: crlResponse(at.collateral, ids.rootCrl) ?? sent.rootCrl,
  }
  for (const [name, document] of Object.entries(found))
    if (document === undefined)
      throw new Denial('evidence.collateral_missing', ids[name as keyof DcapIds])
  return found as Found
}

function used(
  kind: string,
  { inner }: SignedDocument,
  { nextUpdate, number }: Opened,
): Claims['collateral'][number] {
  return { kind, sha256: createHash('sha256').update(inner).digest('hex'), nextUpdate, number }
}
