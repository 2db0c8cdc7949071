// The rows of the coverage matrix in which no client takes part: start, reload, loading of plugins, shutdown, what servers list.

import type { AddressInfo } from 'node:net'
import express from 'express'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createGateway, type Gateway } from '../../../src/app/gateway.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { ANONYMOUS, type Principal } from '../../../src/engine/context.ts'
import { LISTS, type ListKind } from '../../../src/gateway/catalog/listing.ts'
import { hashKey, mintKey } from '../../../src/identity/api-key.ts'
import { deny, type PluginContext, type PointName } from '../../../src/plugin.ts'
import type { WriteRequest } from '../../../src/registry/registry.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { type Lists, startCatalogued, tool } from '../../gateway/catalogued.ts'
import { type CodeEntry, memoryLog, pluginsOf, pluginsSection } from '../../gateway/running.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/directory.ts'
import { openSession } from '../../support/rpc.ts'
import { COUNTED, countOf, SYSTEM_CELLS } from './expected.ts'
import { SYSTEM_EVENTS } from './operations.ts'

let directory: TemporaryDirectory
let gateway: Gateway
let fired: PointName[]
/** What comes after is no part of the row, such as that the server behind goes. */
let over: boolean
let refuse: Refusal | undefined
type Refusal = 'config' | 'load' | 'listed' | 'declared' | 'break'

const counting: CodeEntry = {
  name: 'counting',
  priority: -1000,
  hooks: Object.fromEntries(
    COUNTED.map((point) => [
      point,
      (_: unknown, __: PluginContext) => {
        if (!over) fired.push(point)
      },
    ]),
  ),
}
const judging: CodeEntry = {
  name: 'judging',
  hooks: {
    config_pre_reload: () =>
      refuse === 'config' ? deny({ code: 'NO', reason: 'not today' }) : undefined,
    plugin_pre_load: ({ entry }) =>
      refuse === 'load' && entry === 'loaded'
        ? deny({ code: 'NO', reason: 'not this' })
        : undefined,
    server_pre_register: judgeDeclared,
    auth_pre_create: judgeDeclared,
    tool_pre_register: judgeListed,
    prompt_pre_register: judgeListed,
    resource_pre_create: judgeListed,
  },
}
function judgeDeclared() {
  return refuse === 'declared' ? deny({ code: 'NO', reason: 'not this' }) : undefined
}
function judgeListed() {
  if (refuse === 'break') throw new Error('on purpose')
  return refuse === 'listed' ? deny({ code: 'NO', reason: 'not this' }) : undefined
}
const loaded: CodeEntry = { name: 'loaded', hooks: { error_raised() {} }, mode: 'audit' }
const entries = [counting, judging, loaded]

const write = (config: object) =>
  directory.write(
    'gateway.yaml',
    JSON.stringify({ version: 1, ...pluginsSection(entries), ...config }),
  )

const changed = { namespacing: { mode: 'never' } }

beforeEach(async () => {
  fired = []
  over = false
  refuse = undefined
  directory = await temporaryDirectory()
  const configFile = await write({})
  gateway = await createGateway({ configFile, plugins: pluginsOf(entries), log: memoryLog() })
})
afterEach(async () => {
  await gateway.close()
  await directory[Symbol.asyncDispose]()
})

const CARRY_OUT: Readonly<Record<string, () => Promise<unknown>>> = {
  start: async () => {},
  applied: () => reloaded('applied', changed),
  unchanged: () => reloaded('unchanged', {}),
  invalid: () => reloaded('refused', { namespacing: { mode: 'sideways' } }),
  vetoed: () => reloaded('refused', changed, 'config'),
  'vetoed-load': () => reloaded('applied', changed, 'load'),
  'sync-new': () => synced(NOTHING, definitions('one')),
  'sync-same': () => synced(definitions('one'), definitions('one')),
  'sync-reload': () => syncedAfterReload(),
  'sync-changed': () => synced(definitions('one'), definitions('two')),
  'sync-vanished': () => synced(definitions('one'), NOTHING),
  'sync-vetoed': () => synced(NOTHING, definitions('one'), 'listed'),
  'sync-broken': () => synced(NOTHING, definitions('one'), 'break'),
  'declared-new': () => declared([], [{}]),
  'declared-changed': () => declared([{}], [{ tags: ['other'] }]),
  'declared-gone': () => declared([{}], []),
  'declared-start': () => declaredAll('start'),
  'declared-all': () => declaredAll('all'),
  'declared-otherwise': () => declaredAll('otherwise'),
  'declared-none': () => declaredAll('none'),
  'declared-quarantined': () =>
    declaredRefused('applied', (url) => ({ servers: [{ name: 'a', url }] })),
  'declared-refused': () => declaredRefused('refused', () => ({ identity: { roles: { r: {} } } })),
  'followed-new': () => followed(),
  'written-new': () => written('new'),
  'written-changed': () => written('changed'),
  'written-gone': () => written('gone'),
  shutdown: async () => {
    const application = express().use('/mcp', gateway.mcp())
    const server = application.listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    for (const _ of ['one', 'two']) await openSession(`http://127.0.0.1:${port}/mcp`)
    fired = []
    server.closeAllConnections()
    server.close()
    await gateway.close()
  },
}

