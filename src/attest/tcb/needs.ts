// Which documents of Intel's provisioning service (PCS API v4, or a PCCS) a quote needs, and where they may be had; it believes nothing.
import { hash } from 'node:crypto'
import type { CollateralNeed } from '../collateral.ts'
import { pckChainOf } from '../dcap/chain.ts'
import { readPck } from '../dcap/pck.ts'
import { parseQuote } from '../dcap/quote.ts'
import { Denial } from '../denial.ts'
import type { EvidenceItem } from '../evidence/evidence.ts'
import type { Certificate } from '../format/certificate.ts'
import { latin1 } from '../format/der.ts'
import { sentAlong } from './sent.ts'

/** Ids under which collateral of a quote is handed in. */
export interface DcapIds {
  readonly tcb: string
  readonly qe: string
  readonly pckCrl: string
  readonly rootCrl: string
}

export interface PcsOptions {
  /** Of a PCCS, such as `https://pccs.example.com:8081`; Intel's own service without it. */
  readonly pcs?: string
}

const PCS = 'https://api.trustedservices.intel.com'
const ROOT_CRL = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der'

/** By what the PCK certificate and its issuer say. */
export function idsOf(tee: 'sgx' | 'tdx', fmspc: string, chain: readonly Certificate[]): DcapIds {
  const [leaf, issuer] = chain as readonly [Certificate, Certificate]
  return {
    tcb: `${tee}-tcb:${fmspc}`,
    qe: `${tee}-qe`,
    pckCrl: crlId(leaf.issuer),
    rootCrl: crlId(issuer.issuer),
  }
}

/** All four; what was sent with the quote is not required from elsewhere. */
export function dcapNeeds(
  tee: 'sgx' | 'tdx',
  item: EvidenceItem,
  { pcs = PCS }: PcsOptions = {},
): readonly CollateralNeed[] {
  const quote = parseQuote(item.bytes, { trimTrailing: true })
  const chain = pckChainOf(quote)
  const { fmspc } = readPck(chain[0])
  const ids = idsOf(tee, fmspc, chain)
  const sent = sentAlong(item.endorsements)
  const base = `${pcs.replace(/\/+$/, '')}/${tee}/certification/v4`
  const sgx = `${pcs.replace(/\/+$/, '')}/sgx/certification/v4`
  const ca = issuingCa(chain[0].issuer)
  return [
    { id: ids.tcb, kind: 'tdx-tcb', urls: [`${base}/tcb?fmspc=${fmspc}`], required: !sent.tcb },
    { id: ids.qe, kind: 'tdx-qe', urls: [`${base}/qe/identity`], required: !sent.qe },
    {
      id: ids.pckCrl,
      kind: 'crl',
      urls: [`${sgx}/pckcrl?ca=${ca}&encoding=der`],
      required: !sent.pckCrl,
    },
    {
      id: ids.rootCrl,
      kind: 'crl',
      urls: pcs === PCS ? [ROOT_CRL] : [`${sgx}/rootcacrl`, ROOT_CRL],
      required: !sent.rootCrl,
    },
  ]
}

function crlId(issuer: Uint8Array): string {
  return `crl:${hash('sha256', issuer)}`
}

function issuingCa(issuer: Uint8Array): 'platform' | 'processor' {
  const name = latin1(issuer)
  if (name.includes('Intel SGX PCK Platform CA')) return 'platform'
  if (name.includes('Intel SGX PCK Processor CA')) return 'processor'
  throw new Denial('evidence.chain', 'the PCK certificate is of neither platform nor processor CA')
}
