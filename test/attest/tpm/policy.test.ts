// Sections of policy files about TPMs: what is written there is what quotes are appraised by, and what is left out denies.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readPolicy } from '../../../src/app/attestation/policies.ts'
import { VERIFIERS } from '../../../src/attest/evidence/table.ts'
import type { TpmPolicy } from '../../../src/attest/tpm/policy.ts'
import { tpm } from '../../../src/attest/tpm/tpm.ts'
import { root } from '../../support/paths.ts'
import { denialOf } from '../denials.ts'
import { NOW, verification } from '../synthetic/tpm.ts'
import { outcomeOf, readFixture, runOf, vector } from '../vectors.ts'

const EXAMPLE = readFileSync(join(root, 'examples/attested-server/policy.yaml'), 'utf8')
const quote = {
  type: 'tpm',
  bytes: readFixture('tpm-software/ecdsa.json'),
  endorsements: {},
} as const
const claims = tpm.verify(quote, verification())

function sectionOf(text: string, name: string): never {
  const { policy, problems } = readPolicy(text, 'policy.yaml')
  expect(problems).toEqual([])
  return policy?.evidence?.sections[name] as never
}
const problemsOf = (text: string) =>
  readPolicy(text, 'policy.yaml').problems.map(({ message }) => message)

describe('the policy of the attested server', () => {
  it('accepts its quote once its key is enrolled', () => {
    const enrolled = EXAMPLE.replace(
      /(enrolled: \["sha256:)0{64}/,
      `$1${claims.flags.ak_public_sha256}`,
    )
    const { matched } = tpm.appraise(claims, sectionOf(enrolled, 'tpm'), { now: NOW })
    expect(matched).toEqual([
      `sha256:${'0'.repeat(64)}`,
      'sha256:debb3e7acfff6dd18d501042273629f0b79cb206bb8c24f59f62ddb80849403b',
      `enrolled:sha256:${claims.flags.ak_public_sha256}`,
    ])
  })

  it('as it stands enrols no key', () => {
    expect(denialOf(() => tpm.appraise(claims, sectionOf(EXAMPLE, 'tpm'), { now: NOW }))).toBe(
      'evidence.ak_untrusted: ak_trust: enrolled',
    )
  })
})

const policyWith = (section: string) => `version: 1
id: tpm
evidence:
  require: { all_of: [tpm] }
  tpm: ${section}
`

describe('a section tpm', () => {
  it('that says no more than it must asks for log and secure boot, and trusts nobody', () => {
    const section: TpmPolicy = sectionOf(
      policyWith('{ ak_trust: [ak-cert], reference: { pcrs: { "7": [] } } }'),
      'tpm',
    )
    expect(section).toEqual({
      ak_trust: ['ak-cert'],
      ak_anchors: [],
      enrolled: [],
      revocation: 'require',
      banks: ['sha256'],
      reference: { pcrs: { 7: {} } },
      event_log: 'require',
      secure_boot: 'require',
    })
  })

  it.each([
    ['without who vouches', '{ reference: { pcrs: {} } }'],
    ['where nobody may vouch', '{ ak_trust: [], reference: { pcrs: {} } }'],
    ['without registers', '{ ak_trust: [enrolled] }'],
    ['with a register that is not there', '{ ak_trust: [enrolled], reference: { pcrs: { "24": [] } } }'],
    ['with a bank of SHA-1', '{ ak_trust: [enrolled], banks: [sha1], reference: { pcrs: {} } }'],
    ['with a key of another digest', '{ ak_trust: [enrolled], enrolled: ["sha1:00"], reference: { pcrs: {} } }'],
    ['with a word more', '{ ak_trust: [enrolled], reference: { pcrs: {} }, debug: true }'],
  ])('%s is no section', (_what, section) => {
    expect(problemsOf(policyWith(section))).not.toEqual([])
  }) // biome-ignore format: rows
})

it('a section azure-snp-vtpm has hardware and registers, each with its defaults', () => {
  const run = runOf(
    vector('azure', 'a confidential machine in Azure is accepted: quote, key, report, VCEK, ARK'),
  )
  const { measurements } = VERIFIERS['azure-snp-vtpm']?.verify(run.item, run.at) ?? claims
  const section = sectionOf(
    `version: 1
id: azure
evidence:
  require: { all_of: [azure-snp-vtpm] }
  azure-snp-vtpm:
    hardware:
      products: [Milan]
      revocation: prefer
      min_tcb: { Milan: { bl: 4, tee: 0, snp: 24, ucode: 219 } }
      reference: { measurement: ["rv:paravisor"] }
    registers:
      event_log: prefer
      reference: { pcrs: { "4": ["rv:boot"] } }
reference_values:
  "rv:paravisor": { values: ["${measurements.measurement}"] }
  "rv:boot": { values: ["${measurements['sha256.pcr4']}"] }
`,
    'azure-snp-vtpm',
  )
  expect(outcomeOf({ ...run, policy: section }).verdict).toBe('accept')
})
