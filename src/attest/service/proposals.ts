// Positive results of servers that are about to be written, kept for the admission that follows the write; it judges nothing.
import type { Clock } from '../../base/clock.ts'
import type { Selection } from '../policy/select.ts'
import type { AttestedServer } from './server.ts'
import type { Attested } from './service.ts'
import { targetSha256 } from './target.ts'

export interface Proposal {
  readonly attested: Attested
  /** Of what was remembered of the server then. */
  readonly version: number
}

export interface Proposals {
  keep(server: AttestedServer, attested: Attested, version: number): void
  /** Once, and only for the very server that was proposed, under the policy that judged it. */
  take(server: AttestedServer, selection: Selection): Proposal | undefined
}

/** A write that takes longer is attested again. */
const KEPT_MS = 60_000
const MOST = 256

export function createProposals(clock: Pick<Clock, 'now'>): Proposals {
  const kept = new Map<string, Proposal & { readonly of: string; readonly until: number }>()
  return {
    keep(server, attested, version) {
      kept.delete(server.name)
      kept.set(server.name, {
        attested,
        version,
        of: textOf(server, attested.result.policySha256),
        until: clock.now() + KEPT_MS,
      })
      for (const name of kept.keys()) {
        if (kept.size <= MOST) break
        kept.delete(name)
      }
    },
    take(server, selection) {
      const found = kept.get(server.name)
      kept.delete(server.name)
      const sha256 = 'policy' in selection ? selection.policy?.sha256 : undefined
      if (!found || found.until <= clock.now() || found.of !== textOf(server, sha256))
        return undefined
      return found
    },
  }
}

function textOf(server: AttestedServer, sha256?: string) {
  return JSON.stringify([targetSha256(server), server.policy, sha256])
}
