// Two gateways over one store, one of which has every change wait, each with its admin API on a listener and in Express; and requests to them.
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { Route } from '../../../src/admin/route.ts'
import type { Gateway } from '../../../src/app/gateway.ts'
import { systemClock } from '../../../src/base/clock.ts'
import type { JsonObject } from '../../../src/base/json.ts'
import { SYSTEM } from '../../../src/engine/context.ts'
import { hashKey, mintKey } from '../../../src/identity/api-key.ts'
import type { Kind } from '../../../src/identity/rights.ts'
import { deny, type Hooks, type PointName } from '../../../src/plugin.ts'
import { REGISTRY_SCHEMA } from '../../../src/registry/options.ts'
import type { WriteRequest } from '../../../src/registry/registry.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import type { Store } from '../../../src/store/store.ts'
import { ask } from '../../admin/world.ts'
import { type Catalogued, startCatalogued } from '../../gateway/catalogued.ts'
import { type CodeEntry, pluginsSection, runGateway } from '../../gateway/running.ts'
import { by, EXAMPLES, person } from '../../registry/bench.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/directory.ts'
import { DECIDED_KIND, EXPLAINED, type Variant, writeOf } from './admin-rules.ts'
import { COUNTED } from './expected.ts'

export const DOORS = ['listener', 'express'] as const
export type Door = (typeof DOORS)[number]

const WHO = { root: ['admin'], second: ['admin'], nobody: [] } as const
type Who = keyof typeof WHO

const keys = Object.fromEntries(
  Object.keys(WHO).map((who, at) => [
    who,
    mintKey(`key-${who}`, (bytes) => Buffer.alloc(bytes, at + 1)).key,
  ]),
) as Record<Who, string>

export interface Counted {
  readonly chain: PointName[]
  readonly audit: PointName[]
}

/** Where everything is refused, for as long as it is set. */
interface Judge {
  at: 'pre' | 'auth' | undefined
}

export interface Replica {
  readonly gateway: Gateway
  readonly fired: Counted
  readonly judge: Judge
  readonly at: Readonly<Record<Door, { readonly port: number; readonly base: string }>>
  /** Changes the file that a reload reads. */
  rewrite(): Promise<void>
  settled(): Promise<void>
  reset(): void
}

const PRE = /_pre_(?:register|update|unregister|create|delete|reload)$/

function entriesOf(fired: Counted, judge: Judge): readonly CodeEntry[] {
  const count = (into: PointName[]): Hooks =>
    Object.fromEntries(
      COUNTED.map((point) => [
        point,
        () => {
          into.push(point)
        },
      ]),
    )
  const no = () => deny({ code: 'VETO', reason: 'the matrix says so' })
  const judging: Hooks = Object.fromEntries(
    COUNTED.filter((point) => PRE.test(point) || point === 'auth_pre_check').map((point) => [
      point,
      () => (judge.at === (PRE.test(point) ? 'pre' : 'auth') ? no() : undefined),
    ]),
  )
  return [
    { name: 'counting', hooks: count(fired.chain), priority: -1000 },
    { name: 'judging', hooks: judging },
    { name: 'watching', hooks: count(fired.audit), mode: 'audit' },
  ]
}

async function startReplica(
  store: Store,
  directory: TemporaryDirectory,
  name: string,
  approval: readonly string[],
): Promise<Replica & AsyncDisposable> {
  const fired: Counted = { chain: [], audit: [] }
  const judge: Judge = { at: undefined }
  const entries = entriesOf(fired, judge)
  let revision = 0
  /** The revision of the store that was in force when all was quiet. */
  let settled = 0
  let isRewritten = false
  const section = pluginsSection(entries) as { plugins: { allowed: string[] } }
  const write = () =>
    directory.write(
      `${name}.yaml`,
      JSON.stringify({
        version: 1,
        listen: { port: 0 },
        admin: { port: 0, api: true, rate: { principal: 1_000_000, address: 1_000_000 } },
        telemetry: { log: { level: 'error' } },
        // the entities are in `store`, the audit is here; what the other replica writes is noticed when the test says so
        store: { url: `sqlite:./${name}.db`, keys: [Buffer.alloc(32, 1).toString('base64')] },
        audit: { sinks: [{ type: 'store' }] },
        registry: { approval, follow: '1h' },
        identity: {
          api_keys: true,
          keys: Object.entries(WHO).map(([who, roles]) => ({
            id: `key-${who}`,
            hash: hashKey(keys[who as Who]),
            principal: who,
            roles,
          })),
        },
        plugins: {
          ...section.plugins,
          allowed: [...section.plugins.allowed, 'deny-list', 'rules'],
          defaults: { timeout: `${5000 + revision++}ms` },
        },
      }),
    )
  const configFile = await write()
  const running = await runGateway({}, entries, { configFile, store, watch: false } as object)
  const { gateway } = running
  const application = express().use('/ops', gateway.admin())
  const mounted = application.listen(0, '127.0.0.1')
  await new Promise((resolve) => mounted.once('listening', resolve))
  return {
    gateway,
    fired,
    judge,
    at: {
      listener: { port: Number(new URL(running.adminUrl).port), base: '' },
      express: { port: (mounted.address() as AddressInfo).port, base: '/ops' },
    },
    async rewrite() {
      await write()
      isRewritten = true
    },
    async settled() {
      const revision = await store.revision()
      if (revision === settled && !isRewritten) return gateway.engine.observers.idle()
      settled = revision
      isRewritten = false
      await settledOf(gateway)
    },
    reset() {
      fired.chain.length = 0
      fired.audit.length = 0
    },
    async [Symbol.asyncDispose]() {
      mounted.closeAllConnections()
      mounted.close()
      await running[Symbol.asyncDispose]()
    },
  }
}

