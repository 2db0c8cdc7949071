// Who has which role, as grants say it: looked through, given and taken; a role that comes with a key or a token is not here.
import type { JsonObject } from '../../base/json.ts'
import type { Client, Seen, Written } from './client.ts'
import type { Entity } from './entity.ts'

interface Asked {
  readonly role: string
  readonly principal: string
  readonly dryRun?: boolean | undefined
}

export async function grantsOf(client: Client, role: string): Promise<readonly Entity[]> {
  return (await client.list('grant', { roles: role })).items
}

/** Those that name exactly this principal; what a pattern or a claim gives cannot be taken from one of many. */
export function naming(grants: readonly Entity[], principal: string): readonly Entity[] {
  return grants.filter(({ body }) => texts(body.principals).includes(principal))
}

/** Undefined: there is one of this principal and this role alone already, whoever's it is. */
export async function give(
  client: Client,
  { role, principal, dryRun }: Asked,
  tenant: string | undefined,
): Promise<Written | undefined> {
  const known = naming(await grantsOf(client, role), principal)
  const same = known.some(({ body, tenant: of }) => isPlain(body) && (of ?? undefined) === tenant)
  if (same) return undefined
  const body = { principals: [principal], roles: [role] }
  return client.create('grant', { tenant, body }, { dryRun })
}

// it gives the roles to whoever is named, and asks for nothing else
function isPlain(body: JsonObject): boolean {
  return body.claims === undefined && body.issuers === undefined
}

/** Takes the role from the principal in this grant; what else the grant gives, and to whom else, stays. */
export async function take(
  client: Client,
  grant: Entity,
  { role, principal, dryRun }: Asked,
): Promise<Written> {
  const seen: Seen = await client.see('grant', grant.id)
  const { body, tenant } = seen.entity
  const principals = texts(body.principals).filter((name) => name !== principal)
  const roles = texts(body.roles).filter((name) => name !== role)
  if (principals.length === 0 && roles.length === 0) return client.remove(seen, { dryRun })
  if (principals.length === 0) return client.merge(seen, { roles }, { dryRun })
  // his other roles first: what breaks off between the two leaves him with more, and not without
  if (roles.length > 0) {
    const own = { ...body, principals: [principal], roles }
    await client.create('grant', { tenant: tenant ?? undefined, body: own }, { dryRun })
  }
  return client.merge(seen, { principals }, { dryRun })
}

export function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}
