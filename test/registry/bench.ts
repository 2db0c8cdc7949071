// A registry on the real engine, the real checks and the store in memory; plugins are functions, and what happens is noted.
import { createShapeCheck } from '../../src/app/admin/entity-checks.ts'
import { type Principal, SYSTEM } from '../../src/engine/context.ts'
import { createEngine } from '../../src/engine/engine.ts'
import type { Registration } from '../../src/engine/registry.ts'
import { conditionCompiler, createExpression } from '../../src/expression/expression.ts'
import { KINDS, type Kind } from '../../src/identity/rights.ts'
import { POINTS, type PointName, type Points } from '../../src/points/table.ts'
import { createRegistry } from '../../src/registry/entities.ts'
import type { RegistryDeps, RegistryEvent } from '../../src/registry/parts.ts'
import type { Entity, Registry, Resealer, WriteContext } from '../../src/registry/registry.ts'
import { createKeyRing } from '../../src/store/keys.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { createSealer } from '../../src/store/seal.ts'
import type { Store } from '../../src/store/store.ts'
import { ManualClock } from '../engine/support.ts'

export interface Fired {
  readonly point: string
  readonly payload: Record<string, unknown>
}

export interface Bench {
  readonly registry: Registry & Resealer
  readonly store: Store
  readonly fired: Fired[]
  readonly events: RegistryEvent[]
  readonly revisions: number[]
  readonly clock: ManualClock
  /** Names of the points that fired since the last call. */
  points(): string[]
}

export type Hook = (payload: Record<string, unknown>) => unknown

export interface BenchOptions {
  readonly hooks?: Readonly<Record<string, Hook>>
  readonly declared?: readonly Entity[]
  readonly approval?: readonly Kind[]
  readonly store?: Store
  readonly deps?: Partial<RegistryDeps>
}

export const ALICE = person('alice', ['admin'])
export const BOB = person('bob', ['admin'])
export const EVE = person('eve', [])

export function person(id: string, roles: readonly string[], tenant?: string): Principal {
  return { id, kind: 'user', roles, scopes: [], tenant, claims: {} }
}

export const by = (
  principal: Principal = ALICE,
  more: Partial<WriteContext> = {},
): WriteContext => ({
  principal,
  requestId: 'r-1',
  surface: 'admin',
  ...more,
})

const sealer = createSealer(() => createKeyRing([Buffer.alloc(32, 7).toString('base64')]))

const decide: RegistryDeps['rules'] = (principal, right, target) =>
  principal.roles.includes('admin') &&
  (principal.tenant === undefined || principal.tenant === target.tenant)
    ? { allowed: true }
    : { allowed: false, reason: `no role gives ${right}` }

/** Decisions by rules alone. */
export function ruledBy(
  rules: RegistryDeps['rules'],
): Pick<RegistryDeps, 'authorize' | 'authorizeAll' | 'rules'> {
  return {
    authorize: ({ principal }, right, target) => rules(principal, right, target),
    authorizeAll: ({ principal }, right, targets) =>
      targets.map((target) => rules(principal, right, target)),
    rules,
  }
}