const definitions = (description: string): Lists => ({
  tools: [tool('t', description)],
  prompts: [{ name: 'p', description }],
  resources: [{ uri: 'x://r', name: 'r', description }],
  resourceTemplates: [{ uriTemplate: 'x://{t}', name: 't', description }],
})
const NOTHING: Lists = { tools: [], prompts: [], resources: [], resourceTemplates: [] }

/** A server is there; what is listed first is not counted, what is listed then is. */
async function synced(first: Lists, then: Lists, refusal?: 'listed' | 'break') {
  await using behind = await startCatalogued(first)
  await write({ servers: [{ name: 'a', url: behind.url }] })
  expect((await gateway.reload()).outcome).toBe('applied')
  await listAll()
  fired = []
  refuse = refusal
  Object.assign(behind.lists, then)
  await listAll()
}

async function listAll() {
  const { catalogs } = gateway.state().runtime
  for (const catalog of [catalogs.legacy, catalogs.modern]) {
    catalog.invalidate('a')
    for (const kind of Object.keys(LISTS) as ListKind[]) await catalog.list(kind)
  }
  await gateway.engine.observers.idle()
}

async function syncedAfterReload() {
  await using behind = await startCatalogued(definitions('one'))
  const servers = [{ name: 'a', url: behind.url }]
  await write({ servers })
  await gateway.reload()
  await listAll()
  await reloaded('applied', { servers, ...changed })
  await listAll()
}

async function reloaded(outcome: string, config: object, refusal?: Refusal) {
  fired = []
  refuse = refusal
  await write(config)
  expect((await gateway.reload()).outcome).toBe(outcome)
}

/** From one set of servers to another. */
async function declared(first: readonly object[], then: readonly object[]) {
  await using behind = await startCatalogued(NOTHING)
  const of = (servers: readonly object[]) => ({
    servers: servers.map((more) => ({ name: 'a', url: behind.url, ...more })),
  })
  await write(of(first))
  await gateway.reload()
  await settled(first.length)
  await reloaded('applied', of(then))
  await settled(then.length)
  over = true
}

/** One entity of each kind that can be declared; `more` changes each. */
function everyKind(url: string, more: boolean): object {
  const { plugins } = pluginsSection(entries) as { plugins: { entries: object[] } }
  const listed = [...plugins.entries, { name: 'words', use: 'deny-list', config: WORDS(more) }]
  return {
    servers: [{ name: 'a', url, ...(more ? { tags: ['other'] } : {}) }],
    virtual_servers: [{ name: 'part', path: '/mcp/part', tools: [more ? 'a__x*' : 'a__*'] }],
    // biome-ignore lint/suspicious/noThenProperty: the word of the contract; the value is never awaited
    policies: [{ name: 'p', on: ['tool_pre_invoke'], then: 'deny', reason: more ? 'no' : 'never' }],
    plugins: {
      ...plugins,
      allowed: [...entries.map(({ name }) => name), 'deny-list', 'rules'],
      entries: listed,
    },
    identity: {
      api_keys: true,
      principals: [{ id: 'ann', disabled: more }],
      roles: { r: { inherits: more ? ['viewer'] : [] } },
      grants: [{ roles: ['r'], principals: [more ? 'ann' : 'bob'] }],
      keys: [{ id: 'key-a', hash: hashKey(KEY), principal: 'ann', roles: more ? ['r'] : [] }],
    },
  }
}
const WORDS = (more: boolean) => ({ words: [more ? 'x' : 'y'] })
const KEY = mintKey('key-a', (bytes) => Buffer.alloc(bytes, 1)).key

