// One full appraisal of every kind of evidence beside the signature checks in it, made by node:crypto with nothing around them (P27).
import { type Appraising, appraise } from '../../src/attest/appraisal/appraise.ts'
import { APPRAISING } from '../../src/attest/appraisal/appraising.ts'
import type { AppraisalRequest } from '../../src/attest/appraisal/result.ts'
import { type Document, documents } from '../attest/documents.ts'
import { recordChecks } from '../attest/signatures.ts'
import type { BenchmarkCase, Claim, Variant } from '../case.ts'
import { cpuTime } from '../cpu.ts'

/** Milliseconds of each variant. */
const WARM_UP = 1500
const bareOf = (name: string) => `${name}: signatures alone`

export async function openAttest(): Promise<BenchmarkCase> {
  const all = documents().map((document) => pairOf(document, APPRAISING))
  return {
    name: 'attest',
    title: 'Appraising evidence',
    unit: 'ns of CPU',
    notes: [
      'Genuine documents of others, accepted at their time. The appraisal is all that the thread does with a document once everything is there: the envelope parsed, chains, revocation, signatures, binding, the policy, the record of the result.',
      'The signatures alone are the calls of crypto.verify that one such appraisal made, over the same bytes, and making from DER each key that it made for them.',
      ...all.map(({ note }) => note),
    ],
    variants: all.flatMap(({ variants }) => variants),
    claims: all.map(({ claim }) => claim),
    counter: cpuTime,
    cell: 25,
    // much code runs once per document: it takes longer than a small loop until it is optimised, and compiling is CPU time, too
    async warmUp() {
      for (const { variants } of all)
        for (const { run } of variants)
          for (const until = performance.now() + WARM_UP; performance.now() < until; ) await run(10)
    },
  }
}

interface Pair {
  readonly variants: readonly Variant[]
  readonly claim: Claim
  readonly note: string
}

function pairOf({ name, request }: Document, using: Appraising): Pair {
  // what is made once and kept is made by the first, and recorded for none
  for (let i = 0; i < 2; i++) assertAccepted(name, request, using)
  const bare = recordChecks(() => assertAccepted(name, request, using))
  if (bare.checks === 0 || !bare.run()) throw new Error(`${name}: no signature that holds`)
  return {
    variants: [
      {
        name,
        ours: true,
        run: (times) => counted(name, times, () => appraise(request, using).decision === 'accept'),
      },
      { name: bareOf(name), run: (times) => counted(name, times, bare.run) },
    ],
    claim: { id: `P27 ${name}`, what: `appraising ${name} to its signatures alone`, variant: name, reference: bareOf(name), measure: 'ratio', unit: 'x', must: 2 }, // biome-ignore format: a row
    note: `${name}: ${bare.checks} signatures, ${bare.keys} keys.`,
  }
}

function counted(name: string, times: number, run: () => boolean): number {
  let held = 0
  for (let i = 0; i < times; i++) if (run()) held++
  if (held !== times) throw new Error(`${name}: ${times - held} of ${times} did not hold`)
  return held
}

function assertAccepted(name: string, request: AppraisalRequest, using: Appraising): void {
  const { decision, says } = appraise(request, using)
  if (decision !== 'accept') throw new Error(`${name}: ${says}`)
}
