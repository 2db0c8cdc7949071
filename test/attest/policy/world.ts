// Policies as people write them, read as the gateway reads them; literal measurements of the TDX quote of the fixtures.
import { readPolicy } from '../../../src/app/attestation/policies.ts'
import type { AppraisalPolicy } from '../../../src/attest/policy/policy.ts'
import { formatProblem } from '../../../src/config/problem.ts'

export const MRTD =
  'sha384:91eb2b44d141d4ece09f0c75c2c53d247a3c68edd7fafe8a3520c942a604a407de03ae6dc5f87f27428b2538873118b7'
export const RTMR1 =
  'sha384:0084452c01668329d4bc06acdf58a7205c26743304509973949e5619bf81a6a7aea8c323c173019b3093d54e579e9378'
export const IMAGE = `sha256:${'1a'.repeat(32)}`

/** A policy that fits; anything wrong with it fails the test. */
export function policyOf(text: string): AppraisalPolicy {
  const { policy, problems } = readPolicy(text, 'policy.yaml')
  if (policy === undefined) throw new Error(problems.map((one) => formatProblem(one)).join('\n'))
  return policy
}

/** What is wrong with a policy, as it is shown. */
export function problemsOf(text: string, anchors?: readonly string[]): readonly string[] {
  const { problems } = readPolicy(text, 'policy.yaml', anchors && new Set(anchors))
  return problems.map((problem) => formatProblem(problem))
}

/** A policy of evidence; `evidence` and `rest` are lines, indented as they stand. */
export function tdxPolicy(
  options: { evidence?: string; tdx?: string; rest?: string } = {},
): string {
  const { evidence = '  require: { all_of: [tdx] }', tdx = `{ reference: { mrtd: [rv:td] } }` } =
    options
  return `version: 1
id: confidential
evidence:
${evidence}
  tdx: ${tdx}
reference_values:
  rv:td:
    values: ["${MRTD}"]
    image_digest: "${IMAGE}"
    kernel: 6.12.9
    firmware: 2024.11.0
    not_after: 2025-06-30
${options.rest ?? ''}`
}
