// What has to be fetched before an appraisal can be made; it fetches nothing and judges nothing.

import type { CollateralNeed } from '../collateral.ts'
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
import { needsOfTls } from './tls.ts'

export type Needs = { readonly needs: readonly CollateralNeed[] } | { readonly refusal: Refusal }

/** Never throws. A refusal is what the appraisal will say too. */
export function needsOf(request: AppraisalRequest, using: Appraising): Needs {
  try {
    const { selection, now } = request
    const policy = 'policy' in selection ? selection.policy : undefined
    const found = new Map<string, CollateralNeed>()
    const add = (needs: readonly CollateralNeed[] = []) => {
      for (const need of needs) if (!found.get(need.id)?.required) found.set(need.id, need)
    }
    if (policy?.tls !== undefined && request.connection)
      add(needsOfTls(request.connection, policy.tls, request))
    if (policy?.evidence)
      for (const item of judgedItems(itemsOf(request).items, policy.evidence).judged)
        add(
          verifierOf(using.verifiers, item).needs?.(
            item,
            sectionOf(policy.evidence, item, now),
            request,
          ),
        )
    return { needs: [...found.values()] }
  } catch (error) {
    return { refusal: refusalOf(error) }
  }
}
