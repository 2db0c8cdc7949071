// The one decision about an operation on an entity: what it is about, and what is there for the caller at all; the rules are elsewhere.
import type { Principal } from '../engine/context.ts'
import type { Decision, Target } from '../identity/access.ts'
import type { Kind, Right } from '../identity/rights.ts'
import type { Asker, RegistryDeps } from './parts.ts'

export function targetOf(kind: Kind, tenant: string | undefined, name?: string): Target {
  return { kind: 'entity', entity: kind, tenant, ...(name === undefined ? {} : { name }) }
}

export interface Wanted {
  readonly kind: Kind
  readonly id: string
  /** What is there, whoever's it is. */
  readonly known: { readonly tenant: string | undefined } | undefined
  readonly right: Right
}

/**
 * One check, whatever comes of it. What the rules keep from the caller is as if it were not: it is decided about as something of his
 * own that is not there, and `unknown` is the answer where that would be allowed.
 */
export async function decideOnce(
  { kind, id, known, right }: Wanted,
  by: Asker,
  deps: RegistryDeps,
): Promise<Decision | 'unknown'> {
  const { principal } = by
  const reaches = (owner: string | undefined): boolean =>
    owner === principal.tenant ||
    (isWithin(owner, principal) && deps.rules(principal, right, targetOf(kind, owner, id)).allowed)
  const isThere = known !== undefined && reaches(known.tenant)
  const tenant = isThere ? known.tenant : principal.tenant
  const decision = await deps.authorize(by, right, targetOf(kind, tenant, id))
  return decision.allowed && !isThere ? 'unknown' : decision
}

/** A tenant reaches its own, and what is of no tenant; never another's, whatever its roles say. */
function isWithin(tenant: string | undefined, { tenant: own }: Principal): boolean {
  return own === undefined || tenant === undefined || tenant === own
}
