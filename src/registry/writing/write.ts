// The one write path: authorise, validate, ask the plugins, validate again, commit whole, tell; it knows no HTTP and no database.
import { AppError, isAppError, messageOf } from '../../base/errors.ts'
import { canonicalText, type JsonObject } from '../../base/json.ts'
import type { StoreWrite } from '../../store/store.ts'
import type { Held, RegistryDeps, RegistryEvent } from '../parts.ts'
import type { Entity, WriteContext, WriteOutcome, WriteRequest } from '../registry.ts'
import { maskBody, sealBody } from '../secrets.ts'
import { remember, repeated, shown } from './answer.ts'
import { decideChange, keepChange } from './changes.ts'
import {
  assertPossible,
  authorizeWrite,
  bodyOf,
  type Draft,
  draftOf,
  invalid,
  settled,
  taken,
} from './draft.ts'
import { asAsked, asBody, firstWord, identityOf, infoOf } from './offered.ts'
import { type WritePoints, writePoints } from './points.ts'
import { assertDecisiveKept, authorizeBody } from './powers.ts'

/** What an approval adds to the write it approves. */
export interface Approval {
  readonly author: string
  /** In the same commit. */
  readonly also: StoreWrite
  /** Answered in place of the entity. */
  readonly answer: Entity
}

export async function write(
  request: WriteRequest,
  context: WriteContext,
  deps: RegistryDeps,
): Promise<WriteOutcome> {
  if (request.kind === 'change' && request.op !== 'remove')
    return decideChange(request, context, deps, carryOut)
  const asked = await firstWord(request, context, deps)
  const draft = await draftOf(asked, context, deps)
  await authorizeWrite(draft, context, deps)
  const before = await repeated(draft, context, deps)
  if (before) return before
  try {
    return await carryOut({ request: asked, draft, context }, deps)
  } catch (error) {
    // the same request came twice at the same time, and the other one was faster
    const other = isAnswered(error) ? await repeated(draft, context, deps) : undefined
    if (!other) throw error
    return other
  }
}

function isAnswered(error: unknown): boolean {
  return isAppError(error) && (error.code === 'REGISTRY_EXISTS' || error.code === 'STORE_CONFLICT')
}

interface Asked {
  readonly request: WriteRequest
  readonly draft: Draft
  readonly context: WriteContext
  readonly approval?: Approval
}

export type CarryOut = typeof carryOut

/** From a draft that may be written to what became of it. */
async function carryOut(
  { request, draft, context, approval }: Asked,
  deps: RegistryDeps,
): Promise<WriteOutcome> {
  assertPossible(draft, context, deps)
  const wanted = bodyOf(request, draft, deps)
  await authorizeBody(draft, wanted, context, deps)
  await assertTogether(draft, wanted, deps)
  const held = deps.hold()
  try {
    const points = pointsOf(draft, wanted, { context, deps, held })
    const generation = held.generation?.id
    const writing: Writing = { draft, context, deps, points, approval, wanted, generation }
    const judged = await judge(writing, wanted)
    if ('outcome' in judged) return judged
    if (context.dryRun) {
      told(writing, 'dry_run', changedOf(draft, judged.body))
      return {
        outcome: 'dry_run',
        entity: shown(draft, judged.body, draft.current?.version ?? 0, deps),
      }
    }
    if (!approval && deps.needsApproval(draft.kind)) {
      const kept = await keepChange(request, { draft, body: judged.body }, context, deps)
      told(writing, 'pending', changedOf(draft, judged.body))
      return kept
    }
    return await commit(writing, judged.body)
  } finally {
    held.release()
  }
}

interface Writing {
  readonly draft: Draft
  readonly context: WriteContext
  readonly deps: RegistryDeps
  readonly points: WritePoints
  readonly approval: Approval | undefined
  readonly wanted: JsonObject
  /** The one that judges. */
  readonly generation: number | undefined
}

async function assertTogether(
  { kind, id, tenant, action }: Draft,
  wanted: JsonObject,
  { checks }: RegistryDeps,
): Promise<void> {
  const body = action === 'remove' ? undefined : wanted
  const problems = await checks.together({ kind, id, tenant, body })
  if (problems.length > 0) throw invalid(problems)
}

function pointsOf(
  { kind, id, spec, action, current }: Draft,
  wanted: JsonObject,
  { context, deps, held: { generation } }: Pick<Writing, 'context' | 'deps'> & { held: Held },
): WritePoints {
  const previous = current && maskBody(spec, current.body)
  const entity = action === 'remove' ? (previous ?? {}) : maskBody(spec, wanted)
  const point = spec.points?.[action]
  if (!point) return writePoints(undefined, context, generation)
  const server = identityOf(kind, id)?.server
  const asked = {
    point,
    kind,
    id,
    entity: asAsked(kind, id, entity),
    previous: action === 'update' && previous ? asAsked(kind, id, previous) : undefined,
    server: server === undefined ? infoOf(kind, wanted) : deps.server(String(server)),
  }
  return writePoints(asked, context, generation)
}

