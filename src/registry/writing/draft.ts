// What a request would make: which entity, whose, from what to what; it reads and checks, and writes nothing.
import { AppError } from '../../base/errors.ts'
import { type JsonObject, mergePatch } from '../../base/json.ts'
import { type Principal, SYSTEM } from '../../engine/context.ts'
import type { Kind, Right } from '../../identity/rights.ts'
import type { Stored } from '../../store/store.ts'
import { isKind, KIND_TABLE, type KindSpec, rightOf } from '../kinds.ts'
import { decideOnce, targetOf } from '../leave.ts'
import type { RegistryDeps } from '../parts.ts'
import type { WriteContext, WriteRequest } from '../registry.ts'
import { type BodyProblem, maskBody, openBody, unmaskBody } from '../secrets.ts'

export interface Draft {
  readonly kind: Kind
  readonly spec: KindSpec
  readonly action: 'create' | 'update' | 'remove'
  readonly id: string
  readonly tenant: string | undefined
  /** What is in the store, secrets open; nothing where the caller may not see it. */
  readonly current: Stored | undefined
  /** The id is taken, whoever has it. */
  readonly taken: boolean
  /** What is wrong with the id. */
  readonly problems: readonly BodyProblem[]
}

const ACTIONS = { create: 'create', replace: 'update', merge: 'update', remove: 'remove' } as const

export function specOf(kind: string): { readonly kind: Kind; readonly spec: KindSpec } {
  if (!isKind(kind)) throw new AppError('REGISTRY_NOT_FOUND', `there is no kind of entity ${kind}`)
  return { kind, spec: KIND_TABLE[kind] }
}

/** Reads what is there. Another tenant's is as if it were not. */
export async function draftOf(
  request: WriteRequest,
  { principal }: Pick<WriteContext, 'principal'>,
  deps: RegistryDeps,
): Promise<Draft> {
  const { kind, spec } = specOf(request.kind)
  const wanted = request.op === 'create' ? tenantFor(kind, request, principal) : undefined
  const id = request.op === 'create' ? newId(request, kind, wanted, deps) : request.id
  const problems = request.op === 'create' ? idProblems(id, request, kind) : []
  const stored = spec.id.test(id) ? await deps.store.get(kind, id) : undefined
  const current =
    stored && isVisible(stored.tenant, principal) ? opened(stored, spec, deps) : undefined
  const tenant = request.op === 'create' ? wanted : (current?.tenant ?? principal.tenant)
  const action = ACTIONS[request.op]
  return { kind, spec, action, id, tenant, current, taken: stored !== undefined, problems }
}

export function isVisible(tenant: string | undefined, { tenant: own }: Principal): boolean {
  return own === undefined || own === tenant
}

export function opened(
  stored: Stored,
  spec: KindSpec,
  { sealer }: Pick<RegistryDeps, 'sealer'>,
): Stored {
  return { ...stored, body: openBody(spec, stored, stored.body, sealer) }
}

/** Rejects with AUTH_DENIED. What the gateway does on its own account needs nobody's leave. */
export async function authorizeWrite(
  draft: Pick<Draft, 'kind' | 'id' | 'tenant' | 'current' | 'action'>,
  context: Pick<WriteContext, 'principal' | 'requestId' | 'surface'>,
  deps: RegistryDeps,
  right: Right = rightOf(draft.kind, 'write'),
): Promise<void> {
  if (context.principal === SYSTEM) return
  const { kind, id, tenant, action, current } = draft
  const known = current ?? deps.declared.get(kind, id)
  const decision =
    action === 'create'
      ? await deps.authorize(context, right, targetOf(kind, tenant, id))
      : await decideOnce({ kind, id, known, right }, context, deps)
  if (decision === 'unknown') {
    if (known) throw notFound(kind, id)
    return
  }
  if (decision.allowed) return
  const { reason, scopes } = decision
  throw new AppError('AUTH_DENIED', reason, { data: { right, ...(scopes ? { scopes } : {}) } })
}

/** Rejects with what keeps this draft from being written, whatever its body is. */
export function assertPossible(
  { kind, id, tenant, action, current, taken: occupied, problems }: Draft,
  { expect, principal }: Pick<WriteContext, 'expect' | 'principal'>,
  deps: RegistryDeps,
): void {
  const declared = deps.declared.get(kind, id)
  if (action === 'create') {
    if (problems.length > 0) throw invalid(problems)
    if (declared || occupied) throw taken(kind, id)
    assertRoom(kind, tenant, deps)
    return
  }
  if (declared && isVisible(declared.tenant, principal))
    throw new AppError(
      'REGISTRY_READ_ONLY',
      `the ${kind} ${id} is declared in the configuration; change it there`,
      { data: { kind, id } },
    )
  if (declared || !current) throw notFound(kind, id)
  if (expect !== undefined && expect !== current.version)
    throw new AppError(
      'REGISTRY_PRECONDITION',
      `the ${kind} ${id} is of version ${current.version}`,
      {
        data: { kind, id, version: current.version },
      },
    )
}

