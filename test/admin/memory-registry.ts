// A registry in memory, whole as its interface has it: versions, tenants, vetoes, approval, dry runs, replays; what a real one does with a database.
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { EntityKind } from '../../src/admin/handle.ts'
import { AppError } from '../../src/base/errors.ts'
import { canonicalText, type JsonObject, mergePatch } from '../../src/base/json.ts'
import type { Principal } from '../../src/engine/context.ts'
import type { Decision, Target } from '../../src/identity/access.ts'
import type {
  Entity,
  Registry,
  WriteContext,
  WriteOutcome,
  WriteRequest,
} from '../../src/registry/registry.ts'

/** What a policy says about an entity: nothing, a veto, that somebody else has to agree. */
export type Judge = (kind: string, body: JsonObject) => 'veto' | 'pending' | undefined

export interface MemoryRegistry extends Registry {
  /** Changes with every change of anything. */
  digest(): string
  seed(entity: Pick<Entity, 'kind' | 'id' | 'tenant' | 'source' | 'body'>): void
}

export interface MemoryOptions {
  readonly kinds: readonly EntityKind[]
  readonly judge?: Judge
  /** The rules, about what is of the caller's own tenant; undefined: everybody may everything there. */
  readonly decide?: (principal: Principal, right: string, target: Target) => Decision
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

/** One's own tenant, and all of them for the overseer. */
const isOwn = ({ tenant }: Entity, by: Principal): boolean =>
  tenant === by.tenant || by.roles.includes('overseer')

const VIOLATION = {
  code: 'NOT_HERE',
  reason: 'this note is not wanted',
  description: 'for the audit only',
  plugin: 'note-checker',
  entry: 'notes',
  point: 'server_pre_register',
}

export function createMemoryRegistry({
  kinds,
  judge = () => undefined,
  decide = () => ({ allowed: true }),
  now = () => Date.UTC(2026, 10, 28),
}: MemoryOptions): MemoryRegistry {
  const entities = new Map<string, Entity>()
  const answers = new Map<string, { readonly digest: string; readonly outcome: WriteOutcome }>()
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false })
  const checks = new Map(kinds.map(({ kind, schema }) => [kind as string, ajv.compile(schema)]))
  let revision = 0
  let made = 0
  const keyOf = (kind: string, id: string) => `${kind}\0${id}`

  function assertAllowed(
    kind: string,
    what: string,
    principal: Principal,
    tenant: string | undefined,
  ): void {
    const right = `api:${kind}.${what}`
    const target = { kind: 'entity', entity: kind, tenant } as const
    const decision = decide(principal, right, target)
    if (decision.allowed) return
    const { reason, scopes = [] } = decision
    throw new AppError('AUTH_DENIED', `${right}: ${reason}`, { data: { scopes } })
  }

  function visible(kind: string, id: string, by: Principal): Entity {
    const entity = entities.get(keyOf(kind, id))
    if (!entity || !isOwn(entity, by))
      throw new AppError('REGISTRY_NOT_FOUND', `there is no ${kind} ${id}`)
    return entity
  }

  function wanted(request: WriteRequest, current: Entity | undefined): JsonObject {
    if (request.op === 'remove') return current?.body ?? {}
    if (request.op === 'merge') return mergePatch(current?.body, request.patch) as JsonObject
    return request.body
  }

  function assertValid(kind: string, body: JsonObject): void {
    const check = checks.get(kind)
    if (check?.(body)) return
    const problems = (check?.errors ?? []).map(({ instancePath, message = '' }) => ({
      path: instancePath.slice(1).replaceAll('/', '.'),
      message,
    }))
    throw new AppError('REGISTRY_INVALID', `the ${kind} is not valid`, { data: { problems } })
  }

  function put(entity: Entity): Entity {
    entities.set(keyOf(entity.kind, entity.id), entity)
    revision++
    return entity
  }

  function draft(request: WriteRequest, { principal, expect }: WriteContext): Entity {
    const { kind } = request
    if (request.op === 'create') {
      const id = request.id ?? String(request.body.name ?? `made-${made + 1}`)
      if (!/^[^\p{Cc}\p{Cs}]{1,512}$/u.test(id))
        throw new AppError('REGISTRY_INVALID', 'the id is none', { data: { problems: [] } })
      if (entities.has(keyOf(kind, id)))
        throw new AppError('REGISTRY_EXISTS', `there is a ${kind} ${id} already`)
      if (
        principal.tenant !== undefined &&
        (request.tenant ?? principal.tenant) !== principal.tenant
      )
        throw new AppError('AUTH_DENIED', 'it would belong to another tenant')
      const tenant = request.tenant ?? principal.tenant
      const at = now()
      const source = 'dynamic'
      const entity = { kind, id, tenant, version: 1, source, createdAt: at, updatedAt: at } as const
      return { ...entity, body: wanted(request, undefined) }
    }
    const current = visible(kind, request.id, principal)
    if (current.source === 'declared')
      throw new AppError('REGISTRY_READ_ONLY', `the ${kind} ${current.id} is declared`)
    if (expect !== undefined && expect !== current.version)
      throw new AppError('STORE_CONFLICT', `the ${kind} ${current.id} is of another version`)
    const version = current.version + 1
    return { ...current, version, body: wanted(request, current), updatedAt: now() }
  }

  function decided(request: WriteRequest, context: WriteContext): WriteOutcome {
    if (request.op !== 'merge') throw new AppError('REGISTRY_INVALID', 'a change is only decided')
    const current = visible('change', request.id, context.principal)
    if (current.body.state !== 'pending')
      throw new AppError('REGISTRY_INVALID', 'it has been decided already')
    const body = mergePatch(current.body, request.patch) as JsonObject
    const entity = { ...current, version: current.version + 1, body }
    if (context.dryRun) return { outcome: 'dry_run', entity }
    return { outcome: 'written', entity: put(entity), revision }
  }

  function keep({ kind, id, tenant }: Entity): Entity {
    made++
    const body = { name: `${kind} ${id}`, state: 'pending' }
    const place = { kind: 'change', id: `change-${made}`, tenant, version: 1, body } as const
    return put({ ...place, source: 'dynamic', createdAt: now(), updatedAt: now() })
  }

  function carryOut(request: WriteRequest, context: WriteContext): WriteOutcome {
    if (request.kind === 'change' && request.op !== 'remove') return decided(request, context)
    const entity = draft(request, context)
    if (request.op !== 'remove') assertValid(entity.kind, entity.body)
    const verdict = judge(entity.kind, entity.body)
    if (verdict === 'veto') return { outcome: 'vetoed', violation: VIOLATION }
    if (context.dryRun) return { outcome: 'dry_run', entity }
    if (verdict === 'pending') return { outcome: 'pending', change: keep(entity) }
    made++
    if (request.op === 'remove') {
      entities.delete(keyOf(entity.kind, entity.id))
      revision++
      return { outcome: 'written', entity, revision }
    }
    const once = request.op === 'create' && request.kind === 'key'
    return {
      outcome: 'written',
      entity: put(entity),
      ...(once ? { once: { key: `pcl_${entity.id}_secret` } } : {}),
      revision,
    }
  }

  return {
    async get(kind, id, by) {
      assertAllowed(kind, 'read', by, by.tenant)
      return visible(kind, id, by)
    },
    async list({ kind, tenant, after = '', limit, where = {} }, by) {
      assertAllowed(kind, 'read', by, by.tenant)
      const found = [...entities.values()]
        .filter((entity) => entity.kind === kind && entity.id > after && isOwn(entity, by))
        .filter((entity) => tenant === undefined || entity.tenant === tenant)
        .filter(({ body }) => Object.entries(where).every(([name, is]) => body[name] === is))
        .sort((one, other) => (one.id < other.id ? -1 : 1))
      const items = found.slice(0, limit)
      return { items, next: found.length > limit ? items.at(-1)?.id : undefined }
    },
    async write(request, context) {
      const { idempotency, dryRun, principal } = context
      const isDecision = request.kind === 'change' && request.op === 'merge'
      // principals are made for the gateway as a whole
      const wide = request.op === 'create' && request.kind === 'principal'
      const tenant = wide ? undefined : principal.tenant
      assertAllowed(request.kind, isDecision ? 'approve' : 'write', principal, tenant)
      const known = idempotency && answers.get(idempotency.key)
      if (known && known.digest !== idempotency?.digest)
        throw new AppError('REGISTRY_REPLAYED', 'the idempotency key was used for another request')
      if (known) return known.outcome
      const outcome = carryOut(request, context)
      if (idempotency && !dryRun && outcome.outcome !== 'vetoed')
        answers.set(idempotency.key, { digest: idempotency.digest, outcome })
      return outcome
    },
    digest: () => canonicalText([[...entities], [...answers.keys()], revision]),
    seed: (entity) =>
      void put({
        ...entity,
        version: entity.source === 'declared' ? 0 : 1,
        createdAt: now(),
        updatedAt: now(),
      }),
  }
}
