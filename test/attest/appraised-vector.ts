// A row of a table of verdicts as a whole appraisal: its policy as text, read and compiled, and the request that asks about it.
import { readPolicy } from '../../src/app/attestation/policies.ts'
import type { AppraisalRequest } from '../../src/attest/appraisal/result.ts'
import { EVIDENCE_KINDS } from '../../src/attest/evidence/media.ts'
import type { AppraisalPolicy } from '../../src/attest/policy/policy.ts'
import { runOf, type Vector } from './vectors.ts'

/** Sections that list nothing, for documents that are refused before a policy is asked. */
const NOTHING: Readonly<Record<string, object>> = {
  tdx: { reference: { mrtd: [] } },
  sgx: { reference: { mrenclave: [] } },
  nitro: { reference: { pcr0: [] } },
  token: { issuers: [] },
  'aws-iid': { accounts: [] },
}

/** JSON is YAML. A policy that asks for nothing of what runs is refused when it is loaded: undefined. */
export function policyFor(
  { type, policy = {}, verdict }: Vector,
  changes: object = {},
): AppraisalPolicy | undefined {
  const { section } = EVIDENCE_KINDS[type]
  const written = JSON.parse(JSON.stringify(policy), (name, value) =>
    name === 'until' ? new Date(value).toISOString() : value,
  )
  const text = (of: object) => {
    const evidence = { require: { all_of: [type] }, [section]: { ...of, ...changes } }
    return readPolicy(JSON.stringify({ version: 1, id: 'vector', evidence }), 'policy.yaml').policy
  }
  return (
    text(written) ?? (verdict.startsWith('verify: ') ? text(NOTHING[section] ?? {}) : undefined)
  )
}

/** The document alone, as a command would look at it. */
export function requestFor(row: Vector, policy: AppraisalPolicy): AppraisalRequest {
  const { item, at } = runOf(row)
  const { expected, ...rest } = at
  return {
    ...rest,
    server: { id: 'files', transport: 'tls' },
    selection: { policy },
    evidence: [item],
    anchors: [],
    offline: true,
    ...(expected && { expected: { value: expected, covers: [] } }),
  }
}
