// Secrets of entities: nobody reads them, plugins do not see them, a mask keeps them, and they do not follow a server to another host.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/base/json.ts'
import { patch } from '../../src/plugin.ts'
import { KIND_TABLE } from '../../src/registry/kinds.ts'
import type { WriteRequest } from '../../src/registry/registry.ts'
import { openBody } from '../../src/registry/secrets.ts'
import { createKeyRing } from '../../src/store/keys.ts'
import { createSealer } from '../../src/store/seal.ts'
import { ALICE, type Bench, bench, by } from './bench.ts'

const MASK = '[redacted]'
const sealer = createSealer(() => createKeyRing([Buffer.alloc(32, 7).toString('base64')]))
const SERVER: WriteRequest = {
  op: 'create',
  kind: 'server',
  body: { name: 'a', url: 'https://a.example.com/mcp', headers: { 'X-Key': 'hush', 'X-B': 'two' } },
}
const merge = (patched: JsonObject): WriteRequest => ({
  op: 'merge',
  kind: 'server',
  id: 'a',
  patch: patched,
})

async function opened(b: Bench, kind: 'server' | 'plugin' = 'server', id = 'a') {
  const stored = await b.store.get(kind, id)
  return openBody(KIND_TABLE[kind], { kind, id }, stored?.body ?? {}, sealer)
}
const problemsOf = (promise: Promise<unknown>) =>
  promise.then(
    () => [],
    (error) => error.data?.problems.map(({ path }: { path: string }) => path),
  )

describe('a secret member', () => {
  it('is sealed in the store, and masked for readers and plugins', async () => {
    const b = bench()
    const outcome = await b.registry.write(SERVER, by())
    await b.registry.write(merge({ tags: ['x'] }), by())
    expect(outcome).toMatchObject({ entity: { body: { headers: { 'X-Key': MASK } } } })
    const seen = [
      b.fired,
      await b.registry.get('server', 'a', ALICE),
      await b.store.get('server', 'a'),
    ]
    expect(JSON.stringify(seen)).not.toContain('hush')
    expect((await opened(b)).headers).toEqual({ 'X-Key': 'hush', 'X-B': 'two' })
  })

  it('is kept where its mask comes back, and is another where a value comes', async () => {
    const b = bench()
    await b.registry.write(SERVER, by())
    const { body } = await b.registry.get('server', 'a', ALICE)
    await b.registry.write(
      { op: 'replace', kind: 'server', id: 'a', body: { ...body, tags: ['x'] } },
      by(),
    )
    expect((await opened(b)).headers).toEqual({ 'X-Key': 'hush', 'X-B': 'two' })
    await b.registry.write(merge({ headers: { 'X-Key': 'new', 'X-B': null } }), by())
    expect((await opened(b)).headers).toEqual({ 'X-Key': 'new' })
  })

  it('is kept by a plugin that sends back what it saw', async () => {
    const hooks = {
      server_pre_register: ({ entity }: Record<string, unknown>) =>
        patch({ entity: { ...(entity as object), tags: ['seen'] } }),
    }
    const b = bench({ hooks })
    await b.registry.write(SERVER, by())
    expect(await opened(b)).toMatchObject({ headers: { 'X-Key': 'hush' }, tags: ['seen'] })
  })

  it('cannot be a mask with nothing behind it', async () => {
    const masked = {
      ...SERVER,
      body: { name: 'a', url: 'https://a.example.com', headers: { 'X-Key': MASK } },
    }
    expect(await problemsOf(bench().registry.write(masked as WriteRequest, by()))).toEqual([
      'headers.X-Key',
    ])
  })

  it('does not follow its server to another host, and follows it to another path', async () => {
    const b = bench()
    await b.registry.write(SERVER, by())
    const away = merge({ url: 'https://evil.example.com/mcp' })
    expect(await problemsOf(b.registry.write(away, by()))).toEqual(['headers.X-Key', 'headers.X-B'])
    await b.registry.write(merge({ url: 'https://a.example.com/other' }), by())
    await b.registry.write(
      merge({ url: 'https://evil.example.com/mcp', headers: { 'X-Key': 'mine', 'X-B': null } }),
      by(),
    )
    expect((await opened(b)).headers).toEqual({ 'X-Key': 'mine' })
  })

  it('is not sent away by a plugin either', async () => {
    const hooks = {
      server_pre_register: ({ entity }: Record<string, unknown>) =>
        patch({ entity: { ...(entity as object), url: 'https://evil.example.com' } }),
    }
    const b = bench({ hooks })
    await expect(b.registry.write(SERVER, by())).rejects.toMatchObject({
      code: 'PLUGIN_PATCH_INVALID',
    })
    expect(await b.store.revision()).toBe(0)
  })
})

describe('the configuration of a plugin', () => {
  const PLUGIN: WriteRequest = {
    op: 'create',
    kind: 'plugin',
    body: {
      use: 'mine',
      config: {
        words: ['a'],
        token: 'hush',
        hosts: [
          { name: 'n', secret: 's1' },
          { name: 'm', secret: 's2' },
        ],
      },
    },
  }
  const change = (config: JsonObject): WriteRequest => ({
    op: 'merge',
    kind: 'plugin',
    id: 'mine',
    patch: { config },
  })

  it('is sealed whole, and shown but for what is called like a secret', async () => {
    const b = bench()
    await b.registry.write(PLUGIN, by())
    expect((await b.registry.get('plugin', 'mine', ALICE)).body.config).toEqual({
      words: ['a'],
      token: MASK,
      hosts: [
        { name: 'n', secret: MASK },
        { name: 'm', secret: MASK },
      ],
    })
    expect(JSON.stringify(await b.store.get('plugin', 'mine'))).not.toContain('words')
    const patched = { op: 'merge', kind: 'plugin', id: 'mine', patch: { priority: 5 } } as const
    await b.registry.write(patched, by())
    expect((await opened(b, 'plugin', 'mine')).config).toMatchObject({
      words: ['a'],
      token: 'hush',
    })
  })

  it('keeps no secret when anything else in it changes: which of it is an address is not known', async () => {
    const b = bench()
    await b.registry.write(PLUGIN, by())
    expect(await problemsOf(b.registry.write(change({ words: ['b'] }), by()))).toEqual([
      'config.token',
      'config.hosts.0.secret',
      'config.hosts.1.secret',
    ])
    await b.registry.write(change({ words: ['b'], token: 'new', hosts: null }), by())
    expect((await opened(b, 'plugin', 'mine')).config).toEqual({ words: ['b'], token: 'new' })
  })

  it('does not give the secret of one item of a list to another', async () => {
    const b = bench()
    await b.registry.write(PLUGIN, by())
    const swapped = [
      { name: 'm', secret: MASK },
      { name: 'n', secret: MASK },
    ]
    expect(await problemsOf(b.registry.write(change({ hosts: swapped }), by()))).toEqual([
      'config.token',
      'config.hosts.0.secret',
      'config.hosts.1.secret',
    ])
  })
})
