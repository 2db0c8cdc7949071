// The check of a connection as an appraisal asks for it: by the section tls of the policy, or only read off where there is none.
import type { CollateralNeed } from '../collateral.ts'
import { Denial } from '../denial.ts'
import { Certificate } from '../format/certificate.ts'
import type { Numbers } from '../path/numbers.ts'
import { isSpiffeId } from '../spiffe/id.ts'
import type { TlsPolicy } from '../tls/policy.ts'
import { checkTlsIdentity, type TlsIdentity, type TlsQuestion, tlsNeeds } from '../tls/tls.ts'
import type { AppraisalRequest, Connection, TlsRecord } from './result.ts'

export interface TlsVerdict extends Omit<TlsIdentity, 'claims'> {
  readonly record: TlsRecord
}

/** `policy`: the section `tls`; undefined: the chain is not judged. Throws Denial. */
export function checkTls(
  connection: Connection,
  policy: unknown,
  request: AppraisalRequest,
  note?: Numbers['note'],
): TlsVerdict {
  if (policy === undefined) return { record: recordOf(connection), ends: [], trust: {} }
  const { claims, ...rest } = checkTlsIdentity({
    ...questionOf(connection, policy, request),
    ...(note && { note }),
  })
  return { ...rest, record: claims }
}

/** What must be fetched before the check. Throws Denial. */
export function needsOfTls(
  connection: Connection,
  policy: unknown,
  request: AppraisalRequest,
): readonly CollateralNeed[] {
  return tlsNeeds(questionOf(connection, policy, request))
}

function questionOf(
  connection: Connection,
  policy: unknown,
  { anchors, now, collateral, seen, server: { id } }: AppraisalRequest,
): TlsQuestion {
  // it fitted its schema when it was loaded
  const section = policy as TlsPolicy
  return {
    connection,
    policy: section,
    anchors,
    now,
    collateral,
    ...(isSpiffeId(id) && { spiffeId: id }),
    ...(seen && { seen }),
  }
}

/** What is read off the leaf, judged or not: its key is what later connections are held to. */
function recordOf(connection: Connection): TlsRecord {
  const [leaf] = connection.chain
  if (leaf === undefined) throw new Denial('tls.unavailable', 'no certificate')
  const certificate = parsed(leaf)
  return {
    leafSha256: certificate.sha256,
    spkiSha256: certificate.spkiSha256,
    serial: certificate.serialHex,
    notAfter: certificate.notAfter,
    protocol: connection.protocol,
  }
}

function parsed(leaf: Uint8Array): Certificate {
  try {
    return Certificate.parse(leaf)
  } catch (error) {
    if (error instanceof Denial) throw new Denial('tls.chain', error.detail)
    throw error
  }
}
