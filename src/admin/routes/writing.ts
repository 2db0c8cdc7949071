// What a request says about a write beside the entity: who, whether it is a dry run, which version was seen.
import { AppError, isAppError } from '../../base/errors.ts'
import type { Entity, WriteContext, WriteOutcome } from '../../registry/registry.ts'
import { versionOf } from '../request/etag.ts'
import type { Call } from '../route.ts'
import { etagOf } from './answers.ts'

export function contextOf({ principal, requestId, query, idempotency }: Call): WriteContext {
  return {
    principal,
    requestId,
    surface: 'admin',
    dryRun: query.dryRun === true,
    ...(idempotency ? { idempotency } : {}),
  }
}

/**
 * With the version that `If-Match` names, so that a change meanwhile is noticed in the same transaction. Rejects with
 * REGISTRY_PRECONDITION, and with what `get` rejects with where it has to be asked: RFC 9110 section 13.2.1 wants 404 before 412.
 */
export async function expected(call: Call, get: () => Promise<Entity>): Promise<WriteContext> {
  const { ifMatch } = call
  const context = contextOf(call)
  if (ifMatch === undefined || ifMatch === '*') return context
  const [first, ...more] = ifMatch
  const only = more.length === 0 && first !== undefined ? versionOf(first) : undefined
  if (only !== undefined) return { ...context, expect: only }
  const entity = await get()
  const matches = ifMatch.some((tag) => tag === etagOf(entity) || versionOf(tag) === entity.version)
  if (!matches) throw otherVersion()
  return { ...context, expect: entity.version }
}

/** A conflict is a failed precondition for a caller that made one. */
export async function written(
  { ifMatch }: Call,
  writing: Promise<WriteOutcome>,
): Promise<WriteOutcome> {
  try {
    return await writing
  } catch (error) {
    throw ifMatch !== undefined && isAppError(error, 'STORE_CONFLICT') ? otherVersion() : error
  }
}

function otherVersion(): AppError {
  return new AppError(
    'REGISTRY_PRECONDITION',
    'the entity is of another version than If-Match says',
  )
}
