// Creates what a file holds, one entity after the other, through the admin API: a refusal is noted and the next one comes, a fault ends it.
import { canonicalText } from '../../base/json.ts'
import type { Client, Written } from '../api/client.ts'
import { type ApiRefusal, isRefusal } from '../api/refusal.ts'
import type { Wanted } from './document.ts'

/** What became of one of them. `exists`: one of its name is there, and stays as it is. */
export interface Fate {
  readonly kind: string
  readonly id: string
  readonly at: string
  readonly outcome: Written['outcome'] | 'exists' | 'vetoed' | 'refused'
  readonly refusal?: ApiRefusal
}

export interface Applied {
  readonly fates: readonly Fate[]
  /** What ended it before all had their turn. */
  readonly fault: unknown
}

export async function apply(
  client: Client,
  wanted: readonly Wanted[],
  { dryRun }: { readonly dryRun: boolean | undefined },
): Promise<Applied> {
  const fates: Fate[] = []
  try {
    for (const one of wanted) fates.push(await create(client, one, dryRun))
  } catch (fault) {
    return { fates, fault }
  }
  return { fates, fault: undefined }
}

async function create(
  client: Client,
  { kind, id, tenant, body, at }: Wanted,
  dryRun: boolean | undefined,
): Promise<Fate> {
  const name = id ?? (typeof body.use === 'string' ? body.use : at)
  if (kind === 'grant' && id === undefined && (await hasGrant(client, body)))
    return { kind, id: name, at, outcome: 'exists' }
  try {
    const { outcome, entity } = await client.create(kind, { id, tenant, body }, { dryRun })
    return { kind, id: outcome === 'written' ? (entity?.id ?? name) : name, at, outcome }
  } catch (refusal) {
    if (!isRefusal(refusal) || endsIt(refusal)) throw refusal
    return { kind, id: name, at, outcome: outcomeOf(refusal), refusal }
  }
}

// of a grant without an id another one would be made each time
async function hasGrant(client: Client, body: Wanted['body']): Promise<boolean> {
  const { items } = await client.list('grant')
  return items.some((grant) => canonicalText(grant.body) === canonicalText(body))
}

// who is not known, or asks too often, need not ask again; nor does anybody of what is broken
function endsIt({ refusal: { status, code } }: ApiRefusal): boolean {
  return status === 401 || status >= 500 || (status === 429 && code !== 'REGISTRY_LIMIT')
}

function outcomeOf(refusal: ApiRefusal): Fate['outcome'] {
  if (refusal.refusal.code === 'REGISTRY_EXISTS') return 'exists'
  return refusal.refusal.violation ? 'vetoed' : 'refused'
}
