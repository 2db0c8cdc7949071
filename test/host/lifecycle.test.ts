// Setting up, declining, failing, vetoing, closing: who is left out, who is not affected, and who is told.
import { chmod, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { definePlugin, deny, type PluginDefinition } from '../../src/plugin.ts'
import { CALL, createBench, dispatch, manifest, pluginFolder, refusal } from './support.ts'

const words = '{ name: words, use: deny-list, config: { words: [x] } }'
const yaml = (entry: string, ids = 'own') =>
  `plugins: { enabled: true, allowed: [deny-list, ${ids}], entries: [${words}, ${entry}] }\n`

function own(
  setup: PluginDefinition['setup'],
  more: Partial<PluginDefinition> = {},
): PluginDefinition {
  return definePlugin({ id: 'own', ...more, setup })
}
const hooks = { tool_pre_invoke: () => deny({ code: 'OWN', reason: 'own' }) }

describe('a plugin given in code', () => {
  it('loads under the same gates and runs like any other', async () => {
    const bench = createBench()
    const code = [own(() => ({ hooks }), { version: '2.1.0', description: 'mine' })]
    const loaded = await bench.load(yaml('{ name: o, use: own, version: ^2.0.0 }'), { code })
    expect(loaded.entries[1]).toMatchObject({
      name: 'o',
      source: 'code',
      version: '2.1.0',
      description: 'mine',
      hooks: ['tool_pre_invoke'],
      state: 'loaded',
    })
    expect((await dispatch(loaded, 'tool_pre_invoke', CALL)).outcome).toMatchObject({
      violation: { code: 'OWN' },
    })
    expect(bench.records).toMatchObject([
      { kind: 'load', entry: 'words', outcome: 'loaded' },
      {
        kind: 'load',
        entry: 'o',
        outcome: 'loaded',
        details: { version: '2.1.0', source: 'code' },
      },
    ])
    expect(await refusal(bench, yaml('{ name: o, use: own }', 'other'), { code })).toContain(
      'not in plugins.allowed',
    )
    await loaded.close()
  })

  it('keeps its instance as this', async () => {
    const code = [
      own(() => ({
        hooks: {
          tool_pre_invoke() {
            return deny({ code: 'THIS', reason: Object.keys(this).join() })
          },
        },
      })),
    ]
    const loaded = await createBench().load(yaml('{ name: o, use: own }'), { code })
    expect((await dispatch(loaded, 'tool_pre_invoke', CALL)).outcome).toMatchObject({
      violation: { reason: 'tool_pre_invoke' },
    })
    await loaded.close()
  })
})

describe('an entry that cannot be loaded', () => {
  const failures: [string, PluginDefinition['setup'], string, string][] = [
    ['declines', () => false, 'declined', 'its setup declined this configuration'],
    [
      'throws',
      () => {
        throw new Error('no database')
      },
      'failed',
      'its setup threw: no database',
    ],
    [
      'never ends',
      () => new Promise<never>(() => {}),
      'failed',
      'its setup did not end within 50 ms',
    ],
    [
      'answers nothing',
      () => undefined as never,
      'failed',
      'its setup answered neither false nor { hooks }',
    ],
    [
      'hooks no point',
      () => ({ hooks: { tool_pre_invok() {} } as never }),
      'failed',
      'there is no point "tool_pre_invok"',
    ],
    [
      'hooks what is not fired',
      () => ({ hooks: { cache_pre_get() {} } }),
      'failed',
      'waits for the result cache',
    ],
    ['hooks nothing', () => ({ hooks: {} }), 'failed', 'its setup hooks nothing'],
    [
      'gives no function',
      () => ({ hooks: { tool_pre_invoke: 'deny' as never } }),
      'failed',
      'its hook tool_pre_invoke is no function',
    ],
  ]

  it.each(failures)(
    'because its setup %s, is listed with the reason, and the others go on',
    async (_what, setup, state, reason) => {
      const bench = createBench({ deadlines: { setup: 50 } })
      const loaded = await bench.load(yaml('{ name: o, use: own, required: false }'), {
        code: [own(setup)],
      })
      expect(loaded.entries).toMatchObject([
        { name: 'words', state: 'loaded' },
        { name: 'o', state },
      ])
      expect(loaded.entries[1]?.reason).toContain(reason)
      expect(loaded.registrations.map(({ entry }) => entry)).not.toContain('o')
      expect(bench.records.at(-1)).toMatchObject({
        kind: 'load_refused',
        entry: 'o',
        outcome: state,
      })
      await loaded.close()
    },
  )

  it.each([
    ['enforce', true],
    ['guard', true],
    ['permissive', false],
    ['audit', false],
    ['background', false],
  ])('with mode %s, stops the start: %s', async (mode, stops) => {
    const load = createBench().load(yaml(`{ name: o, use: own, mode: ${mode} }`), {
      code: [own(() => false)],
    })
    if (stops)
      await expect(load).rejects.toMatchObject({
        code: 'PLUGIN_LOAD',
        message: expect.stringContaining('the required entry "o" (plugin own) is not loaded'),
      })
    else await (await load).close()
  })

  it('closes what was loaded before it when it stops the start', async () => {
    const closed: string[] = []
    const first = definePlugin({
      id: 'first',
      setup: () => ({ hooks, close: () => void closed.push('first') }),
    })
    const second = definePlugin({
      id: 'second',
      setup: () => ({ hooks, close: () => void closed.push('second') }),
    })
    const entries = '{ name: a, use: first }, { name: b, use: second }, { name: o, use: own }'
    const load = createBench().load(yaml(entries, 'own, first, second'), {
      code: [first, second, own(() => false)],
    })
    await expect(load).rejects.toMatchObject({ code: 'PLUGIN_LOAD' })
    expect(closed).toEqual(['second', 'first'])
  })

  it('closes an instance that hooks what it may not, and one that comes too late', async () => {
    const closed: string[] = []
    const late = own(async () => {
      await new Promise((resolve) => setTimeout(resolve, 60))
      return { hooks, close: () => void closed.push('late') }
    })
    const bench = createBench({ deadlines: { setup: 20 } })
    await (
      await bench.load(yaml('{ name: o, use: own, required: false }'), { code: [late] })
    ).close()
    const wrong = own(() => ({ hooks: {}, close: () => void closed.push('wrong') }))
    await (
      await bench.load(yaml('{ name: o, use: own, required: false }'), { code: [wrong] })
    ).close()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(closed.sort()).toEqual(['late', 'wrong'])
  })

  it('is an error when it is bound to a point that its instance does not hook', async () => {
    const load = createBench().load(yaml('{ name: o, use: own, hooks: [tool_post_invoke] }'), {
      code: [own(() => ({ hooks }))],
    })
    await expect(load).rejects.toThrow(
      'the entry is bound to tool_post_invoke, which the plugin does not hook',
    )
  })
})

describe('closing', () => {
  it('goes in reverse, once, and no close can hold up the others', async () => {
    const closed: string[] = []
    const plugin = (id: string, close: () => void | Promise<void>) =>
      definePlugin({ id, setup: () => ({ hooks, close }) })
    const code = [
      plugin('a', () => void closed.push('a')),
      plugin('b', () => {
        throw new Error('broken')
      }),
      plugin('c', () => new Promise(() => {})),
      plugin('d', () => void closed.push('d')),
    ]
    const entries = ['a', 'b', 'c', 'd'].map((id) => `{ name: ${id}, use: ${id} }`).join(', ')
    const loaded = await createBench({ deadlines: { close: 30 } }).load(
      yaml(entries, 'a, b, c, d'),
      { code },
    )
    await loaded.close()
    await loaded.close()
    expect(closed).toEqual(['d', 'a'])
  })
})

describe('plugin_pre_load', () => {
  const judge = `{ name: judge, on: [plugin_pre_load], when: 'payload.plugin == "own"', then: deny, code: NOT_OURS, reason: not reviewed }`
  const judged = (entry: string) =>
    `plugins: { enabled: true, allowed: [deny-list, rules, own], entries: [${words}, ${entry}] }\npolicies: [${judge}]\n`

  it('is judged by the entries that are bound to it, which load first', async () => {
    const setUp: string[] = []
    const code = [own(() => (setUp.push('own') > 0 ? { hooks } : false))]
    const bench = createBench()
    const loaded = await bench.load(judged('{ name: o, use: own, required: false }'), { code })
    expect(setUp).toEqual([])
    expect(loaded.entries).toMatchObject([
      { name: 'words', state: 'loaded' },
      { name: 'o', state: 'vetoed', reason: 'vetoed by judge: not reviewed (NOT_OURS)' },
      { name: 'judge', state: 'loaded' },
    ])
    expect(bench.records.map(({ kind, entry }) => `${kind} ${entry}`)).toEqual([
      'load judge',
      'load words',
      'refusal judge',
      'load_refused o',
    ])
    await loaded.close()
  })

  it('stops the start when what it vetoes is required', async () => {
    const load = createBench().load(judged('{ name: o, use: own }'), {
      code: [own(() => ({ hooks }))],
    })
    await expect(load).rejects.toThrow('is not loaded: vetoed by judge: not reviewed (NOT_OURS)')
  })

  it('is judged by the running generation on a reload', async () => {
    const asked: string[] = []
    const loaded = await createBench().load(judged('{ name: o, use: own }'), {
      code: [own(() => ({ hooks }))],
      judge: async (payload) => {
        asked.push(`${payload.entry} ${payload.plugin}`)
        return { kind: 'pass', payload, changed: false }
      },
    })
    expect(asked).toEqual(['judge rules', 'words deny-list', 'o own'])
    expect(loaded.entries.every(({ state }) => state === 'loaded')).toBe(true)
    await loaded.close()
  })

  it('tells the observers of plugin_post_load how each attempt ended', async () => {
    const told: object[] = []
    const loaded = await createBench().load(judged('{ name: o, use: own, required: false }'), {
      code: [own(() => ({ hooks }))],
      observe: ({ entry, outcome, reason }) => void told.push({ entry, outcome, reason }),
    })
    expect(told).toEqual([
      { entry: 'judge', outcome: 'loaded', reason: undefined },
      { entry: 'words', outcome: 'loaded', reason: undefined },
      { entry: 'o', outcome: 'vetoed', reason: 'vetoed by judge: not reviewed (NOT_OURS)' },
    ])
    await loaded.close()
  })
})

describe('a disabled entry', () => {
  it('is not instantiated', async () => {
    const setUp: string[] = []
    const code = [own(() => (setUp.push('own') > 0 ? { hooks } : false))]
    const loaded = await createBench().load(yaml('{ name: o, use: own, mode: disabled }'), { code })
    expect(setUp).toEqual([])
    expect(loaded.entries[1]).toMatchObject({
      name: 'o',
      state: 'disabled',
      reason: 'mode: disabled',
    })
    await loaded.close()
  })
})

describe('the settings of an entry', () => {
  it('come from the defaults where it says nothing, but on_error never for observers', async () => {
    const text = `plugins:
  enabled: true
  allowed: [deny-list]
  defaults: { timeout: 2s, on_error: disable, breaker: { faults: 3 } }
  entries:
    - { name: a, use: deny-list, hooks: [tool_pre_invoke], config: { words: [x] } }
    - { name: b, use: deny-list, hooks: [tool_pre_invoke], mode: audit, timeout: 1s, config: { words: [x] } }
    - { name: c, use: deny-list, hooks: [tool_pre_invoke], on_error: fail, priority: 7, config: { words: [x] } }
`
    const loaded = await createBench().load(text)
    expect(loaded.registrations).toMatchObject([
      {
        entry: 'a',
        order: 0,
        timeout: 2000,
        onError: 'disable',
        breaker: { faults: 3, open: 30_000 },
        priority: 100,
        redacts: false,
      },
      { entry: 'b', order: 1, timeout: 1000, onError: 'ignore', mode: 'audit' },
      { entry: 'c', order: 2, timeout: 2000, onError: 'fail', priority: 7 },
    ])
    await loaded.close()
  })
})

it('the time of a call is what the entry says, else what the plugin says of itself, else the default', async () => {
  const slow = `${manifest('slow', 'tool_pre_invoke')}timeout: 60\n`
  const code = `import { definePlugin } from 'portcullis/plugin'
export default definePlugin({ id: 'slow', setup: () => ({ hooks: { tool_pre_invoke: () => undefined } }) })
`
  await using directory = await pluginFolder({
    'slow/plugin.yaml': slow,
    'slow/index.ts': code,
  })
  const loaded = await createBench().load(`plugins:
  enabled: true
  allowed: [slow, deny-list]
  dirs: ["${directory.path}"]
  defaults: { timeout: 2s }
  entries:
    - { name: a, use: slow }
    - { name: b, use: slow, timeout: 1s }
    - { name: c, use: deny-list, hooks: [tool_pre_invoke], config: { words: [x] } }
`)
  expect(loaded.registrations.map(({ entry, timeout }) => [entry, timeout])).toEqual([
    ['a', 60_000],
    ['b', 1000],
    ['c', 2000],
  ])
  await loaded.close()
})

describe('a plugin from a folder', () => {
  const CODE = `import { definePlugin, deny } from 'portcullis/plugin'
export default definePlugin({ id: 'own', setup: () => ({ hooks: { tool_pre_invoke: () => deny({ code: 'OWN', reason: 'x' }) } }) })
`
  const files = { 'own/plugin.yaml': manifest('own', 'tool_pre_invoke'), 'own/index.ts': CODE }
  const using = (path: string) =>
    `plugins: { enabled: true, allowed: [own], dirs: ["${path}"], entries: [{ name: o, use: own }] }\n`

  it('is loaded, also when the folder is the plugin itself', async () => {
    await using folder = await pluginFolder(files)
    for (const path of [folder.path, join(folder.path, 'own')]) {
      const loaded = await createBench().load(using(path))
      expect((await dispatch(loaded, 'tool_pre_invoke', CALL)).outcome).toMatchObject({
        violation: { code: 'OWN' },
      })
      await loaded.close()
    }
  })

  it('is loaded in its published form, where index.js stands for index.ts', async () => {
    await using folder = await pluginFolder({
      'own/plugin.yaml': manifest('own', 'tool_pre_invoke'),
      'own/index.js': CODE,
    })
    const loaded = await createBench().load(using(folder.path))
    expect(loaded.entries).toMatchObject([{ state: 'loaded' }])
    await loaded.close()
  })

  it('is refused when everyone may write one of its files', async () => {
    await using folder = await pluginFolder({ ...files, 'own/lib/helper.ts': '' })
    await chmod(join(folder.path, 'own/lib/helper.ts'), 0o666)
    expect(await refusal(createBench(), using(folder.path))).toContain(
      'helper.ts can be written by everyone; chmod o-w it',
    )
  })

  it('is refused when a link in it leads out', async () => {
    await using folder = await pluginFolder(files)
    await symlink('/etc', join(folder.path, 'own/outside'))
    expect(await refusal(createBench(), using(folder.path))).toContain(
      'leads out of the folder of the plugin',
    )
  })

  it.each([
    [
      'has no default export',
      'export const plugin = 1\n',
      'has no default export made with definePlugin()',
    ],
    [
      'says another id',
      CODE.replace("'own'", "'other'"),
      'the module says it is the plugin "other", its manifest "own"',
    ],
    ['throws', 'throw new Error("at import")\n', 'cannot be loaded: at import'],
    [
      'hooks more than its manifest declares',
      CODE.replace('tool_pre_invoke:', 'tool_post_invoke:'),
      'which its manifest does not declare',
    ],
  ])('is refused when its module %s', async (_what, code, message) => {
    await using folder = await pluginFolder({ ...files, 'own/index.ts': code })
    expect(await refusal(createBench(), using(folder.path))).toContain(message)
  })
})
