// What has to be given back over the connection of a challenge before an appraisal can be made; it sends nothing and judges nothing.
import { Denial } from '../denial.ts'
import type { Activation } from '../evidence/evidence.ts'
import {
  type Appraising,
  itemsOf,
  judgedItems,
  refusalOf,
  sectionOf,
  verifierOf,
} from './appraise.ts'
import type { AppraisalRequest } from './result.ts'
import type { Refusal } from './settle.ts'

export type Activations =
  | { readonly activations: readonly Activation[] }
  | { readonly refusal: Refusal }

/** Of one challenge: the request does not say which of several keys is meant. */
const MOST = 1

/** Never throws. A refusal is what the appraisal will say too. What is random in it is new each time. */
export function activationsOf(request: AppraisalRequest, using: Appraising): Activations {
  try {
    const { selection, now, roots, expected } = request
    const { evidence } = ('policy' in selection && selection.policy) || {}
    const found = new Map<string, Activation>()
    if (!evidence) return { activations: [] }
    const at = { expected: expected?.value, roots, random: using.random }
    for (const item of judgedItems(itemsOf(request).items, evidence).judged) {
      const section = sectionOf(evidence, item, now)
      const made = verifierOf(using.verifiers, item).activation?.(item, section, at)
      if (made) found.set(made.id, made)
      if (found.size > MOST) throw new Denial('evidence.too_large', 'more than one key to activate')
    }
    return { activations: [...found.values()] }
  } catch (error) {
    return { refusal: refusalOf(error) }
  }
}
