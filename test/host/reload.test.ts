// One load after another with the same host: what is kept, what is judged, and what a failed load leaves behind.
import { describe, expect, it } from 'vitest'
import { AppError } from '../../src/base/errors.ts'
import { definePlugin, deny, type PluginDefinition } from '../../src/plugin.ts'
import { CALL, createBench, dispatch, manifest, pluginFolder, refusal } from './support.ts'

const LIMITED = `plugins:
  enabled: true
  allowed: [rate-limit]
  entries: [{ name: once, use: rate-limit, hooks: [tool_pre_invoke], config: { limit: 1, per: 1h } }]
`

describe('a reload', () => {
  it('keeps what an entry remembers, as long as one generation holds it', async () => {
    const bench = createBench()
    const old = await bench.load(LIMITED)
    expect((await dispatch(old, 'tool_pre_invoke', CALL)).outcome.kind).toBe('pass')
    const next = await bench.load(LIMITED)
    await old.close()
    expect((await dispatch(next, 'tool_pre_invoke', CALL)).outcome.kind).toBe('deny')
    await next.close()
    const fresh = await bench.load(LIMITED)
    expect((await dispatch(fresh, 'tool_pre_invoke', CALL)).outcome.kind).toBe('pass')
    await fresh.close()
    bench.close()
  })

  it('that is refused leaves the loaded plugins as they were', async () => {
    const bench = createBench()
    const old = await bench.load(LIMITED)
    await refusal(bench, LIMITED.replace('limit: 1', 'limit: 0'))
    await refusal(
      bench,
      `${LIMITED}policies: [{ name: p, on: [tool_pre_invoke], then: deny, reason: x }]\n`,
    )
    expect((await dispatch(old, 'tool_pre_invoke', CALL)).outcome.kind).toBe('pass')
    expect((await dispatch(old, 'tool_pre_invoke', CALL)).outcome.kind).toBe('deny')
    await old.close()
  })

  it('is refused by a judge that breaks', async () => {
    const fault = new AppError('PLUGIN_TIMEOUT', 'the judge did not answer')
    const load = createBench().load(LIMITED, {
      judge: async (payload) => ({ kind: 'fault', payload, changed: false, fault }),
    })
    await expect(load).rejects.toThrow(
      'the required entry "once" (plugin rate-limit) is not loaded: the judge did not answer',
    )
  })
})

describe('a judge at start', () => {
  const code = (setup: PluginDefinition['setup']) => [definePlugin({ id: 'own', setup })]
  const yaml = (hooks: string) =>
    `plugins: { enabled: true, allowed: [own, deny-list], entries: [{ name: d, use: deny-list, config: { words: [x] }, required: false }, { name: j, use: own${hooks} }] }\n`
  const judge = () => ({
    hooks: {
      plugin_pre_load: () => {
        throw new Error('broken')
      },
    },
  })

  it('that breaks keeps out what it should have judged, and the audit says so', async () => {
    const bench = createBench()
    const loaded = await bench.load(yaml(', hooks: [plugin_pre_load]'), { code: code(judge) })
    expect(loaded.entries).toMatchObject([
      { name: 'd', state: 'failed' },
      { name: 'j', state: 'loaded' },
    ])
    expect(bench.records.map(({ kind, code: fault }) => [kind, fault])).toContainEqual([
      'fault',
      'PLUGIN_THREW',
    ])
    await loaded.close()
  })

  it('that does not say where it judges is warned of', async () => {
    const loaded = await createBench().load(yaml(''), { code: code(judge) })
    expect(loaded.entries).toMatchObject([{ state: 'loaded' }, { state: 'loaded' }])
    expect(loaded.warnings[0]?.message).toContain(
      '"j" hooks plugin_pre_load but does not say so in hooks',
    )
    await loaded.close()
  })
})

describe('a plugin given in code without hooks in its entry', () => {
  it('is held to its conditions once its points are known', async () => {
    const own = definePlugin({
      id: 'own',
      setup: () => ({ hooks: { http_pre_request: () => deny({ code: 'A', reason: 'a' }) } }),
    })
    const yaml =
      'plugins: { enabled: true, allowed: [own], entries: [{ name: o, use: own, conditions: [{ tools: [x] }] }] }\n'
    expect(await refusal(createBench(), yaml, { code: [own] })).toContain(
      'none of the conditions can match at http_pre_request',
    )
  })
})

describe('a folder of plugins', () => {
  it('that is not there is an error', async () => {
    const yaml = LIMITED.replace('allowed:', 'dirs: [/nowhere/plugins]\n  allowed:')
    expect(await refusal(createBench(), yaml)).toContain('/nowhere/plugins cannot be read: ENOENT')
  })

  it('takes no config for a plugin without a schema', async () => {
    const code =
      "import { definePlugin } from 'portcullis/plugin'\nexport default definePlugin({ id: 'own', setup: () => false })\n"
    await using folder = await pluginFolder({
      'own/plugin.yaml': manifest('own', 'tool_pre_invoke'),
      'own/index.ts': code,
    })
    const yaml = `plugins: { enabled: true, allowed: [own], dirs: ["${folder.path}"], entries: [{ name: o, use: own, config: { a: 1 } }] }\n`
    expect(await refusal(createBench(), yaml)).toContain(
      'o: the plugin "own" has no config_schema and so takes no config',
    )
  })

  it('refuses a config schema that does not compile', async () => {
    await using folder = await pluginFolder({
      'own/plugin.yaml': manifest('own', 'tool_pre_invoke', 'config_schema: ./schema.json\n'),
      'own/schema.json': '{ "type": "objekt" }',
    })
    const yaml = `plugins: { enabled: true, allowed: [own], dirs: ["${folder.path}"], entries: [{ name: o, use: own }] }\n`
    expect(await refusal(createBench(), yaml)).toContain(
      'own/plugin.yaml:1:1: the config schema of the plugin "own" does not compile',
    )
  })
})
