// What a write is answered: the entity as readers see it, and the answer as it is kept for whoever repeats the request.
import { AppError } from '../../base/errors.ts'
import type { Json, JsonObject } from '../../base/json.ts'
import type { RegistryDeps } from '../parts.ts'
import type { Entity, WriteContext, WriteOutcome } from '../registry.ts'
import { maskBody } from '../secrets.ts'
import type { Draft } from './draft.ts'

/** The entity as its readers will see it. */
export function shown(
  { kind, spec, id, tenant, current }: Pick<Draft, 'kind' | 'spec' | 'id' | 'tenant' | 'current'>,
  body: JsonObject,
  version: number,
  deps: RegistryDeps,
): Entity {
  const now = deps.clock.wall()
  const status = deps.status(kind, id)
  return {
    kind,
    id,
    tenant,
    version,
    source: 'dynamic',
    body: maskBody(spec, body),
    createdAt: current?.createdAt ?? now,
    updatedAt: now,
    ...(status ? { status } : {}),
  }
}

const REMEMBERED = { kind: 'answer', member: 'once' }

type Answer = Pick<Extract<WriteOutcome, { outcome: 'written' }>, 'outcome' | 'entity' | 'once'>

// what is shown once is kept for the one who repeats his own request, and for nobody who reads the database
export function remember(
  { idempotency }: WriteContext,
  {
    once,
    ...answer
  }: Answer | (Extract<WriteOutcome, { outcome: 'pending' }> & { once?: undefined }),
  { sealer }: RegistryDeps,
): { remember?: { key: string; digest: string; answer: JsonObject } } {
  if (!idempotency) return {}
  const { key, digest } = idempotency
  const sealed = once && sealer.seal(JSON.stringify(once), { ...REMEMBERED, id: key })
  // through text: what is undefined is no member
  const kept = JSON.parse(JSON.stringify({ ...answer, once: sealed })) as JsonObject
  return { remember: { key, digest, answer: kept } }
}

/**
 * What the same request was answered before, once more in the audit: who made it may have been killed before its record was kept.
 * Rejects with REGISTRY_REPLAYED when it was another one.
 */
export async function repeated(
  { action, kind, id, tenant }: Pick<Draft, 'action' | 'kind' | 'id' | 'tenant'>,
  context: WriteContext,
  deps: RegistryDeps,
): Promise<WriteOutcome | undefined> {
  const before = await recalled(context, deps)
  if (!before) return undefined
  const { principal, requestId, surface } = context
  const version = 'entity' in before ? before.entity.version : undefined
  const who = { principal, requestId, surface }
  deps.audit({ action, kind, id, tenant, ...who, outcome: 'repeated', version })
  return before
}

async function recalled(
  { idempotency }: WriteContext,
  { store, sealer }: RegistryDeps,
): Promise<WriteOutcome | undefined> {
  if (!idempotency) return undefined
  const { key, digest } = idempotency
  const known = await store.remembered(key)
  if (!known) return undefined
  if (known.digest !== digest)
    throw new AppError('REGISTRY_REPLAYED', 'the idempotency key was used for another request')
  const { once: sealed, ...answer } = known.answer
  if (answer.outcome === 'pending') return answer as unknown as WriteOutcome
  const once =
    typeof sealed === 'string'
      ? { once: JSON.parse(sealer.open(sealed, { ...REMEMBERED, id: key })) as Json }
      : {}
  return { ...answer, ...once, revision: await store.revision() } as unknown as WriteOutcome
}
