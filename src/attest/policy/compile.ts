// From a policy that fits the schema to the one that appraisal uses, or to what is wrong with it; it reads no file.
import type { Resolved } from '../../config/schema/resolved.ts'
import type { EvidenceType } from '../evidence/evidence.ts'
import { EVIDENCE_KINDS } from '../evidence/media.ts'
import type { AppraisalPolicy, EvidencePolicy, ReferenceValue, Requirement } from './policy.ts'
import {
  allowList,
  dateIn,
  type KnownReference,
  type PolicyProblem,
  type Resolving,
  resolveSection,
} from './reference.ts'
import type { POLICY_BASE } from './schema.ts'

/** A policy after the schema put defaults in place and durations became milliseconds. */
export type PolicyFile = Resolved<typeof POLICY_BASE> & { readonly tls?: unknown }

type EvidenceSection = NonNullable<PolicyFile['evidence']>
interface Demands {
  readonly any_of?: readonly EvidenceType[]
  readonly all_of?: readonly EvidenceType[]
}
const COMMON = ['require', 'freshness', 'binding', 'builds']

export interface Compiled {
  readonly policy: AppraisalPolicy
  /** Not empty: the policy must not be used. */
  readonly problems: readonly PolicyProblem[]
}

/** `sha256`: hex, of the file as it stands. */
export function compilePolicy(file: PolicyFile, sha256: string): Compiled {
  const problems: PolicyProblem[] = []
  const { known, references } = referencesOf(file, problems)
  const at: Resolving = { known, problems }
  const { evidence, result } = file
  if (file.package !== undefined && (file.tls !== undefined || asksEvidence(evidence)))
    problems.push({
      path: ['package'],
      message:
        'package: a command has no TLS and no evidence; write one policy for commands and one for servers of the network',
    })
  if (file.tls === undefined && !asksEvidence(evidence) && file.package === undefined)
    problems.push({
      path: [],
      message: 'the policy asks for nothing: neither tls, evidence nor package',
    })
  if (result.reattest.interval >= result.ttl)
    problems.push({
      path: ['result', 'reattest', 'interval'],
      message:
        'result.reattest.interval: must be shorter than result.ttl, or every result ends before the next',
    })
  const policy: AppraisalPolicy = {
    id: file.id,
    sha256,
    mode: file.mode,
    appliesTo: file.applies_to,
    tls: file.tls === undefined ? undefined : resolveSection(file.tls, ['tls'], at),
    evidence: evidence && evidencePolicy(evidence, at),
    package: file.package && {
      command: allowList(file.package.reference.command, ['package', 'reference', 'command'], at),
      files: allowList(file.package.reference.files, ['package', 'reference', 'files'], at),
    },
    references,
    result: {
      ttl: result.ttl,
      interval: result.reattest.interval,
      jitter: Number.parseInt(result.reattest.jitter, 10) / 100,
      on: result.reattest.on,
    },
  }
  return { policy, problems }
}

function asksEvidence(evidence: EvidenceSection | undefined): boolean {
  return evidence !== undefined && evidence.require !== 'none'
}

function referencesOf(file: PolicyFile, problems: PolicyProblem[]) {
  const known = new Map<string, KnownReference>()
  const references: Record<string, ReferenceValue> = {}
  const at: Resolving = { known, problems }
  for (const [id, value] of Object.entries(file.reference_values)) {
    const end = value.not_after
    const notAfter =
      end === undefined ? undefined : dateIn(end, 'end', ['reference_values', id, 'not_after'], at)
    known.set(id, { values: value.values, notAfter })
    references[id] = {
      ...(value.image_digest === undefined ? {} : { imageDigest: value.image_digest }),
      ...(value.kernel === undefined ? {} : { kernel: value.kernel }),
      ...(value.firmware === undefined ? {} : { firmware: value.firmware }),
      ...(notAfter === undefined ? {} : { notAfter }),
    }
  }
  return { known, references }
}

function evidencePolicy(section: EvidenceSection, at: Resolving): EvidencePolicy {
  const { freshness, binding, builds } = section
  const require = requirementsOf(section.require)
  const given = Object.entries(section).filter(([name]) => !COMMON.includes(name))
  checkSections(require, new Set(given.map(([name]) => name)), at.problems)
  return {
    require,
    challengeTtl: freshness.challenge_ttl,
    maxEvidenceAge: freshness.max_evidence_age,
    binding,
    builds: builds && {
      ...(builds.image_digests === undefined ? {} : { imageDigests: builds.image_digests }),
      ...(builds.kernel === undefined ? {} : { kernel: builds.kernel }),
      ...(builds.firmware === undefined ? {} : { firmware: builds.firmware }),
    },
    sections: Object.fromEntries(
      given.map(([name, value]) => [name, resolveSection(value, ['evidence', name], at)]),
    ),
  }
}

// text or mapping: the schema has seen to it, and types do not follow a choice of types
function requirementsOf(given: unknown): readonly Requirement[] {
  if (given === 'none') return []
  const { any_of: anyOf, all_of: allOf = [] } = given as Demands
  const each = allOf.map((type) => ({ anyOf: [type] }))
  return anyOf ? [...each, { anyOf }] : each
}

// what is asked for without a word on how it is judged is a slip; a section that nothing asks for says how to judge what is there anyway
function checkSections(
  require: readonly Requirement[],
  given: ReadonlySet<string>,
  problems: PolicyProblem[],
): void {
  const named = new Set(require.flatMap(({ anyOf }) => anyOf))
  const used = new Set([...named].map((type) => EVIDENCE_KINDS[type].section))
  const path = ['evidence', 'require']
  for (const section of used)
    if (!given.has(section))
      problems.push({
        path,
        message: `evidence.${section} is missing, and evidence.require names it`,
      })
  for (const { anyOf } of require)
    if (new Set(anyOf.map((type) => EVIDENCE_KINDS[type].attests)).size > 1)
      problems.push({
        path,
        message:
          'evidence.require.any_of: a document of identity cannot stand for evidence of a platform',
      })
}
