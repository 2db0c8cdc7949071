// docs/attestation-reasons.md: the table of reasons with a runbook entry for each; a reason without one, or one without a reason, does not compile.
import { REASONS, type Reason, type ReasonSpec } from '../../src/attest/reasons.ts'
import { RUNBOOK } from './runbook.ts'

const INTRODUCTION = `# Reasons of attestation, and what to do

Made by \`npm run generate\` from the table of reasons and \`scripts/reference/runbook.ts\`; do not edit. [attestation.md](attestation.md) says how
attestation works.

Codes are public contract: never renamed, never given another meaning. The same code and the same sentence stand in the admission of a server
(\`portcullis server show NAME\`), in the audit (\`kind: attestation\`, member \`code\`), in \`details.reason\` of the violation \`ATTESTATION_DENIED\`,
in the label \`reason\` of \`portcullis_attestation_decisions_total\` and in what \`portcullis attest verify\` prints. Behind the sentence there may be a colon and the
detail: which certificate, register or member it is about. No nonce, token, id of a chip or other payload is in it.

**Refused** means that something was shown against the server: it is quarantined at once. **Passing** means that nothing was shown
against it: a server that was admitted goes on in \`grace\` until its result ends, a new one waits, and the gateway tries again by itself after 5 seconds, then
after longer, at most 15 minutes.

## Where to look first

1. \`portcullis server show NAME\`: the admission, and why in one sentence.
2. \`portcullis audit search --kind attestation --server NAME\`, or the records themselves: \`code\`, \`reason\`, and in \`details\` the policy with its digest, the connection, what
   is genuine in the evidence with all measurements, and how it differs from what was accepted before (\`drift\`).
3. \`portcullis server attest NAME\`: attests it now and says what came of it.
4. The evidence alone, on your desk: \`portcullis attest verify\`, with \`--at\` the time of the record.

`

/** Groups by the word before the point, in the order of the table. */
const TITLES: Readonly<Record<string, string>> = {
  tls: 'tls: who is at the other end',
  evidence: 'evidence: what it runs on, and what it runs',
  package: 'package: servers that are commands',
  policy: 'policy: what is asked',
  internal: 'internal: the gateway itself',
}

export function attestationReasonsReference(): string {
  const rows = Object.entries(REASONS) as [Reason, ReasonSpec][]
  const groups = Map.groupBy(rows, ([code]) => code.split('.', 1)[0] ?? '')
  const sections = [...groups].map(
    ([group, members]) => `## ${TITLES[group] ?? group}\n\n${members.map(entry).join('\n')}`,
  )
  return `${INTRODUCTION}${sections.join('\n')}`
}

function entry([code, { stage, says, next, transient }]: [Reason, ReasonSpec]): string {
  const { look, mend } = RUNBOOK[code]
  const kind = transient ? 'Passing' : 'Refused'
  return `### ${code}

${sentence(says)} *${kind}; stage \`${stage}\`.*

* **Look**: ${look}
* **Do**: ${next}. ${mend}
`
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
