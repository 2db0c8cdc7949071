// To whom a session, a task, a stream or a label belongs: an id alone may be somebody else's in another tenant.
import type { Principal } from '../../engine/context.ts'

/** The same for every request of one principal, and for nobody else. */
export function ownerKey({ kind, id, tenant }: Principal): string {
  return JSON.stringify(tenant === undefined ? [kind, id] : [kind, id, tenant])
}

export function isOwner(owner: Principal, principal: Principal): boolean {
  return (
    owner === principal ||
    (owner.id === principal.id &&
      owner.kind === principal.kind &&
      owner.tenant === principal.tenant)
  )
}
