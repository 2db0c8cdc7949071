// QE Identity of Intel's PCS v4: whether the enclave that made the attestation key is Intel's, and which level it is at.

import type { SgxReport } from '../dcap/quote.ts'
import { Denial } from '../denial.ts'
import { equalBytes } from '../format/der.ts'
import { hexBytesOf, invalid, type Json, wholeOf } from './fields.ts'
import type { TcbLevel } from './status.ts'
import { equalMasked, isvLevel } from './tcb-info.ts'

const IDS = { sgx: 'QE', tdx: 'TD_QE' } as const

/** Throws `evidence.platform_software` for another enclave, `evidence.collateral_invalid` for the identity of another kind. */
export function qeLevel(identity: Json, tee: 'sgx' | 'tdx', qe: SgxReport): TcbLevel {
  if (identity.id !== IDS[tee] || identity.version !== 2)
    throw invalid(`QE identity: not of ${IDS[tee]}, version 2`)
  const other = (what: string): Denial =>
    new Denial('evidence.platform_software', `quoting enclave: ${what}`)
  if (!equalBytes(hexBytesOf(identity.mrsigner, 32, 'QE mrsigner'), qe.mrSigner))
    throw other('MRSIGNER')
  if (wholeOf(identity.isvprodid, 'QE isvprodid') !== qe.isvProdId) throw other('ISVPRODID')
  if (!isMasked(identity, 'miscselect', qe.miscSelect)) throw other('MISCSELECT')
  if (!isMasked(identity, 'attributes', qe.attributes)) throw other('ATTRIBUTES')
  return isvLevel(identity.tcbLevels, qe.isvSvn, 'QE level')
}

function isMasked(identity: Json, name: 'miscselect' | 'attributes', value: Uint8Array): boolean {
  const wanted = hexBytesOf(identity[name], value.length, `QE ${name}`)
  return equalMasked(
    value,
    wanted,
    hexBytesOf(identity[`${name}Mask`], value.length, `QE ${name}Mask`),
  )
}
