// Changes that wait for a second person: kept as they were asked for, approved or refused by somebody else; it writes through the one path.
import { AppError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { StoreWrite } from '../../store/store.ts'
import { KIND_TABLE } from '../kinds.ts'
import type { RegistryDeps } from '../parts.ts'
import type { WriteContext, WriteOutcome, WriteRequest } from '../registry.ts'
import { maskBody, sealBody } from '../secrets.ts'
import { remember, repeated, shown } from './answer.ts'
import {
  assertRoom,
  authorizeWrite,
  type Draft,
  draftOf,
  invalid,
  notFound,
  specOf,
} from './draft.ts'
import type { CarryOut } from './write.ts'

const SPEC = KIND_TABLE.change

/** Keeps the request for somebody else; what it would make is shown with it. */
export async function keepChange(
  request: WriteRequest,
  { draft, body }: { readonly draft: Draft; readonly body: JsonObject },
  context: WriteContext,
  deps: RegistryDeps,
): Promise<WriteOutcome> {
  assertRoom('change', draft.tenant, deps)
  const id = deps.createId().replaceAll('-', '')
  const { principal, requestId } = context
  // what is approved is what was shown: a merge into something else is another change
  const expect = context.expect ?? draft.current?.version
  // the id as it is now: one that is made must not be made anew
  const own = request.op === 'create' ? { tenant: draft.tenant } : {}
  const asked = { ...request, ...own, id: draft.id }
  const kept: JsonObject = {
    kind: draft.kind,
    target: draft.id,
    op: request.op,
    author: principal.id,
    state: 'pending',
    entity: maskBody(draft.spec, body),
    request: JSON.stringify({ request: asked, tenant: draft.tenant, expect }),
  }
  const place = { kind: 'change', id } as const
  const change = shown(
    { ...place, spec: SPEC, tenant: draft.tenant, current: undefined },
    kept,
    1,
    deps,
  )
  const pending = { outcome: 'pending', change } as const
  await deps.store.commit({
    writes: [put({ id, tenant: draft.tenant, body: kept, expect: 0 }, deps)],
    by: principal.id,
    requestId,
    ...remember(context, pending, deps),
  })
  return pending
}

type Put = Extract<StoreWrite, { op: 'put' }>

function put(change: Omit<Put, 'op' | 'kind'>, { sealer }: RegistryDeps): Put {
  const place = { kind: 'change', id: change.id } as const
  return { ...change, op: 'put', kind: 'change', body: sealBody(SPEC, place, change.body, sealer) }
}

interface Kept {
  readonly request: WriteRequest
  readonly tenant: string | undefined
  readonly expect: number | undefined
}

/** Approves or refuses: a merge of `state` by somebody who may, and who did not ask for the change himself. */
export async function decideChange(
  request: WriteRequest,
  context: WriteContext,
  deps: RegistryDeps,
  carryOut: CarryOut,
): Promise<WriteOutcome> {
  const draft = await draftOf(request, context, deps)
  await authorizeWrite(draft, context, deps, 'api:change.approve')
  const before = await repeated(draft, context, deps)
  if (before) return before
  const { state, reason } = verdictOf(request)
  const { current } = draft
  if (!current) throw notFound('change', draft.id)
  assertOpen(draft, context)
  const { author } = current.body
  const body = { ...current.body, state, decided_by: context.principal.id, ...reason }
  const answer = shown(draft, body, current.version + 1, deps)
  const also = put({ id: draft.id, tenant: draft.tenant, body, expect: current.version }, deps)
  if (state === 'refused') return refuse(draft, also, { ...context, author: String(author) }, deps)
  const kept = JSON.parse(String(current.body.request)) as Kept
  const inner = await draftOf(kept.request, context, deps)
  return carryOut(
    {
      request: kept.request,
      draft: { ...inner, tenant: kept.tenant },
      context: { ...context, expect: kept.expect },
      approval: { author: String(author), also, answer },
    },
    deps,
  )
}

function verdictOf(request: WriteRequest): { state: 'approved' | 'refused'; reason: JsonObject } {
  const { state, reason, ...others } = request.op === 'merge' ? request.patch : {}
  const problems = Object.keys(others).map((path) => ({
    path,
    message: 'only the gateway writes it',
  }))
  if (state !== 'approved' && state !== 'refused')
    problems.unshift({
      path: 'state',
      message: 'a change is made by a write; set approved or refused',
    })
  if (reason !== undefined && (typeof reason !== 'string' || reason.length > 1000))
    problems.push({ path: 'reason', message: 'expected a text of at most 1000 characters' })
  if (problems.length > 0) throw invalid(problems)
  return { state: state as 'approved' | 'refused', reason: reason === undefined ? {} : { reason } }
}

function assertOpen({ id, current }: Draft, { principal, expect }: WriteContext): void {
  if (!current) return
  if (expect !== undefined && expect !== current.version)
    throw new AppError(
      'REGISTRY_PRECONDITION',
      `the change ${id} is of version ${current.version}`,
      {
        data: { kind: 'change', id, version: current.version },
      },
    )
  if (current.body.state !== 'pending')
    throw invalid([{ path: 'state', message: `it was ${String(current.body.state)} already` }])
  if (current.body.author === principal.id)
    throw new AppError('AUTH_DENIED', 'a change is approved or refused by somebody else')
}

async function refuse(
  { id, tenant, spec, current }: Draft,
  also: StoreWrite,
  context: WriteContext & { readonly author: string },
  deps: RegistryDeps,
): Promise<WriteOutcome> {
  const { principal, requestId, surface, author } = context
  const { kind } = specOf('change')
  const body = also.op === 'put' ? also.body : {}
  const version = (current?.version ?? 0) + 1
  const entity = shown({ kind, spec, id, tenant, current }, body, version, deps)
  if (context.dryRun) return { outcome: 'dry_run', entity }
  const { revision } = await deps.store.commit({
    writes: [also],
    by: principal.id,
    requestId,
    ...remember(context, { outcome: 'written', entity }, deps),
  })
  deps.audit({
    action: 'refuse',
    kind,
    id,
    tenant,
    principal,
    requestId,
    surface,
    outcome: 'written',
    changed: ['state'],
    version,
    revision,
    author,
  })
  return { outcome: 'written', entity, revision }
}