async function declaredAll(last: 'start' | 'all' | 'otherwise' | 'none') {
  await using behind = await startCatalogued(NOTHING)
  if (last === 'start') {
    await gateway.close()
    fired = []
    const configFile = await write(everyKind(behind.url, false))
    gateway = await createGateway({ configFile, plugins: pluginsOf(entries), log: memoryLog() })
    await settled(1)
  } else {
    const steps = {
      all: everyKind(behind.url, false),
      otherwise: everyKind(behind.url, true),
      none: {},
    }
    for (const [step, config] of Object.entries(steps)) {
      await reloaded('applied', config)
      await settled(step === 'none' ? 0 : 1)
      if (step === last) break
    }
  }
  over = true
}

async function declaredRefused(outcome: string, config: (url: string) => object) {
  await using behind = await startCatalogued(NOTHING)
  await reloaded(outcome, config(behind.url), 'declared')
  await gateway.engine.observers.idle()
  over = true
}

/** Two replicas over one store: what is counted is the one that has written nothing. */
async function followed() {
  await using behind = await startCatalogued(NOTHING)
  await gateway.close()
  const store = createMemoryStore({ clock: systemClock })
  const config = { version: 1, admin: { api: true }, store: KEYS, registry: { follow: '1h' } }
  const writer = await createGateway({ config, store, log: memoryLog() })
  const counted = { config: { ...config, ...pluginsSection(entries) }, plugins: pluginsOf(entries) }
  gateway = await createGateway({ ...counted, store, log: memoryLog() })
  await gateway.engine.observers.idle()
  fired = []
  for (const kind of WRITTEN)
    await writer.control?.registry.write(createOf(kind, behind.url), {
      principal: WRITER,
      requestId: 'followed',
      surface: 'admin',
    })
  await gateway.apply()
  await settled(1)
  over = true
  await writer.close()
}

const BODIES = {
  server: (url: string) => ({ name: 'a', url }),
  role: () => ({}),
  peer: () => ({ url: 'https://peer.example.com' }),
} as const
const PATCHES = {
  server: { tags: ['other'] },
  role: { inherits: ['viewer'] },
  peer: { description: 'other' },
}
const WRITTEN = ['server', 'role', 'peer'] as const
const WRITER: Principal = Object.freeze({
  ...ANONYMOUS,
  id: 'root',
  kind: 'user',
  roles: ['admin'],
})

/** Entities of three kinds, up to and with what is counted. */
async function written(last: 'new' | 'changed' | 'gone') {
  await using behind = await startCatalogued(NOTHING)
  await gateway.close()
  const config = { version: 1, admin: { api: true }, store: KEYS, ...pluginsSection(entries) }
  const store = createMemoryStore({ clock: systemClock })
  const options = { config, store, plugins: pluginsOf(entries), log: memoryLog() }
  gateway = await createGateway(options)
  const steps = { new: createOf, changed: changeOf, gone: removeOf }
  for (const [step, request] of Object.entries(steps)) {
    fired = []
    for (const kind of WRITTEN)
      await gateway.control?.registry.write(request(kind, behind.url), {
        principal: WRITER,
        requestId: step,
        surface: 'admin',
      })
    await gateway.apply()
    await settled(step === 'gone' ? 0 : 1)
    over = step === last
    if (over) return
  }
}

const KEYS = { keys: [Buffer.alloc(32, 1).toString('base64')] }
type Writing = (kind: (typeof WRITTEN)[number], url: string) => WriteRequest
const createOf: Writing = (kind, url) => ({
  op: 'create',
  kind,
  ...(kind === 'server' ? {} : { id: 'a' }),
  body: BODIES[kind](url),
})
const changeOf: Writing = (kind) => ({ op: 'merge', kind, id: 'a', patch: PATCHES[kind] })
const removeOf: Writing = (kind) => ({ op: 'remove', kind, id: 'a' })

/** So many servers are there and ready, the old ones have ended, and all of it has been told. */
async function settled(servers: number) {
  const isSettled = () => {
    const now = [...gateway.state().servers.values()]
    return now.length === servers && now.every(({ upstream }) => upstream.status.state === 'ready')
  }
  for (const end = performance.now() + 4000; !isSettled(); ) {
    if (performance.now() > end) throw new Error('the servers are not as they should be')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await gateway.retired()
  await gateway.engine.observers.idle()
}

it.each(SYSTEM_EVENTS)('$title', async ({ id }) => {
  await CARRY_OUT[id]?.()
  await new Promise((resolve) => setTimeout(resolve, 20))
  const cell = SYSTEM_CELLS[id]
  const counts = Object.fromEntries(COUNTED.map((point) => [point, 0])) as Record<string, number>
  for (const point of fired) counts[point] = (counts[point] ?? 0) + 1
  const row = Object.fromEntries(COUNTED.map((point) => [point, cell ? countOf(cell, point) : -1]))
  expect(counts).toEqual(row)
})
