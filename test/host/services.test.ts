// What a plugin's setup is handed: only what was granted, bounded, redacted, and without effect in a dry run.
import { describe, expect, it } from 'vitest'
import { intersectHosts } from '../../src/host/permissions.ts'
import { createStorageShelf } from '../../src/host/services/shelf.ts'
import { createDryRuns, createStorage } from '../../src/host/services/storage.ts'
import { definePlugin, deny, type Permissions, type PluginHost } from '../../src/plugin.ts'
import { createPluginHarness, type HarnessOptions } from '../../src/testing.ts'
import { CALL } from './support.ts'

/** Runs `use` as the handler of one call, and hands back what it made or threw. */
async function inside(
  use: (host: PluginHost) => unknown,
  more: Partial<HarnessOptions> & { permissions?: Permissions; dryRun?: boolean } = {},
) {
  const { permissions = {}, dryRun = false, ...options } = more
  const seen: unknown[] = []
  const plugin = definePlugin({
    id: 'probe',
    permissions,
    setup: (_config, host) => ({
      hooks: {
        async tool_pre_invoke() {
          try {
            seen.push(await use(host))
          } catch (error) {
            seen.push(error)
          }
        },
      },
    }),
  })
  const harness = await createPluginHarness({ plugin, ...options })
  await harness.dispatch('tool_pre_invoke', CALL, { dryRun })
  await harness.close()
  return { value: seen[0], harness }
}

describe('the host of a plugin', () => {
  it('reaches hosts that the manifest asks for and the entry grants, and no others', async () => {
    const asked: (readonly string[])[] = []
    const answer = { status: 200, headers: {}, body: new Uint8Array() }
    const fetch: HarnessOptions['fetch'] = async (_url, { allowed }) => {
      asked.push(allowed)
      return answer
    }
    const use = (host: PluginHost) => host.fetch('https://api.example.com/')
    const permissions = { network: ['*.example.com', 'other.test'] }
    const granted = await inside(use, {
      permissions,
      grants: { network: ['api.example.com'] },
      fetch,
    })
    expect(granted.value).toBe(answer)
    expect(asked).toEqual([['api.example.com']])
    for (const more of [
      { permissions },
      { grants: { network: ['*'] } },
      { permissions, grants: { network: ['elsewhere.test'] } },
    ])
      expect((await inside(use, { ...more, fetch })).value).toMatchObject({
        code: 'PLUGIN_PERMISSION',
      })
    expect(asked).toHaveLength(1)
  })

  it('reaches nothing in a dry run', async () => {
    const permissions = { network: ['*'] }
    const use = (host: PluginHost) => host.fetch('https://api.example.com/')
    const fetch: HarnessOptions['fetch'] = async () => {
      throw new Error('it was called')
    }
    const { value } = await inside(use, { permissions, grants: permissions, fetch, dryRun: true })
    expect(value).toMatchObject({
      code: 'PLUGIN_PERMISSION',
      message: 'probe: a dry run reaches nothing outside',
    })
  })

  it('reads variables that are asked for and granted, and no others', async () => {
    const env = { TOKEN: 't', OTHER: 'o' }
    const both = { permissions: { env: ['TOKEN'] }, grants: { env: ['TOKEN', 'OTHER'] }, env }
    expect((await inside((host) => host.secrets.env('TOKEN'), both)).value).toBe('t')
    expect((await inside((host) => host.secrets.env('OTHER'), both)).value).toMatchObject({
      code: 'PLUGIN_PERMISSION',
    })
  })

  it.each([
    { filesystem_read: ['/srv'] },
    { filesystem_write: ['/srv'] },
    { shell: true },
    { api: ['servers'] },
  ])('does not load with the trust %j unless all of it is granted', async (permissions) => {
    await expect(inside(() => 1, { permissions })).rejects.toThrow(
      `asks for ${Object.keys(permissions)}, which its entry does not grant`,
    )
    expect((await inside(() => 1, { permissions, grants: permissions })).value).toBe(1)
  })

  it('keeps secrets and bodies out of logs and events', async () => {
    const { harness } = await inside((host) => {
      host.log.info('sent with Bearer abcdef123456', { token: 't', arguments: { a: 1 }, count: 2 })
      host.emit({
        type: 'seen',
        severity: 'critical',
        data: { password: 'p', content: ['x'], kept: 1 },
      })
    })
    expect(harness.logs).toEqual([
      {
        level: 'info',
        message: 'sent with Bearer [redacted]',
        fields: { token: '[redacted]', arguments: '[body]', count: 2 },
      },
    ])
    expect(harness.events).toEqual([
      {
        kind: 'alert',
        entry: 'probe',
        plugin: 'probe',
        details: {
          type: 'seen',
          severity: 'critical',
          data: { password: '[redacted]', content: '[body]', kept: 1 },
        },
      },
    ])
  })

  it('counts under a bounded number of names', async () => {
    const { value, harness } = await inside((host) => {
      for (let index = 0; index < 100; index++) host.metrics.count(`n${index}`)
      host.metrics.count('n1', 4)
      host.metrics.count('Not A Name')
    })
    expect(Object.keys(harness.counters)).toHaveLength(32)
    expect(harness.counters.n1).toBe(5)
    expect(value).toBeInstanceOf(TypeError)
  })

  it('evaluates CEL over the variables of `when`', async () => {
    const plugin = definePlugin({
      id: 'probe',
      setup(_config, host) {
        const program = host.match.cel(
          'principal.id + "@" + server.name + ":" + payload.name + " " + string(size(labels)) + client.name',
        )
        return {
          hooks: {
            tool_pre_invoke: (payload, context) =>
              deny({ code: 'SAID', reason: String(program('tool_pre_invoke', payload, context)) }),
          },
        }
      },
    })
    await using harness = await createPluginHarness({ plugin })
    const { outcome } = await harness.dispatch('tool_pre_invoke', CALL, {
      principal: { id: 'ann' },
      server: { name: 'files' },
      labels: ['a'],
    })
    expect(outcome).toMatchObject({ violation: { reason: 'ann@files:read 1' } })
  })
})

