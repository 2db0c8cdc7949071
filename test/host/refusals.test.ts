// What is written wrong in a configuration or a manifest: each with its place and what was probably meant.
import { describe, expect, it } from 'vitest'
import { createBench, manifest, pluginFolder, refusal } from './support.ts'

const OPEN = 'plugins:\n  enabled: true\n  allowed: [rules, deny-list, deny-lst, header-filter]\n'
const entry = (text: string) => `${OPEN}  entries:\n    - ${text}\n`
const policy = (text: string) => `${OPEN}policies:\n  - ${text}\n`

describe('a configuration', () => {
  it.each([
    [
      entry('{ name: a, use: deny-lst }'),
      'gateway.yaml:6:23: there is no plugin "deny-lst"; looked among the built-in ones and in plugins.dirs (did you mean deny-list?)',
    ],
    [
      entry('{ name: a, use: deny-list, version: ^2.0.0, config: { words: [x] } }'),
      'gateway.yaml:6:43: the plugin "deny-list" is 1.0.0, the entry wants ^2.0.0',
    ],
    [
      entry('{ name: a, use: deny-list, hooks: [http_pre_request], config: { words: [x] } }'),
      'gateway.yaml:6:42: the plugin "deny-list" does not declare the point http_pre_request',
    ],
    [
      entry('{ name: a, use: deny-list, hooks: [tool_pre_invok], config: { words: [x] } }'),
      'gateway.yaml:6:42: there is no point "tool_pre_invok" (did you mean tool_pre_invoke?)',
    ],
    [
      entry('{ name: a, use: deny-list, hooks: [cache_pre_get], config: { words: [x] } }'),
      'gateway.yaml:6:42: the point cache_pre_get is declared, not yet fired: waits for the result cache',
    ],
    [
      entry('{ name: a, use: deny-list, config: { wrds: [x] } }'),
      'gateway.yaml:6:50: a: unknown key "wrds" (did you mean words?)',
    ],
    [
      entry('{ name: a, use: deny-list, config: { words: [x, 7] } }'),
      'gateway.yaml:6:55: a: expected string',
    ],
    [
      entry('{ name: a, use: deny-list, config: { patterns: ["(?=x)"] } }'),
      'gateway.yaml:6:42: a: the expression /(?=x)/ is not valid: lookahead',
    ],
    [
      entry('{ name: a, use: deny-list, config: { words: [x] }, when: "payload." }'),
      'gateway.yaml:6:64: the expression is not valid at 1:8',
    ],
    [
      entry(
        '{ name: a, use: header-filter, conditions: [{ tools: [x] }], config: { remove: [a] } }',
      ),
      'gateway.yaml:6:50: none of the conditions can match at http_pre_request',
    ],
    [
      policy('{ name: p, on: [error_raised], then: deny, reason: x }'),
      'gateway.yaml:6:42: nothing can be denied at error_raised',
    ],
    [
      policy('{ name: p, on: [error_raised], then: log, mode: guard }'),
      'gateway.yaml:6:53: nothing can be denied at error_raised, so a guard has nothing to do there',
    ],
    [
      policy('{ name: p, on: [tool_post_invoke], then: respond, respond: {} }'),
      'gateway.yaml:6:46: tool_post_invoke cannot be answered',
    ],
    [
      policy('{ name: p, on: [auth_pre_check], then: respond, respond: { allowed: true } }'),
      'gateway.yaml:6:62: a policy grants nothing at auth_pre_check; a role does',
    ],
    [
      policy('{ name: p, on: [tool_pre_invoke], then: patch, patch: { argument: {} } }'),
      'gateway.yaml:6:71: the field argument is not writable at tool_pre_invoke; writable: name, arguments, headers (did you mean arguments?)',
    ],
    [
      policy(
        '{ name: p, on: [tool_pre_invoke], then: patch, patch: { arguments: { a: { cel: "payload." } } } }',
      ),
      'gateway.yaml:6:84: p: the expression is not valid at 1:8',
    ],
    [
      policy('{ name: p, on: [tool_pre_invoke], then: label, labels: ["no good"] }'),
      'gateway.yaml:6:61: p: must match pattern',
    ],
  ])('is refused: %s', async (yaml, message) => {
    expect(await refusal(createBench(), yaml)).toContain(message)
  })

  it('is refused with all that is wrong at once', async () => {
    const yaml = `${OPEN}  entries:\n    - { name: a, use: deny-lst }\n    - { name: b, use: deny-list, hooks: [nope] }\n`
    const error = await createBench()
      .load(yaml)
      .catch((thrown) => thrown)
    expect(error.data.problems).toMatchObject([
      { code: 'PLUGIN_NOT_FOUND', line: 6, column: 23, path: 'plugins.entries[0].use' },
      { code: 'CONFIG_INVALID', line: 7, path: 'plugins.entries[1].hooks[0]' },
      { code: 'PLUGIN_CONFIG', line: 7, path: 'plugins.entries[1].config' },
    ])
  })

  it('is refused when an asserted order does not hold', async () => {
    const yaml = `${OPEN}  entries:
    - { name: first, use: deny-list, priority: 50, before: [second], config: { words: [x] } }
    - { name: second, use: deny-list, priority: 10, config: { words: [x] } }
`
    expect(await refusal(createBench(), yaml)).toContain(
      'gateway.yaml:6:7: first must run before second',
    )
  })

  it('is warned of when a veto depends on what a caller may lack', async () => {
    const loaded = await createBench().load(
      entry(
        '{ name: a, use: deny-list, conditions: [{ tenants: [acme] }], config: { words: [x] } }',
      ),
    )
    expect(loaded.warnings).toMatchObject([
      {
        line: 6,
        column: 47,
        message: '"a" applies only where tenants has a value; a request without one passes it by',
      },
    ])
    await loaded.close()
  })
})

