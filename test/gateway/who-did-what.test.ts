// Who did what, found in the audit through the admin API: logins, failed ones, writes and how they ended, and the life of the process.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hashKey, mintKey } from '../../src/identity/api-key.ts'
import { deny } from '../../src/plugin.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { connect } from './peers.ts'
import { type CodeEntry, runGateway, type Started } from './running.ts'

const ann = mintKey('ann-key').key
const tom = mintKey('tom-key').key
const stranger = mintKey('stranger').key

const guard: CodeEntry = {
  name: 'guard',
  hooks: {
    server_pre_register: ({ id }) =>
      id === 'bad' ? deny({ code: 'NOT_THIS', reason: 'not this one' }) : undefined,
  },
}

let directory: TemporaryDirectory
let gateway: Started

beforeEach(async () => {
  directory = await temporaryDirectory()
  gateway = await start()
})
afterEach(async () => {
  await gateway.stop({ now: true })
  await directory[Symbol.asyncDispose]()
})

const start = () =>
  runGateway(
    {
      admin: { api: true, port: 0 },
      store: { url: `sqlite:${directory.path}/data/portcullis.db` },
      audit: { sinks: [{ type: 'store' }] },
      registry: { approval: ['role'] },
      identity: {
        api_keys: true,
        keys: [
          { id: 'ann-key', hash: hashKey(ann), principal: 'ann', kind: 'user', roles: ['admin'] },
          { id: 'tom-key', hash: hashKey(tom), principal: 'tom', roles: ['admin'], tenant: 'acme' },
        ],
      },
    },
    [guard],
  )

const TYPES: Record<string, string> = { PATCH: 'application/merge-patch+json' }

async function api(path: string, { key = ann, ...init }: RequestInit & { key?: string } = {}) {
  const headers = {
    authorization: `Bearer ${key}`,
    ...(init.body ? { 'content-type': TYPES[init.method ?? ''] ?? 'application/json' } : {}),
  }
  const answer = await fetch(`${gateway.adminUrl}/api/v1${path}`, { ...init, headers })
  const text = await answer.text()
  return { status: answer.status, text, json: /^\{.*\}$/.test(text) ? JSON.parse(text) : undefined }
}
const post = (path: string, body: object, how: object = {}) =>
  api(path, { method: 'POST', body: JSON.stringify({ body }), ...how })

type Found = Record<string, unknown> & { readonly entity: object; readonly details: object }
const found = async (query: string, key = ann): Promise<Found[]> =>
  (await api(`/audit?limit=100&${query}`, { key })).json.items.toReversed()

/** Records are kept within moments. */
const counted = (query: string, count: number) =>
  expect.poll(async () => (await found(query)).length, { timeout: 10_000 }).toBe(count)

const server = (name: string) => ({ name, url: 'http://127.0.0.1:9/mcp' })

describe('a write', () => {
  it('is found with who, what, how it ended, what changed and what was in force', async () => {
    await post('/servers', { ...server('one'), headers: { 'x-secret': 'hunter2' } })
    const patch = { body: { tags: ['prod'] } }
    await api('/servers/one', { method: 'PATCH', body: JSON.stringify(patch) })
    await post('/servers?dryRun=true', server('two'))
    await post('/servers', server('bad'))
    await post('/roles', {}, { body: JSON.stringify({ id: 'r', body: { allow: [] } }) })
    await api('/servers/one', { method: 'DELETE' })
    await counted('kind=write', 6)
    const writes = await found('kind=write&principal=ann')
    const about = writes.map(({ action, target, outcome }) => `${action} ${target}: ${outcome}`)
    expect(about).toEqual([
      'create server one: written',
      'update server one: written',
      'create server two: dry_run',
      'create server bad: vetoed',
      'create role r: pending',
      'remove server one: written',
    ])
    const changed = writes.map((write) => [write.changed].flat().toSorted().join(' '))
    expect(changed).toEqual(['headers name url', 'tags', 'name url', 'name url', 'allow', ''])
    expect(writes[1]).toMatchObject({
      principal: { id: 'ann', kind: 'user' },
      surface: 'admin',
      requestId: expect.any(String),
      entity: { kind: 'server', id: 'one', version: 2, revision: expect.any(Number) },
      generation: expect.any(Number),
      digest: expect.stringMatching(/^[0-9a-f]{32}$/),
    })
    expect(writes[3]).toMatchObject({ entry: 'guard', code: 'NOT_THIS', reason: 'not this one' })
    expect(await found('kind=write&outcome=vetoed')).toHaveLength(1)
    expect(JSON.stringify(writes)).not.toContain('hunter2')
  })

  it('of a tenant is found by that tenant', async () => {
    await post('/servers', server('one'))
    await post('/servers', server('own'), { key: tom })
    await counted('kind=write', 2)
    const own = await found('kind=write', tom)
    expect(own.map(({ entity }) => entity)).toMatchObject([{ id: 'own', tenant: 'acme' }])
  })

  it('that nobody may make is found as a decision', async () => {
    const { text } = await post('/keys', { principal: 'v', roles: ['viewer'] })
    const viewer = JSON.parse(text).once.key
    expect((await post('/servers', server('one'), { key: viewer })).status).toBe(403)
    await counted('kind=decision', 1)
    expect((await found('kind=decision&principal=v&code=AUTH_DENIED'))[0]).toMatchObject({
      action: 'api:server.write',
      verdict: 'deny',
      surface: 'admin',
    })
  })
})

describe('a login', () => {
  it('is found once for a key, whichever plane it came in by, with the id of the key', async () => {
    for (let round = 0; round < 3; round++) await api('/me')
    const peer = await connect('modern', gateway.url, {
      headers: { authorization: `Bearer ${ann}` },
    })
    await peer.request('tools/list')
    await api('/me', { key: tom })
    await counted('kind=login', 2)
    expect(await found('kind=login&principal=ann')).toMatchObject([
      { principal: { id: 'ann' }, details: { by: 'api_key', id: 'ann-key', address: '127.0.0.1' } },
    ])
    expect(await found('kind=login', tom)).toMatchObject([{ principal: { tenant: 'acme' } }])
  })

  it('that failed is found without what was shown', async () => {
    expect((await api('/me', { key: stranger })).status).toBe(401)
    await counted('kind=login_failed', 1)
    const peer = connect('modern', gateway.url, {
      headers: { authorization: `Bearer ${stranger}` },
    })
    await peer.then((known) => known.request('tools/list')).catch(() => {})
    await counted('kind=login_failed', 2)
    const [onApi, onMcp] = await found('kind=login_failed&code=AUTH_INVALID')
    expect(onApi).toMatchObject({ surface: 'admin', reason: 'the API key is not valid' })
    expect(onMcp).toMatchObject({ details: { key: 'stranger', untold: 0 } })
    const everything = await api('/audit/export?limit=1000')
    for (const key of [ann, tom, stranger]) expect(everything.text).not.toContain(key.slice(12))
  })
})

it('the life of the process is found: that it began, was ready, drained and ended', async () => {
  await gateway.stop()
  gateway = await start()
  await counted('kind=lifecycle', 6)
  const life = await found('kind=lifecycle')
  expect(life.map(({ outcome }) => outcome)).toEqual([
    'start',
    'ready',
    'drain',
    'stop',
    'start',
    'ready',
  ])
  expect(life[1]).toMatchObject({
    generation: 1,
    digest: expect.stringMatching(/^[0-9a-f]{32}$/),
    details: { version: expect.any(String), pid: process.pid },
  })
})