describe('storage', () => {
  it('forgets the key that was used least recently, and what has expired', () => {
    let now = 0
    const storage = createStorage(() => now, 2)
    storage.set('a', 1)
    storage.set('b', 2)
    storage.get('a')
    storage.set('c', 3, 100)
    expect([storage.get('a'), storage.get('b'), storage.get('c')]).toEqual([1, undefined, 3])
    now = 100
    expect([storage.get('a'), storage.get('c')]).toEqual([1, undefined])
    storage.delete('a')
    expect(storage.get('a')).toBeUndefined()
    expect(() => storage.set('k'.repeat(513), 1)).toThrow('at most 512')
  })

  it('keeps what a dry run writes for that call only, also after a wait', async () => {
    const runs = createDryRuns()
    const real = createStorage(() => 0, 10)
    const storage = runs.overlay(real)
    storage.set('a', 1)
    await runs.run(async () => {
      storage.set('a', 2)
      storage.set('b', 2)
      await new Promise((resolve) => setTimeout(resolve, 1))
      expect([storage.get('a'), storage.get('b')]).toEqual([2, 2])
      storage.delete('a')
      expect(storage.get('a')).toBeUndefined()
    })
    expect([storage.get('a'), storage.get('b')]).toEqual([1, undefined])
    runs.run(() => expect(storage.get('a')).toBe(1))
  })

  it('is the same for the same entry and plugin as long as somebody holds it', () => {
    const shelf = createStorageShelf(() => 0)
    const first = shelf.take('a', 'p')
    first.storage.set('k', 1)
    const second = shelf.take('a', 'p')
    first.giveBack()
    first.giveBack()
    expect(second.storage.get('k')).toBe(1)
    expect(shelf.take('a', 'q').storage.get('k')).toBeUndefined()
    second.giveBack()
    expect(shelf.take('a', 'p').storage.get('k')).toBeUndefined()
  })
})

describe('the intersection of hosts', () => {
  it.each([
    [['*'], ['a.test'], ['a.test']],
    [['*.a.test'], ['x.a.test', 'a.test', 'b.test'], ['x.a.test']],
    [['x.a.test'], ['*.a.test'], ['x.a.test']],
    [['*.a.test'], ['*.x.a.test'], ['*.x.a.test']],
    [['a.test:8443'], ['a.test'], ['a.test:8443']],
    [['*.a.test:443'], ['x.a.test'], ['x.a.test:443']],
    [['a.test:1'], ['a.test:2'], []],
    [['[::1]:80'], ['[::1]'], ['[::1]:80']],
    [['A.Test'], ['a.test'], ['a.test']],
    [[], ['*'], []],
    [['evil-a.test'], ['*a.test'], []],
  ])('of %j and %j is %j', (asked, granted, both) => {
    expect(intersectHosts(asked, granted)).toEqual(both)
  })
})
