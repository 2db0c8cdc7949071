// A world of the admin API over the real rooms: a running gateway, the registry on a store, the rules and API keys of the identity room.
import { createHash } from 'node:crypto'
import type { EntityKind } from '../../src/admin/handle.ts'
import { type AdminParts, apiHandle } from '../../src/app/admin/admin.ts'
import { entityKinds } from '../../src/app/admin/kinds.ts'
import { createDecide } from '../../src/app/control/decide.ts'
import { createApiDoor } from '../../src/app/control/keys.ts'
import { createGateway } from '../../src/app/gateway.ts'
import { systemClock } from '../../src/base/clock.ts'
import { canonicalText, type JsonObject } from '../../src/base/json.ts'
import { SYSTEM } from '../../src/engine/context.ts'
import { hashKey, mintKey } from '../../src/identity/api-key.ts'
import type { Kind } from '../../src/identity/rights.ts'
import type { Entity, WriteRequest } from '../../src/registry/registry.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { memoryLog } from '../gateway/running.ts'
import { anyOf } from '../identity/people.ts'
import { by, EXAMPLES, person } from '../registry/bench.ts'
import { ATTESTATION } from './attestation.ts'
import { memoryAudit } from './memory-world.ts'
import { AUDITOR, WHO, type Who, type World } from './world.ts'

/** Somebody else than who asked. */
const APPROVER = person('approver', ['overseer'])

type Owner = 'shared' | 'acme'
type Example = { readonly id?: string; readonly body: JsonObject }

// fixed bytes per principal: a failing run can be repeated
const keys = Object.fromEntries(
  Object.keys(WHO).map((who) => [
    who,
    mintKey(`key-${who}`, (bytes) =>
      createHash('shake256', { outputLength: bytes }).update(who).digest(),
    ).key,
  ]),
)

const CONFIG = {
  version: 1,
  telemetry: { log: { level: 'error' } },
  // its key lives as long as the process
  store: { url: 'sqlite::memory:' },
  // a change of a peer has to wait; its seeds are approved
  registry: { approval: ['peer'] },
  admin: { api: true, rate: { principal: 1_000_000, address: 1_000_000 } },
  plugins: { enabled: true, allowed: ['rules', 'deny-list'] },
  identity: {
    api_keys: true,
    roles: {
      auditor: { allow: [{ actions: AUDITOR }] },
      overseer: { allow: [{ actions: ['api:*'], tenants: ['*'] }] },
    },
    keys: Object.entries(WHO).map(([who, { roles, tenant }]) => ({
      id: `key-${who}`,
      hash: hashKey(keys[who] ?? ''),
      principal: who,
      kind: 'user',
      roles: [...roles],
      ...(tenant === undefined ? {} : { tenant }),
    })),
  },
}

export async function createRealWorld(): Promise<World> {
  const store = createMemoryStore({ clock: systemClock })
  const gateway = await createGateway({ config: CONFIG, log: memoryLog(), store })
  const { control, clock, log } = gateway
  if (control === undefined) throw new Error('there is no control plane')
  const { registry, identity: entities, cursors } = control
  const current = () => gateway.state()
  let ids = 0
  const parts: AdminParts = {
    registry,
    cursors,
    authenticator: createApiDoor({
      current,
      hosted: false,
      entities: () => entities,
      anyOf,
      clock,
      log,
      logins: { login() {}, failed() {} },
    }),
    authorize: createDecide(current, () => control.authorizer(), { decided() {} }).authorize,
    authorizer: () => control.authorizer(),
    audit: memoryAudit(),
    attestation: ATTESTATION,
    state: current,
    readiness: () => gateway.readiness(),
    reload: (options) => gateway.reload(options),
    metrics: () => gateway.adminHandle.metrics(),
    clock,
    log,
    createId: () => `request-${++ids}`,
  }
  const kinds = entityKinds()
  const seeds: Record<string, { shared: string; acme: string }> = {}

  async function create(request: Extract<WriteRequest, { op: 'create' }>): Promise<Entity> {
    const outcome = await registry.write(request, by(SYSTEM))
    if (outcome.outcome === 'written') return outcome.entity
    if (outcome.outcome === 'pending') return outcome.change
    throw new Error(`no seed of kind ${request.kind}: ${outcome.outcome}`)
  }

  async function seed(kind: Kind, owner: Owner): Promise<string> {
    const tenant = owner === 'acme' ? { tenant: 'acme' } : {}
    const { id, body } = exampleOf(kind === 'change' ? 'peer' : kind, owner)
    const own = kind === 'change' ? { id: `waits-${owner}-${++ids}` } : id ? { id } : {}
    const made = await create({
      op: 'create',
      kind: kind === 'change' ? 'peer' : kind,
      ...tenant,
      ...own,
      body,
    })
    if (kind !== 'peer') return made.id
    const patch = { state: 'approved' }
    await registry.write({ op: 'merge', kind: 'change', id: made.id, patch }, by(APPROVER))
    return String(made.body.target)
  }

  async function isThere(kind: Kind, id: string): Promise<boolean> {
    const entity = await registry.get(kind, id, SYSTEM).catch(() => undefined)
    return entity !== undefined && (kind !== 'change' || entity.body.state === 'pending')
  }

  async function restore(): Promise<void> {
    for (const { kind } of kinds) {
      const known = seeds[kind] ?? { shared: '', acme: '' }
      for (const owner of ['shared', 'acme'] as const)
        if (!(await isThere(kind, known[owner]))) known[owner] = await seed(kind, owner)
      seeds[kind] = known
    }
  }
  await restore()

  return {
    api: apiHandle(parts, kinds),
    token: (who: Who) => `Bearer ${keys[who]}`,
    ids: seeds,
    restore,
    sent(kind, method, owner) {
      if (method === 'PATCH') return { body: {} }
      const { id, body } = exampleOf(kind as Kind, method === 'POST' ? 'new' : owner)
      return { ...(method === 'POST' && id ? { id } : {}), body }
    },
    digest: async () => canonicalText([await store.revision(), await everything(kinds)]),
    close: () => gateway.close(),
  }

  async function everything(all: readonly EntityKind[]): Promise<unknown> {
    return Promise.all(all.map(({ kind }) => store.list({ kind, limit: 1000 })))
  }
}

/** The example of the registry's own tests, with names that are told apart. */
function exampleOf(kind: Kind, owner: string): Example {
  if (kind === 'plugin') return { body: { use: owner === 'new' ? 'rules' : 'deny-list' } }
  // nothing is started, and nothing listens there
  if (kind === 'server') return { body: { name: `files-${owner}`, url: 'http://127.0.0.1:1/mcp' } }
  const { id, body } = EXAMPLES[kind as Exclude<Kind, 'change'>] as Example
  return {
    ...(id === undefined
      ? {}
      : { id: kind === 'principal' ? `${owner}@example.com` : `${id}-${owner}` }),
    body: {
      ...body,
      ...(typeof body.name === 'string' ? { name: `${body.name}-${owner}` } : {}),
      ...(typeof body.path === 'string' ? { path: `${body.path}-${owner}` } : {}),
    },
  }
}