export function bench({
  hooks = {},
  declared = [],
  approval = [],
  ...options
}: BenchOptions = {}): Bench {
  const clock = new ManualClock()
  const fired: Fired[] = []
  const events: RegistryEvent[] = []
  const revisions: number[] = []
  const generation = createEngine<Points>(POINTS, {
    clock,
    expression: conditionCompiler(createExpression()),
    defer: (run) => queueMicrotask(run),
    sink: { verdict() {}, fault() {}, dispatched() {}, observerDropped() {} },
  }).generation(registrations(hooks, fired), {
    payload: 1_000_000,
    points: {},
    depth: 64,
    dispatch: { data: 1000, control: 1000, admission: 1000 },
  })
  const store = options.store ?? createMemoryStore({ clock })
  let ids = 0
  const counts = new Map<string, number>()
  const deps: RegistryDeps = {
    store,
    sealer,
    clock,
    createId: () => `id-${++ids}`,
    checks: { shape: createShapeCheck(), together: async () => [] },
    declared: {
      get: (kind, id) => declared.find((each) => each.kind === kind && each.id === id),
      list: (kind) => declared.filter((each) => each.kind === kind),
    },
    offered: { list: () => undefined, find: async () => undefined },
    ...ruledBy(decide),
    exceeds: () => undefined,
    hold: () => ({ generation, release() {} }),
    needsApproval: (kind) => approval.includes(kind),
    count: (kind) => counts.get(kind) ?? 0,
    issue: () => undefined,
    status: () => undefined,
    server: () => undefined,
    audit: (event) => void events.push(event),
    applied: (revision) => void revisions.push(revision),
    ...options.deps,
  }
  const registry = createRegistry(deps)
  return {
    registry,
    store,
    fired,
    events,
    revisions,
    clock,
    points: () => fired.splice(0).map(({ point }) => point),
  }
}

/** Everything that is told at a control point is noted; hooks decide. */
function registrations(hooks: BenchOptions['hooks'], fired: Fired[]): Registration[] {
  const names = Object.keys(POINTS) as PointName[]
  const control = names.filter((name) =>
    /^(server|tool|prompt|resource|auth|federation)_(pre|post)_(?!status|admit|sync|check|list|fetch|invoke|subscribe)/.test(
      name,
    ),
  )
  return control.map((point, order) => ({
    entry: `noting-${point}`,
    plugin: 'noting',
    point,
    mode: 'enforce',
    priority: 100,
    order,
    timeout: 1000,
    onError: 'fail',
    handler: (payload: Record<string, unknown>) => {
      fired.push({ point, payload: JSON.parse(JSON.stringify(payload)) as Fired['payload'] })
      return hooks?.[point]?.(payload)
    },
  })) as unknown as Registration[]
}

/** A valid body of each kind, what changes it, and the id it gets or is given. */
export const EXAMPLES: Readonly<
  Record<Exclude<Kind, 'change'>, { id?: string; body: object; patch: object }>
> = {
  server: { body: { name: 'files', command: 'node' }, patch: { tags: ['prod'] } },
  virtual_server: {
    body: { name: 'analyst', path: '/mcp/analyst' },
    patch: { tools: ['files__*'] },
  },
  tool: { id: 'files/read', body: { enabled: false }, patch: { enabled: true } },
  prompt: { id: 'files/greet', body: { tags: ['a'] }, patch: { tags: ['b'] } },
  resource: { id: 'files/file:///srv/a', body: { title: 'A' }, patch: { title: 'B' } },
  policy: {
    // biome-ignore lint/suspicious/noThenProperty: the word of the contract; the value is never awaited
    body: { name: 'no-deletes', on: ['tool_pre_invoke'], then: 'deny', reason: 'no' },
    patch: { reason: 'never' },
  },
  plugin: { body: { use: 'deny-list', config: { words: ['x'] } }, patch: { priority: 5 } },
  principal: { id: 'alice@example.com', body: {}, patch: { disabled: true } },
  role: { id: 'reader', body: {}, patch: { allow: [{ actions: ['mcp:*'] }] } },
  grant: { body: { roles: ['reader'], principals: ['alice'] }, patch: { roles: ['writer'] } },
  key: { body: { principal: 'alice' }, patch: { revoked: true } },
  client: { id: 'agent', body: {}, patch: { description: 'c' } },
  peer: { id: 'north', body: { url: 'https://north.example.com' }, patch: { description: 'n' } },
  webhook: {
    body: {
      url: 'https://hooks.example.com',
      events: ['alert_raised'],
      secret: '0123456789abcdef',
    },
    patch: { events: ['session_opened'] },
  },
}
export const WRITABLE = KINDS.filter((kind) => kind !== 'change') as (keyof typeof EXAMPLES)[]

export { SYSTEM }
