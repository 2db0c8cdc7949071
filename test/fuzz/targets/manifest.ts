// Fuzz target: text as plugin.yaml. It is a manifest, or problems that each have a place.
import { createManifestParser } from '../../../src/host/discovery/manifest.ts'
import { holds } from '../holds.ts'
import type { Target } from '../target.ts'

const parse = createManifestParser()

/** Names, values of which the first two are good, and whether it may be left out. */
const MEMBERS: readonly (readonly [string, readonly string[], boolean])[] = [
  ['id', ['own', 'a.b-c_9', '-x', '""', '7', '[a]'], false],
  ['version', ['1.0.0', '"2.1.0-rc.1"', '1.0', 'one', '~'], false],
  ['description', ['for a test', '"é 😀"', '""', '{}', '|\n  two\n  lines'], false],
  ['hooks', ['[tool_pre_invoke]', '[resource_post_fetch, prompt_pre_fetch]', '[]', '[tool_pre_invok]', '[a, a]', 'tool_pre_invoke', '[sampling_pre_create]', '[cache_pre_get]', '[1]'], false],
  ['entry', ['./index.ts', 'dist/index.js', '""', '1', '~'], false],
  ['permissions', ['{}', '{ network: [a.test], env: [TOKEN], shell: false }', '{ netwrk: [] }', '{ authorize: yes }', '[]', '{ env: [a, a] }'], true],
  ['config_schema', ['./c.json', 'schema.json', '""', '{}'], true],
  ['side_effects', ['none', 'external', 'some', '~'], true],
  ['redacts', ['true', 'false', '"true"', '1'], true],
] // biome-ignore format: a table reads better in rows

export const manifest: Target = {
  name: 'manifest',
  files: ['src/host/discovery/manifest.ts'],
  tokens: [
    '&a ', '*a', '<<: ', '? ', '!!js/function ', '- ', ': ', '|\n', '---\n', '...\n', '__proto__: ', 'constructor: ', '1e999', '~', '#', '%YAML 1.1\n',
    'id: own\n', 'version: 1.0.0\n', 'hooks: [tool_pre_invoke]\n', 'entry: ./index.ts\n', 'description: d\n', 'side_effects: none\n', 'tool_pre_invok',
    'permissions: { network: [a.test] }\n', 'redacts: true\n', 'config_schema: ./c.json\n',
  ], // biome-ignore format: a table reads better in rows
  runs: 1500,
  // what is left are guards against what the schema lets nobody write, and points that are not fired, which get fewer
  branches: 85,
  generate(random) {
    const members = MEMBERS.filter(([, , optional]) => !optional || random(2) === 0)
    const lines = members.map(([name, values]) => {
      // mostly the first ones, which are good
      const value = values[random(10) === 0 ? random(values.length) : random(2)]
      return `${name}: ${value}\n`
    })
    return Buffer.from(lines.join(random(20) === 0 ? '# a remark\n' : ''))
  },
  run(bytes) {
    const parsed = parse(bytes.toString(), '/p/plugin.yaml')
    if (parsed.manifest) {
      const { hooks, permissions, sideEffects } = parsed.manifest
      holds(hooks.length > 0, 'a manifest has hooks')
      holds(!Object.hasOwn(parsed.manifest, '__proto__'), 'no member is called __proto__')
      return { accepted: true, trait: `${hooks.length} ${Object.keys(permissions)} ${sideEffects}` }
    }
    const { problems } = parsed
    holds(problems.length > 0, 'what is no manifest has problems')
    for (const { line, column, code } of problems)
      holds(
        code === 'PLUGIN_MANIFEST' && (line ?? 0) >= 1 && (column ?? 0) >= 1,
        'a problem has its code and a place',
      )
    const said = problems.map(({ message }) => message.replace(/["'`].*?["'`]|\d+/g, ''))
    return { accepted: false, trait: said.slice(0, 3).join(' ').slice(0, 200) }
  },
}