/** Of what there may be a tenant has a tenth, so that it cannot leave the others without. Throws REGISTRY_LIMIT. */
export function assertRoom(
  kind: Kind,
  tenant: string | undefined,
  { count }: Pick<RegistryDeps, 'count'>,
): void {
  const { most } = KIND_TABLE[kind]
  if (count(kind) >= most)
    throw new AppError('REGISTRY_LIMIT', `there may be ${most} of kind ${kind}`)
  if (tenant !== undefined && count(kind, tenant) >= most / 10)
    throw new AppError('REGISTRY_LIMIT', `there may be ${most / 10} of kind ${kind} of one tenant`)
}

export function taken(kind: string, id: string): AppError {
  return new AppError('REGISTRY_EXISTS', `there is a ${kind} ${id} already`, { data: { kind, id } })
}

export function notFound(kind: string, id: string): AppError {
  return new AppError('REGISTRY_NOT_FOUND', `there is no ${kind} ${id}`, { data: { kind, id } })
}

export function invalid(problems: readonly BodyProblem[]): AppError {
  const text = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
  return new AppError('REGISTRY_INVALID', text.join('; '), { data: { problems } })
}

/** The whole body that a create, replace or merge asks for, secrets and managed members in place. Throws REGISTRY_INVALID. */
export function bodyOf(request: WriteRequest, draft: Draft, deps: RegistryDeps): JsonObject {
  const { spec, current } = draft
  switch (request.op) {
    case 'create':
    case 'replace':
      return settled(request.body, current?.body, draft, deps)
    case 'merge': {
      // over what the caller can see: what is not named stays masked, and masks keep what they stand for
      const seen = current ? maskBody(spec, current.body) : {}
      return settled(mergePatch(seen, request.patch) as JsonObject, current?.body, draft, deps)
    }
    case 'remove':
      return current?.body ?? {}
  }
}

/** A body as somebody sees it, made whole again and validated. Throws REGISTRY_INVALID. */
export function settled(
  seen: JsonObject,
  previous: JsonObject | undefined,
  draft: Draft,
  deps: RegistryDeps,
): JsonObject {
  const { kind, spec } = draft
  const problems: BodyProblem[] = []
  const own = withoutManaged(seen, previous, spec, problems)
  const named = withIdentity(own, draft, problems)
  const { body, problems: masked } = unmaskBody(spec, named, previous)
  problems.push(...masked, ...deps.checks.shape(kind, body))
  if (problems.length > 0) throw invalid(problems)
  return { ...body, ...picked(previous ?? {}, spec.managed) }
}

// what was read may be sent back as it was; anything else there is not the caller's to say
function withoutManaged(
  seen: JsonObject,
  previous: JsonObject | undefined,
  { managed }: KindSpec,
  problems: BodyProblem[],
): JsonObject {
  if (managed.length === 0) return seen
  for (const name of managed)
    if (seen[name] !== undefined && seen[name] !== previous?.[name])
      problems.push({ path: name, message: 'only the gateway writes it' })
  return Object.fromEntries(Object.entries(seen).filter(([name]) => !managed.includes(name)))
}

function picked(body: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([name]) => names.includes(name)))
}

// what says who it is stands in the body of kinds that the configuration has, too
function withIdentity(
  body: JsonObject,
  { spec, id, tenant }: Draft,
  problems: BodyProblem[],
): JsonObject {
  const fixed: [string, string | undefined][] = []
  if (spec.named !== undefined) fixed.push([spec.named, id])
  if (spec.tenanted) fixed.push(['tenant', tenant])
  if (spec.idOf === 'use')
    fixed.push(['use', tenant === undefined ? id : id.slice(tenant.length + 1)])
  const whole: Record<string, JsonObject[string]> = { ...body }
  for (const [name, value] of fixed) {
    if (whole[name] !== undefined && whole[name] !== value)
      problems.push({
        path: name,
        message: `it is ${JSON.stringify(value ?? null)} and cannot change`,
      })
    if (value !== undefined) whole[name] = value
  }
  return whole
}

type Create = Extract<WriteRequest, { op: 'create' }>

function tenantFor(
  kind: Kind,
  { tenant, body }: Create,
  { tenant: own }: Principal,
): string | undefined {
  const said =
    tenant ??
    (KIND_TABLE[kind].tenanted && typeof body.tenant === 'string' ? body.tenant : undefined)
  if (own !== undefined && said !== undefined && said !== own)
    throw new AppError('AUTH_DENIED', `what you create belongs to the tenant ${own}`)
  return said ?? own
}

function newId(
  { id, body }: Create,
  kind: Kind,
  tenant: string | undefined,
  { createId }: RegistryDeps,
): string {
  const { idOf } = KIND_TABLE[kind]
  const { name, use } = body
  if (idOf === 'use')
    return typeof use !== 'string' ? '' : tenant === undefined ? use : `${tenant}.${use}`
  if (id !== undefined) return id
  // a UUID without its dashes is an id of every kind that has one made
  return idOf === 'made'
    ? createId().replaceAll('-', '')
    : idOf === 'name' && typeof name === 'string'
      ? name
      : ''
}

function idProblems(id: string, request: Create, kind: Kind): BodyProblem[] {
  const { idOf, id: pattern, expects } = KIND_TABLE[kind]
  const path = idOf === 'name' || idOf === 'use' ? idOf : 'id'
  if (!pattern.test(id)) return [{ path, message: `expected ${expects}` }]
  if (request.id === undefined || request.id === id) return []
  return [{ path: 'id', message: `it is ${JSON.stringify(id)}: one per tenant and plugin` }]
}
