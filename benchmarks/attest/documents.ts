// Genuine documents as a gateway has them before it: an envelope of a server, or what was seen of a connection; nothing is measured here.
import { readFileSync } from 'node:fs'
import { readPolicy } from '../../src/app/attestation/policies.ts'
import type { AppraisalRequest } from '../../src/attest/appraisal/result.ts'
import type { EvidenceItem } from '../../src/attest/evidence/evidence.ts'
import { EVIDENCE_KINDS } from '../../src/attest/evidence/media.ts'
import type { TlsPolicy } from '../../src/attest/tls/policy.ts'
import { tlsNeeds } from '../../src/attest/tls/tls.ts'
import { policyFor, requestFor } from '../../test/attest/appraised-vector.ts'
import { vector } from '../../test/attest/vectors.ts'

/** A name, and the row of test/fixtures/attestation/verdicts that it is: each is accepted there. */
const ROWS = [
  ['SEV-SNP, Milan', 'snp', 'a Milan report is accepted'],
  ['SEV-SNP, Genoa', 'snp', 'a Genoa report of version 5 is accepted'],
  ['SEV-SNP, VLEK', 'snp', 'a report by a VLEK is accepted where policy wants its key, provider and level'],
  ['TDX', 'tdx', 'a TDX quote of version 4 is UpToDate at its time, and accepted'],
  ['SGX', 'tdx', 'the same enclave is accepted where status and both advisories are tolerated'],
  ['Nitro', 'nitro', 'a document of a production enclave is accepted'],
  ['TPM quote', 'tpm', 'the quote of CoCo is accepted where its key is enrolled'],
  ['Azure vTPM and SEV-SNP', 'azure', 'a confidential machine in Azure is accepted: quote, key, report, VCEK, ARK'],
  ['Confidential Space', 'tokens', 'a token of Confidential Space is accepted'],
] as const // biome-ignore format: a table

export const PATH_AND_LISTS = 'X.509 path with CRLs'

export interface Document {
  readonly name: string
  readonly request: AppraisalRequest
}

/** One of each kind. */
export function documents(): readonly Document[] {
  const evidence = ROWS.map(([name, family, row]) => ({ name, request: requestOf(family, row) }))
  return [...evidence, { name: PATH_AND_LISTS, request: requestOfPath() }]
}

function requestOf(family: string, name: string): AppraisalRequest {
  const row = vector(family, name)
  const policy = policyFor(row)
  if (policy === undefined) throw new Error(`${name}: its policy does not load`)
  const request = requestFor(row, policy)
  return { ...request, evidence: envelopeOf(request.evidence as readonly EvidenceItem[]) }
}

/** As it comes in the body of an answer. */
function envelopeOf(items: readonly EvidenceItem[]): Uint8Array {
  const evidence = items.map(({ type, bytes, endorsements }) => ({
    cmw: [EVIDENCE_KINDS[type].media, Buffer.from(bytes).toString('base64url')],
    endorsements,
  }))
  const whole = { v: 1, challenge_id: 'a', server_id: 'files', binding: ['spki'], evidence }
  return Buffer.from(JSON.stringify(whole))
}

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../test/fixtures/attestation/x509-revocation/${name}`, import.meta.url))
const LISTS = ['rootca3.crl', 'e2m03.crl']
const SITE = 'valid.rootca3.demo.amazontrust.com'

/** A site of a public authority, with the lists of all its certificates. */
function requestOfPath(): AppraisalRequest {
  const now = Date.parse('2025-02-24T00:00:00Z')
  const tls = { anchors: ['amazon'], identity: { any_of: [{ dns: SITE }] }, revocation: { sources: ['crl'] } } // biome-ignore format: a row
  const { policy } = readPolicy(JSON.stringify({ version: 1, id: 'path', tls }), 'policy.yaml')
  if (policy === undefined) throw new Error('the policy of the path does not load')
  const connection = {
    chain: [fixture(`${SITE}.cer`), fixture('e2m03.cer')],
    protocol: 'TLSv1.3',
    authorized: true,
  }
  const anchors = [{ name: 'amazon', der: fixture('AmazonRootCA3.cer') }]
  const section = policy.tls as TlsPolicy
  const needs = tlsNeeds({ connection, policy: section, anchors, now, collateral: new Map() })
  const lists = needs.map(({ id, urls: [url = ''] }) => {
    const bytes = fixture(LISTS.find((name) => url.endsWith(name)) as string)
    return [id, { bytes, receivedAt: now }] as const
  })
  return {
    now,
    skew: 60_000,
    server: { id: 'files', transport: 'tls' },
    selection: { policy },
    connection,
    anchors,
    roots: {},
    collateral: new Map(lists),
  }
}