/** What is in the store is in force, its servers are ready, old ones have ended, and all of it has been told. */
async function settledOf(gateway: Gateway): Promise<void> {
  await gateway.apply()
  const isReady = () =>
    [...gateway.state().servers.values()].every(({ upstream }) => upstream.status.state === 'ready')
  for (const end = performance.now() + 4000; !isReady(); ) {
    if (performance.now() > end) throw new Error('a server is not ready')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await gateway.retired()
  await gateway.engine.observers.idle()
}

export interface AdminWorld extends AsyncDisposable {
  /** Writes what it is told to. */
  readonly free: Replica
  /** Keeps every change for somebody else. */
  readonly careful: Replica
  /** Puts what the cell needs in place, on whichever replica it is sent to. */
  prepare(route: Route, variant: Variant): Promise<Prepared>
  clear(): Promise<void>
}

export interface Prepared {
  readonly replica: Replica
  /** What `{id}` is. */
  readonly id: string
  readonly example: Example
}

interface Example {
  readonly id: string
  readonly given: string | undefined
  readonly body: JsonObject
  readonly patch: JsonObject
}

export async function startAdminWorld(): Promise<AdminWorld> {
  const directory = await temporaryDirectory()
  const store = createMemoryStore({ clock: systemClock })
  const behind = await startCatalogued()
  const free = await startReplica(store, directory, 'free', [])
  const careful = await startReplica(
    store,
    directory,
    'careful',
    REGISTRY_SCHEMA.properties.approval.items.enum,
  )
  const seeds = createSeeds(free, careful, behind)
  return {
    free,
    careful,
    prepare: seeds.prepare,
    clear: seeds.clear,
    async [Symbol.asyncDispose]() {
      await free[Symbol.asyncDispose]()
      await careful[Symbol.asyncDispose]()
      await behind[Symbol.asyncDispose]()
      await directory[Symbol.asyncDispose]()
    },
  }
}

const IDS: Readonly<Partial<Record<Kind, string>>> = {
  server: 'files',
  virtual_server: 'analyst',
  policy: 'no-deletes',
  plugin: 'deny-list',
}

export function exampleOf(kind: Kind, behind: Pick<Catalogued, 'url'>): Example {
  if (kind === 'change') return { id: '', given: undefined, body: {}, patch: {} }
  const { id, body, patch } = EXAMPLES[kind]
  const given = IDS[kind] === undefined ? (id ?? 'of-the-matrix') : undefined
  return {
    id: IDS[kind] ?? given ?? '',
    given,
    body: (kind === 'server' ? { name: 'files', url: behind.url } : body) as JsonObject,
    patch: patch as JsonObject,
  }
}

function createSeeds(free: Replica, careful: Replica, behind: Catalogued) {
  const registryOf = ({ gateway }: Replica) => {
    if (!gateway.control) throw new Error('there is no control plane')
    return gateway.control.registry
  }
  const registry = registryOf(free)
  const isThere = (kind: Kind, id: string) =>
    registry.get(kind, id, SYSTEM).then(
      () => true,
      () => false,
    )

  async function ensure(kind: Kind, present: boolean): Promise<boolean> {
    const { id, given, body } = exampleOf(kind, behind)
    if ((await isThere(kind, id)) === present) return false
    const request: WriteRequest = present
      ? { op: 'create', kind, ...(given === undefined ? {} : { id: given }), body }
      : { op: 'remove', kind, id }
    const { outcome } = await registry.write(request, by(SYSTEM))
    if (outcome !== 'written') throw new Error(`the ${kind} of the matrix was ${outcome}`)
    return true
  }

  /** A change that waits, asked for by somebody. */
  async function waiting(who: Who): Promise<string> {
    await ensure(DECIDED_KIND, false)
    const { given, body } = exampleOf(DECIDED_KIND, behind)
    const request = { op: 'create', kind: DECIDED_KIND, id: given ?? '', body } as const
    const made = await registryOf(careful).write(request, by(person(who, ['admin'])))
    if (made.outcome !== 'pending') throw new Error(`the change of the matrix was ${made.outcome}`)
    return made.change.id
  }

  async function place(route: Route, variant: Variant): Promise<string> {
    const { kind, operation } = route
    if (operation === 'reload') await ensure('policy', false)
    // about a server that is there, and which whoever has a say admitted
    if (kind === undefined && route.path.includes('{id}')) {
      await ensure('server', true)
      return exampleOf('server', behind).id
    }
    if (kind === undefined) return ''
    if (kind === 'change')
      return operation === 'listChanges' ? '' : waiting(variant === 'own' ? 'root' : 'second')
    // one that is there is an entry more to load
    if (kind === 'plugin') await ensure('policy', false)
    const isNew = writeOf(route) === 'create' || variant === 'created'
    // as it was, so that the change is one
    if (writeOf(route) === 'update' && variant === 'allowed') await ensure(kind, false)
    await ensure(kind, isNew ? variant === 'exists' : true)
    return exampleOf(kind, behind).id
  }

  return {
    async prepare(route: Route, variant: Variant): Promise<Prepared> {
      const replica = variant === 'waits' || route.kind === 'change' ? careful : free
      const id = await place(route, variant)
      await replica.settled()
      if (route.operation === 'reload') await replica.rewrite()
      replica.reset()
      const example = exampleOf(route.kind ?? 'change', behind)
      return { replica, id: variant === 'unknown' ? 'nothing-0' : id, example }
    },
    async clear() {
      for (const kind of Object.keys(EXAMPLES) as Kind[]) await ensure(kind, false)
      await free.settled()
      await careful.settled()
    },
  }
}

const QUESTION = {
  point: EXPLAINED,
  payload: { file: 'gateway.yaml', digest: 'sha256:00', changed: [], config: {} },
}

/** One request without a body, on the listener. */
export function askAs(who: Who, { at }: Replica, method: string, path: string) {
  const headers = { authorization: `Bearer ${keys[who]}` }
  return ask(at.listener.port, { method, path: `/api/v1${path}`, headers })
}

/** The answers' statuses. */
export async function sendCell(
  route: Route,
  variant: Variant,
  door: Door,
  { replica, id, example }: Prepared,
): Promise<readonly number[]> {
  const { port, base } = replica.at[door]
  const who: Who = variant === 'denied' ? 'nobody' : 'root'
  const query = variant === 'dry' ? '?dryRun=true' : ''
  const body = bodyOf(route, variant, example)
  const asked = {
    method: route.method,
    path: `${base}/api/v1${route.path.replace('{id}', encodeURIComponent(id))}${query}`,
    headers: {
      ...(variant === 'anonymous' ? {} : { authorization: `Bearer ${keys[who]}` }),
      ...(route.body ? { 'content-type': route.body.type } : {}),
      ...(variant === 'conflict' ? { 'if-match': '"999"' } : {}),
      ...(variant === 'created' ? { 'if-none-match': '*' } : {}),
      ...(variant === 'repeated' ? { 'idempotency-key': `${door}-${route.operation}` } : {}),
    },
    ...(body === undefined ? {} : { body }),
  }
  replica.judge.at = variant === 'vetoed' ? 'pre' : variant === 'auth-vetoed' ? 'auth' : undefined
  const statuses = [(await ask(port, asked)).status]
  if (variant === 'repeated') statuses.push((await ask(port, asked)).status)
  replica.judge.at = undefined
  return statuses
}

function bodyOf(route: Route, variant: Variant, { given, body, patch }: Example) {
  if (route.body === undefined) return undefined
  if (variant === 'malformed') return '{'
  if (route.operation === 'explain') return JSON.stringify(QUESTION)
  if (route.kind === 'change' || route.operation === 'attestServer') return '{}'
  if (variant === 'invalid') return JSON.stringify({ body: { ...body, nonsense: true } })
  if (route.method === 'PATCH') return JSON.stringify({ body: patch })
  const changed =
    writeOf(route) === 'update' && variant !== 'created' ? { ...body, ...patch } : body
  return JSON.stringify({
    ...(route.method === 'POST' && given !== undefined ? { id: given } : {}),
    body: changed,
  })
}