/** What the plugins made of it, valid; or the veto. Rejects with their fault, so that nothing is written. */
async function judge(
  writing: Writing,
  wanted: JsonObject,
): Promise<{ readonly body: JsonObject } | WriteOutcome> {
  const { draft, points, deps, context } = writing
  const judged = await points.judge()
  if (judged.verdict === 'fault') throw failed(writing, judged.fault)
  if (judged.verdict === 'veto') {
    const { code, reason, entry } = judged.violation
    if (!context.dryRun) points.tell({ outcome: 'vetoed', reason })
    told(writing, 'vetoed', { code, reason, entry })
    return { outcome: 'vetoed', violation: judged.violation }
  }
  if (!judged.changed || draft.action === 'remove') return { body: wanted }
  try {
    const body = settled(asBody(draft.kind, draft.id, judged.entity), wanted, draft, deps)
    assertDecisiveKept(draft.kind, wanted, body)
    // whose policies made it so is not known: nobody gets more through them than he may write himself
    await authorizeBody(draft, body, context, deps)
    await assertTogether(draft, body, deps)
    return { body }
  } catch (error) {
    if (!isAppError(error, 'REGISTRY_INVALID')) throw failed(writing, error)
    const message = `what a plugin made of the ${draft.kind} ${draft.id} is not valid: ${error.message}`
    throw failed(writing, new AppError('PLUGIN_PATCH_INVALID', message, { cause: error }))
  }
}

async function commit(writing: Writing, body: JsonObject): Promise<WriteOutcome> {
  const { draft, context, deps, points, approval } = writing
  const { kind, id, action } = draft
  try {
    const issued = action === 'create' ? deps.issue(kind, id, body) : undefined
    const whole = { ...body, ...issued?.managed }
    const version = action === 'remove' ? 0 : (draft.current?.version ?? 0) + 1
    const entity = approval?.answer ?? shown(draft, whole, version, deps)
    const once = issued?.once
    const { revision } = await deps.store.commit({
      writes: [storeWrite(draft, whole, deps), ...(approval ? [approval.also] : [])],
      by: context.principal.id,
      requestId: context.requestId,
      ...remember(context, { outcome: 'written', entity, ...(once ? { once } : {}) }, deps),
    })
    points.tell({ outcome: 'written', entity: asAsked(kind, id, maskBody(draft.spec, whole)) })
    told(writing, 'written', { version, revision, ...changedOf(draft, body) })
    deps.applied(revision)
    return { outcome: 'written', entity, ...(once ? { once } : {}), revision }
  } catch (error) {
    throw failed(writing, conflictOf(error, writing))
  }
}

function storeWrite(
  { kind, spec, id, tenant, current, action }: Draft,
  body: JsonObject,
  deps: RegistryDeps,
): StoreWrite {
  const expect = current?.version ?? 0
  if (action === 'remove') return { op: 'remove', kind, id, expect }
  return {
    op: 'put',
    kind,
    id,
    tenant,
    expect,
    body: sealBody(spec, { kind, id }, body, deps.sealer),
  }
}

// who said which version he had seen is told that it is another one
function conflictOf(error: unknown, { draft: { kind, id, action }, context }: Writing): unknown {
  if (!isAppError(error, 'STORE_CONFLICT') || error.data?.kind !== kind) return error
  if (action === 'create') return taken(kind, id)
  if (context.expect === undefined) return error
  const message = `the ${kind} ${id} has been changed meanwhile`
  return new AppError('REGISTRY_PRECONDITION', message, { cause: error, data: { kind, id } })
}

/** Tells the observers and the audit; gives the error back. */
function failed(writing: Writing, error: unknown): unknown {
  const { points, context } = writing
  const reason = messageOf(error)
  if (!context.dryRun) points.tell({ outcome: 'failed', reason })
  told(writing, 'failed', { reason, ...(isAppError(error) ? { code: error.code } : {}) })
  return error
}

function told(
  { draft, context, approval, deps, wanted, generation }: Writing,
  outcome: RegistryEvent['outcome'],
  more: Partial<RegistryEvent> = {},
): void {
  const { kind, id, tenant, action } = draft
  const { principal, requestId, surface } = context
  const author = approval ? { author: approval.author } : {}
  deps.audit({
    action,
    kind,
    id,
    tenant,
    principal,
    requestId,
    surface,
    outcome,
    generation,
    ...changedOf(draft, wanted),
    ...author,
    ...more,
  })
}

const MOST_NAMES = 100

/** Names only: values are in no record. */
function changedOf({ action, current }: Draft, body: JsonObject): Pick<RegistryEvent, 'changed'> {
  if (action === 'remove') return {}
  const before = current?.body ?? {}
  const text = (of: JsonObject, name: string) => canonicalText([of[name]])
  const names = new Set([...Object.keys(before), ...Object.keys(body)])
  const changed = [...names].filter((name) => text(before, name) !== text(body, name))
  return { changed: changed.slice(0, MOST_NAMES) }
}
