// docs/appraisal-policy.md from the schema of appraisal policies; the sections say it, this only lays it out.
import { policyFileSchema } from '../../src/app/attestation/policies.ts'
import type { Schema } from '../../src/config/schema/schema.ts'
import { keysOf } from './config.ts'

const INTRODUCTION = `# Keys of an appraisal policy

Made by \`npm run generate\` from the sections beside the verifiers; do not edit. \`portcullis attest policy check FILE\` says what is wrong with a
policy, with file, line and column.

* An unknown key is an error. What is left out has the default here; what has none is not asked for, except where it says otherwise.
* An empty list matches nothing, never anything.
* Entries of lists below \`reference\` are ids of \`reference_values\` (\`rv:...\`) or digests such as \`sha384:...\` in lower case hex.
* What is tolerated has an end. A day is meant whole, in UTC: \`until: 2027-01-31\` ends with that day.
* Nothing is included or substituted in a policy: the SHA-256 of the file is the one that results name.
* \`*\` in a key stands for a name of your own.
`

/** One table per section, and one per kind of evidence. */
export function appraisalPolicyReference(): string {
  const { schema } = policyFileSchema()
  const parts = Object.entries(schema.properties ?? {}).flatMap(([name, section]) =>
    name === 'evidence' ? ofEvidence(section) : [`## ${name}\n\n${keysOf(section, name)}`],
  )
  return `${INTRODUCTION}\n${parts.join('\n')}`
}

const COMMON = ['require', 'freshness', 'binding', 'builds']

function ofEvidence(section: Schema): string[] {
  const all = Object.entries(section.properties ?? {})
  const common = Object.fromEntries(all.filter(([name]) => COMMON.includes(name)))
  return [
    `## evidence\n\n${keysOf({ ...section, properties: common }, 'evidence')}`,
    ...all
      .filter(([name]) => !COMMON.includes(name))
      .map(([name, kind]) => `## evidence.${name}\n\n${keysOf(kind, `evidence.${name}`)}`),
  ]
}
