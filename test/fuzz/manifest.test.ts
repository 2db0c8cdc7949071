// Bytes from a stranger as plugin.yaml: a manifest or problems with places, never a crash, in bounded time.
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createManifestParser, MANIFEST_SCHEMA } from '../../src/host/discovery/manifest.ts'

const GOOD = `id: own
version: 1.0.0
description: for a test
hooks: [tool_pre_invoke, tool_post_invoke]
permissions: { network: [a.test], env: [TOKEN], shell: false }
config_schema: ./config.schema.json
entry: ./index.ts
side_effects: external
redacts: true
`
const PIECES = [
  '&a ', '*a', '<<: ', '? ', '!!js/function ', '- ', '{', '}', '[', ']', ': ', '\n', '\t', '"', "'", '|\n', '---\n', '...\n', '\0', '\ufeff',
  '__proto__: ', 'constructor: ', '9'.repeat(400), '1e999', 'true', 'null', '~', '#', '%YAML 1.1\n', 'é😀', '\ud800',
] // biome-ignore format: a table reads better in rows

const mutated = fc
  .array(fc.tuple(fc.nat(GOOD.length), fc.nat(12), fc.constantFrom(...PIECES)), { maxLength: 6 })
  .map((edits) =>
    edits.reduce(
      (text, [at, cut, piece]) => text.slice(0, at) + piece + text.slice(at + cut),
      GOOD,
    ),
  )

test('the schema of manifests is a schema of its dialect: the parser does not look again', () => {
  const ajv = new Ajv2020()
  expect(ajv.validateSchema(MANIFEST_SCHEMA), ajv.errorsText()).toBe(true)
})

test('any text is a manifest, or problems that each have a place', () => {
  const parse = createManifestParser()
  const started = performance.now()
  let manifests = 0
  fc.assert(
    fc.property(
      fc.oneof({ arbitrary: mutated, weight: 4 }, fc.string({ unit: 'binary' })),
      (text) => {
        const parsed = parse(text, '/p/plugin.yaml')
        if (parsed.manifest) {
          manifests++
          expect(parsed.manifest.hooks.length).toBeGreaterThan(0)
          expect(Object.hasOwn(parsed.manifest, '__proto__')).toBe(false)
          return
        }
        expect(parsed.problems.length).toBeGreaterThan(0)
        for (const { line, column, code } of parsed.problems) {
          expect(code).toBe('PLUGIN_MANIFEST')
          expect(line).toBeGreaterThanOrEqual(1)
          expect(column).toBeGreaterThanOrEqual(1)
        }
      },
    ),
    { numRuns: 3000, seed: 0x5eed },
  )
  expect(manifests).toBeGreaterThan(0)
  expect(performance.now() - started).toBeLessThan(20_000)
})

test('aliases that multiply are refused, not expanded', () => {
  const parse = createManifestParser()
  const bomb = `a: &a [x, x, x, x, x, x, x, x]\n${[...'bcdefghi'].map((name, index) => `${name}: &${name} [${`*${'abcdefgh'[index]},`.repeat(9)}]\n`).join('')}`
  const started = performance.now()
  expect(parse(bomb, '/p/plugin.yaml').manifest).toBeUndefined()
  expect(performance.now() - started).toBeLessThan(1000)
})
