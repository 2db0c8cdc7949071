// Which policy is for a server: the one it names, or the one whose `applies_to` has it; it appraises nothing.
import type { Reason } from '../reasons.ts'
import type { AppraisalPolicy } from './policy.ts'

export interface PolicySubject {
  /** Everything it is known by: its name, its SPIFFE ID. */
  readonly names: readonly string[]
  readonly tags: readonly string[]
  /** `servers[].attestation`. */
  readonly policy?: string | undefined
}

/** `policy` undefined and no reason: nothing is asked of this server. */
export type Selection =
  | { readonly policy: AppraisalPolicy | undefined }
  | { readonly reason: Extract<Reason, 'policy.none' | 'policy.error'>; readonly detail?: string }

/** A name beats `applies_to`. Two policies that both apply are no policy: which one was meant, nobody can say. */
export function selectPolicy(
  policies: readonly AppraisalPolicy[],
  subject: PolicySubject,
  require: 'all' | 'matched',
): Selection {
  if (subject.policy !== undefined) {
    const policy = policies.find(({ id }) => id === subject.policy)
    return policy ? { policy } : { reason: 'policy.error', detail: `no policy ${subject.policy}` }
  }
  const [first, second] = policies.filter((policy) => isFor(policy, subject))
  if (first && second)
    return {
      reason: 'policy.error',
      detail: `${first.id} and ${second.id} both apply; name one in servers[].attestation`,
    }
  return first || require === 'matched' ? { policy: first } : { reason: 'policy.none' }
}

function isFor({ appliesTo }: AppraisalPolicy, { names, tags }: PolicySubject): boolean {
  if (appliesTo === undefined) return false
  const { servers, tags: wanted } = appliesTo
  if (servers === undefined && wanted === undefined) return false
  const named = servers?.some((glob) => names.some((name) => matchesGlob(glob, name))) ?? true
  return named && (wanted?.some((tag) => tags.includes(tag)) ?? true)
}

/** A `*` stands for any text without a slash, `**` for any text. Time is at most the product of the two lengths. */
export function matchesGlob(glob: string, text: string): boolean {
  // places in the text that the glob so far may have led to
  let reached = new Set([0])
  for (const part of glob.split(/(\*\*|\*)/)) {
    const next = new Set<number>()
    if (part === '*' || part === '**') {
      for (const from of reached)
        for (let at = from; at <= text.length && !next.has(at); at++) {
          next.add(at)
          if (part === '*' && text[at] === '/') break
        }
    } else {
      for (const from of reached) if (text.startsWith(part, from)) next.add(from + part.length)
    }
    reached = next
  }
  return reached.has(text.length)
}
