// The connection of a challenge as a record, and what a check of it gives; the rules of chains are in path/.
import type { CollateralNeed } from './collateral.ts'
import { Denial } from './denial.ts'
import type { TrustVector } from './evidence/evidence.ts'
import { Certificate } from './format/certificate.ts'
import type { AppraisalRequest, Connection, TlsRecord } from './result.ts'

export interface TlsVerdict {
  readonly record: TlsRecord
  /** Milliseconds since the epoch: ends of certificates and of what says that they are not revoked. */
  readonly ends: readonly number[]
  readonly trust: TrustVector
}

/** `policy`: the section `tls`; undefined: the chain is not judged. Throws Denial. */
export type CheckTls = (
  connection: Connection,
  policy: unknown,
  request: AppraisalRequest,
) => TlsVerdict

/** What must be fetched before the check: revocation. Throws Denial. */
export type NeedsOfTls = (
  connection: Connection,
  policy: unknown,
  request: AppraisalRequest,
) => readonly CollateralNeed[]

/** What is read off the leaf, judged or not: its key is what later connections are held to. */
export function recordOf(connection: Connection): TlsRecord {
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
