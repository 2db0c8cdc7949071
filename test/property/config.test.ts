// Properties of reading configurations: no text makes the reader throw, and what it reads is what was written.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { configLoader } from '../../src/app/sections.ts'
import { isAppError } from '../../src/base/errors.ts'
import { type Json, mergePatch } from '../../src/base/json.ts'
import { splitCommand } from '../../src/config/import/command.ts'
import { importConfig } from '../../src/config/import/import.ts'
import { plainJson } from '../../src/config/import/json.ts'
import { mergeProfile } from '../../src/config/source/merge.ts'
import { substitute } from '../../src/config/source/substitute.ts'
import { plainOf, treeOf } from '../../src/config/source/tree.ts'
import { parseYaml } from '../../src/config/source/yaml.ts'

const PLACE = { file: 'x', line: 1, column: 1 }
const loader = configLoader()

const key = fc
  .string()
  .filter((name) => name !== '<<' && name !== '__proto__' && !name.includes('${'))
const number = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Number.isInteger(value)),
)
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(fc.string(), number, fc.boolean(), fc.constant(null)),
    fc.array(tie('json'), { maxLength: 4 }),
    fc.dictionary(key, tie('json'), { maxKeys: 4, noNullPrototype: true }),
  ),
}))

/** Text that is nearly YAML: pieces of configurations in any order. */
const pieces = fc.array(
  fc.constantFrom('version: 1', 'listen:', '  port: 1', 'servers:', '  - name: a', '    command: x', '&a', '*a', '- ', '? ', ': ', '{', '}', '[', ']', '"', "'", '\n', '\t', '${env:', '}', '$${', '!!x', '<<: *a', '---', '#', '| ', '> ', '%'),
  { maxLength: 30 },
) // biome-ignore format: a list of words
const nearly = fc
  .tuple(pieces, fc.constantFrom('', ' ', '\n'))
  .map(([words, glue]) => words.join(glue))

describe('reading YAML', () => {
  it('never throws, and gives either a tree or problems', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), nearly), (text) => {
        const { tree, problems } = parseYaml(text, 'x')
        if (problems.length > 0) expect(tree).toBeUndefined()
        for (const { line, column } of problems) expect(line >= 1 && column >= 1).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('of JSON gives the value JSON has', () => {
    fc.assert(
      fc.property(json, fc.constantFrom(0, 2), (value, indent) => {
        const { tree, problems } = parseYaml(JSON.stringify(value, null, indent), 'x')
        expect(problems).toEqual([])
        expect(tree && plainOf(tree)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
      { numRuns: 300 },
    )
  })

  it('puts every value at the place where it stands', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(names, fc.nat(3), (keys, blank) => {
        const text = keys.map((name) => `${'\n'.repeat(blank)}${name}: 1\n`).join('')
        const { tree } = parseYaml(text, 'x')
        keys.forEach((name, index) => {
          const member = tree?.kind === 'map' ? tree.members.get(name) : undefined
          const line = (index + 1) * (blank + 1)
          expect(member?.at).toEqual({ file: 'x', line, column: 1 })
          expect(member?.node.place).toEqual({ file: 'x', line, column: name.length + 3 })
        })
      }),
    )
  })
})

describe('loading', () => {
  it('ends in a configuration or in a configuration fault, whatever the text', async () => {
    await fc.assert(
      fc.asyncProperty(nearly, async (text) => {
        const error = await loader.parse(text, { env: {} }).then(
          () => undefined,
          (reason: unknown) => reason,
        )
        if (error !== undefined)
          expect(isAppError(error) && error.code.startsWith('CONFIG_')).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('ends in a configuration or in a configuration fault, whatever the object', () => {
    const sections = ['listen', 'limits', 'servers', 'plugins', 'policies', 'telemetry', 'audit']
    fc.assert(
      fc.property(fc.constantFrom(...sections), json, (section, value) => {
        try {
          loader.fromObject({ version: 1, [section]: value })
        } catch (error) {
          expect(isAppError(error) && error.code.startsWith('CONFIG_')).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('substituting', () => {
  it('gives any text back whose marks are doubled', async () => {
    const text = fc
      .array(fc.constantFrom('$', '{', '}', '${', 'env:A', 'x', ' '), { maxLength: 12 })
      .map((parts) => parts.join(''))
    await fc.assert(
      fc.asyncProperty(text, async (value) => {
        const tree = treeOf(
          value.replaceAll('${', () => '$${'),
          PLACE,
          'file',
        )
        const done = await substitute(tree, {
          env: {},
          readSecret: () => Promise.reject(new Error('none')),
        })
        // a dollar just before a mark makes it "$$${": the first pair is the doubled mark
        if (!value.includes('$${')) expect([done.problems, plainOf(done.tree)]).toEqual([[], value])
      }),
    )
  })
})

describe('a profile', () => {
  it('is a JSON merge patch (RFC 7396) where no list has names', () => {
    const object = fc.dictionary(key, json, { maxKeys: 5, noNullPrototype: true })
    fc.assert(
      fc.property(object, object, (base, over) => {
        const merged = mergeProfile(
          treeOf(base, PLACE, 'file'),
          treeOf(over, PLACE, 'profile'),
          undefined,
        )
        expect(plainOf(merged)).toEqual(mergePatch(base, over))
      }),
      { numRuns: 300 },
    )
  })
})

describe('splitting a command', () => {
  it('gives back the words that were quoted', () => {
    const word = fc.string().filter((text) => !text.includes('$') && !text.includes('`'))
    const program = fc.stringMatching(/^[a-z./-]{1,10}$/)
    const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
    fc.assert(
      fc.property(program, fc.array(word, { maxLength: 5 }), (first, rest) => {
        expect(splitCommand([first, ...rest.map(quoted)].join(' '))).toEqual({
          words: [first, ...rest],
        })
      }),
    )
  })

  it('never throws and never takes a character of a shell literally outside quotes', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.constantFrom('|', '&', ';', '<', '>', '(', ')', '`', '\n'),
        (text, char) => {
          expect(splitCommand(`a ${text}`)).toBeDefined()
          expect(splitCommand(`a b${char}c`)).toHaveProperty('refused')
        },
      ),
    )
  })
})

describe('importing', () => {
  it('ends in a document or in a configuration fault, whatever the value', () => {
    const forms = fc.constantFrom('mcpServers', 'servers', 'plugins', 'mcp')
    fc.assert(
      fc.property(
        fc.oneof(
          json,
          fc.tuple(forms, json).map(([form, value]) => ({ [form]: value })),
        ),
        (value) => {
          try {
            importConfig(JSON.stringify(value), { filename: 'x.json' })
          } catch (error) {
            expect(isAppError(error, 'CONFIG_INVALID')).toBe(true)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('leaves JSON without comments as it is, and every other character in its place', () => {
    fc.assert(
      fc.property(json, fc.string(), (value, comment) => {
        const text = JSON.stringify(value, null, 2)
        expect(plainJson(text)).toBe(text)
        const line = comment.replace(/[\n\r]/g, '')
        const marked = `// ${line}\n${text}`
        expect(plainJson(marked)).toBe(`${' '.repeat(line.length + 3)}\n${text}`)
      }),
    )
  })
})