const CODE = `import { definePlugin } from 'portcullis/plugin'
export default definePlugin({ id: 'own', setup: () => ({ hooks: { tool_pre_invoke() {} } }) })
`

async function own(files: Record<string, string>): Promise<string> {
  await using folder = await pluginFolder({ 'own/index.ts': CODE, ...files })
  const yaml = `plugins: { enabled: true, allowed: [own], dirs: ["${folder.path}"], entries: [{ name: o, use: own }] }\n`
  return (await refusal(createBench(), yaml)).replaceAll(`${folder.path}/`, '')
}

describe('a manifest', () => {
  const good = manifest('own', 'tool_pre_invoke')

  it.each([
    [
      good.replace('version: 1.0.0', 'version: one'),
      'own/plugin.yaml:2:10: version: expected a semantic version such as 1.0.0, found "one"',
    ],
    [
      good.replace('tool_pre_invoke', 'tool_pre_invok'),
      'own/plugin.yaml:4:9: there is no point "tool_pre_invok" (did you mean tool_pre_invoke?)',
    ],
    [
      good.replace('tool_pre_invoke', 'federation_pre_sync'),
      'own/plugin.yaml:4:9: the point federation_pre_sync is declared, not yet fired: waits for federation',
    ],
    [
      `${good}permisions: {}\n`,
      'own/plugin.yaml:6:13: unknown key "permisions" (did you mean permissions?)',
    ],
    [good.replace('entry: ./index.ts\n', ''), 'own/plugin.yaml:1:1: the key "entry" is missing'],
    [`${good}id: twice\n`, 'own/plugin.yaml:6:1: not valid YAML'],
    [
      `${good}permissions: { network: all }\n`,
      'own/plugin.yaml:6:25: permissions.network: must be array',
    ],
    [`${good}config_schema: ./none.json\n`, 'own/plugin.yaml:1:1: ENOENT'],
    [good.replace('./index.ts', '../../../support.ts'), 'leads out of the folder of the plugin'],
    [good.replace('./index.ts', './none.ts'), 'ENOENT'],
  ])('is refused: %j', async (text, message) => {
    expect(await own({ 'own/plugin.yaml': text })).toContain(message)
  })

  it('is no error when nobody uses it, but a warning', async () => {
    await using folder = await pluginFolder({ 'broken/plugin.yaml': 'id: broken\n' })
    const loaded = await createBench().load(
      `plugins: { enabled: true, allowed: [deny-list], dirs: ["${folder.path}"], entries: [{ name: d, use: deny-list, config: { words: [x] } }] }\n`,
    )
    expect(loaded.warnings.map(({ message }) => message)).toContain('the key "version" is missing')
    await loaded.close()
  })

  it('may not take an id that is taken', async () => {
    const text = manifest('rules', 'tool_pre_invoke')
    await using folder = await pluginFolder({ 'mine/plugin.yaml': text, 'mine/index.ts': CODE })
    const yaml = `plugins: { enabled: true, allowed: [deny-list], dirs: ["${folder.path}"], entries: [{ name: d, use: deny-list, config: { words: [x] } }] }\n`
    expect(await refusal(createBench(), yaml)).toContain(
      'the plugin id "rules" is already taken by',
    )
  })

  it('may use the names other gateways have for a point', async () => {
    expect(
      await own({
        'own/plugin.yaml': good.replace('tool_pre_invoke', 'sampling_pre_create, cache_pre_get'),
      }),
    ).toContain('the point cache_pre_get is declared, not yet fired')
  })
})
