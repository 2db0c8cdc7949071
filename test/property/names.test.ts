// Exposed names and URIs lead back to exactly one thing of one server, whatever the servers call what they offer.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NamingOptions, nameAll, type OwnName } from '../../src/gateway/catalog/names.ts'
import { createUriIndex, unprefixed } from '../../src/gateway/catalog/uris.ts'

// the pattern of the configuration, with what makes it awkward more often than chance would
const serverName = fc
  .oneof(
    fc.constantFrom(
      'a',
      'b',
      'a_',
      '_a',
      'a-',
      'ab',
      '_',
      '-',
      '__proto__'.slice(1, 8),
      'constructor',
    ),
    fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/),
  )
  .filter((name) => !name.includes('__'))
const toolName = fc.oneof(
  fc.constantFrom(
    'b',
    '_b',
    '__b',
    'b__c',
    'a__b',
    '_',
    '__',
    '__proto__',
    'constructor',
    '',
    'B',
    'ß',
    'a\0b',
    '_12345678',
  ),
  fc.stringMatching(/^[A-Za-z0-9_.-]{0,20}$/),
  fc.string({ maxLength: 30 }),
  fc.string({ minLength: 60, maxLength: 200 }),
  fc.integer({ min: 60, max: 130 }).map((length) => 'long'.padEnd(length, 'g')),
)
const owned = fc.record({ server: serverName, name: toolName })
const options: fc.Arbitrary<NamingOptions> = fc.record({
  mode: fc.constantFrom('always', 'collision', 'never'),
  separator: fc.constantFrom('__', '_', '-', '.'),
  max_length: fc.constantFrom(16, 32, 64, 128),
})

const key = ({ server, name }: OwnName) => JSON.stringify([server, name])
const distinct = (items: readonly OwnName[]) => [
  ...new Map(items.map((item) => [key(item), item])).values(),
]

/** `_` and a whole SHA-256 digest. */
const DIGEST_NAME = 65

function holds(items: readonly OwnName[], naming: NamingOptions): void {
  const { byExposed, exposed } = nameAll(items, naming)
  const all = distinct(items)
  expect(byExposed.size).toBe(all.length)
  for (const item of all) {
    const name = exposed(item.server, item.name)
    expect(name).toBeDefined()
    const back = byExposed.get(name ?? '')
    expect(back && key(back)).toBe(key(item))
  }
}

describe('exposed names', () => {
  it('lead back to exactly one own name', () => {
    fc.assert(fc.property(fc.array(owned, { maxLength: 40 }), options, holds), { numRuns: 400 })
  })

  it('do not depend on the order in which servers list', () => {
    const shuffled = fc
      .array(owned, { maxLength: 20 })
      .chain((items) =>
        fc.tuple(
          fc.constant(items),
          fc.shuffledSubarray(items, { minLength: items.length, maxLength: items.length }),
          options,
        ),
      )
    fc.assert(
      fc.property(shuffled, ([items, other, naming]) => {
        const [first, second] = [nameAll(items, naming), nameAll(other, naming)]
        for (const { server, name } of items)
          expect(second.exposed(server, name)).toBe(first.exposed(server, name))
      }),
    )
  })

  it('are not longer than max_length, where that leaves room for digests that differ for certain', () => {
    fc.assert(
      fc.property(fc.array(owned, { maxLength: 30 }), options, (items, naming) => {
        for (const name of nameAll(items, naming).byExposed.keys())
          expect(name.length).toBeLessThanOrEqual(
            naming.max_length > 33 ? naming.max_length : DIGEST_NAME,
          )
      }),
    )
  })

  it('in mode collision carry the server only where another server has the same name', () => {
    const plain = { mode: 'collision', separator: '__', max_length: 64 } as const
    const few = fc.record({
      server: fc.constantFrom('a', 'b', 'c'),
      name: fc.stringMatching(/^[a-z]{1,2}$/),
    })
    fc.assert(
      fc.property(fc.array(few, { maxLength: 40 }), (items) => {
        const { exposed } = nameAll(items, plain)
        for (const { server, name } of items) {
          const shared = items.some((other) => other.name === name && other.server !== server)
          expect(exposed(server, name)).toBe(shared ? `${server}__${name}` : name)
        }
      }),
    )
    // a tool that is called as the prefixed one of another: both are told apart by digests
    const items = [
      { server: 'a', name: 'x' },
      { server: 'b', name: 'x' },
      { server: 'c', name: 'a__x' },
    ]
    holds(items, plain)
    const { exposed } = nameAll(items, plain)
    expect(items.map(({ server, name }) => exposed(server, name))).toEqual([
      expect.stringMatching(/^a__x_[0-9a-f]{8}$/),
      'b__x',
      expect.stringMatching(/^a__x_[0-9a-f]{8}$/),
    ])
  })

  it('are server, separator and name where nothing stands in the way', () => {
    const plain = { mode: 'always', separator: '__', max_length: 64 } as const
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9]{0,10}$/), { maxLength: 20 }),
        fc.stringMatching(/^[a-z]{1,10}$/),
        (names, server) => {
          const naming = nameAll(
            names.map((name) => ({ server, name })),
            plain,
          )
          for (const name of names) expect(naming.exposed(server, name)).toBe(`${server}__${name}`)
        },
      ),
    )
  })

  // somebody who knows the rule makes names that look like the digests of others
  const digestOf = ({ server, name }: OwnName, digits: number) =>
    createHash('sha256').update(`${server}\0${name}`).digest('hex').slice(0, digits)
  it.each([8, 16, 32, 64])('survive names made to look like digests of %i digits', (digits) => {
    for (const mode of ['always', 'collision', 'never'] as const) {
      const naming: NamingOptions = { mode, separator: '__', max_length: 64 }
      const long = { server: 'victim', name: 'x'.repeat(80) }
      const room = 64 - digits - 1
      const base = mode === 'always' ? `victim__${long.name}` : long.name
      const forged = `${base.slice(0, Math.max(0, room))}_${digestOf(long, digits)}`
      const attackers: OwnName[] = [
        { server: 'evil', name: forged },
        {
          server: 'victim',
          name: mode === 'always' ? forged.replace(/^victim__/, '') : `${forged}!`,
        },
        { server: 'evil', name: long.name },
      ]
      holds([long, ...attackers], naming)
      holds([...attackers, long], naming)
    }
  })

  it('survive a chain of names each of which looks like the digest of the one before', () => {
    const naming: NamingOptions = { mode: 'never', separator: '__', max_length: 64 }
    const items: OwnName[] = [
      { server: 'a', name: 'same' },
      { server: 'b', name: 'same' },
    ]
    for (let round = 0; round < 30; round++) {
      const names = [...nameAll(items, naming).byExposed.keys()]
      items.push({ server: 'evil', name: names[round % names.length] ?? '' })
      holds(items, naming)
    }
  })
})

describe('exposed URIs', () => {
  const uri = fc.oneof(
    fc.constantFrom(
      'file:///a',
      'file:///b',
      'test://x',
      'portcullis://a/file:///a',
      'portcullis://a/b',
      'portcullis://',
      '__proto__',
      '',
    ),
    fc.webUrl(),
    fc.string({ maxLength: 20 }),
  )
  const resources = fc.uniqueArray(fc.record({ server: serverName, name: uri }), {
    maxLength: 30,
    selector: key,
  })

  it('lead back to exactly one resource of one server', () => {
    fc.assert(
      fc.property(resources, (items) => {
        const index = createUriIndex(items)
        const exposed = items.map(({ server, name }) => index.exposed(server, name))
        expect(new Set(exposed).size).toBe(items.length)
        items.forEach((item, at) => {
          const back = index.owner(exposed[at] ?? '')
          expect(back && key(back)).toBe(key(item))
        })
      }),
      { numRuns: 400 },
    )
  })

  it('stay as they are where only one server has them, and a prefix can be taken off again', () => {
    fc.assert(
      fc.property(resources, (items) => {
        const index = createUriIndex(items)
        for (const { server, name } of items) {
          const shared = items.some((other) => other.name === name && other.server !== server)
          const exposed = index.exposed(server, name)
          if (!shared && !name.startsWith('portcullis://')) expect(exposed).toBe(name)
          else expect(unprefixed(exposed)).toEqual({ server, name })
        }
      }),
    )
  })

  const literal = fc.stringMatching(/^[a-z0-9:/._-]{0,8}$/)
  const value = fc.stringMatching(/^[A-Za-z0-9._~-]{0,8}$/)
  const filled = fc
    .array(fc.tuple(literal, fc.constantFrom('{id}', '{name}', '{x}'), value), {
      minLength: 1,
      maxLength: 4,
    })
    .chain((parts) => fc.tuple(fc.constant(parts), literal))
    .map(([parts, tail]) => ({
      template: `test://${parts.map(([text, expression]) => text + expression).join('')}${tail}`,
      uri: `test://${parts.map(([text, , given]) => text + given).join('')}${tail}`,
    }))

  it('a URI made by filling a template in belongs to the server of the template', () => {
    const lone = ({ template }: { template: string }) => !/\}\{/.test(template)
    fc.assert(
      fc.property(filled.filter(lone), ({ template, uri: made }) => {
        const index = createUriIndex([{ server: 'srv', name: template }])
        // a value may hold the next literal: then more than one reading is possible, and any is the server's
        const [found] = index.byTemplate(made)
        if (found) expect(found).toEqual({ server: 'srv', name: made })
        else expect(ambiguous(template, made)).toBe(true)
      }),
      { numRuns: 400 },
    )
  })

  // the naive reader: the template as a regular expression
  function ambiguous(template: string, made: string): boolean {
    const pattern = template
      .split(/\{[^{}]*\}/)
      .map((text) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
      .join('([^/]*)')
    const greedy = new RegExp(`^${pattern}$`).exec(made)
    const lazy = new RegExp(`^${pattern.replaceAll('([^/]*)', '([^/]*?)')}$`).exec(made)
    return JSON.stringify(greedy) !== JSON.stringify(lazy)
  }

  it('a URI whose literals differ, or that crosses a slash, does not match', () => {
    const index = createUriIndex([{ server: 'srv', name: 'test://template/{id}/data' }])
    for (const made of [
      'test://template/1/dat',
      'test://template/1/2/data',
      'test://templates/1/data',
      'test://template//data/',
      'x',
      '',
    ])
      expect(index.byTemplate(made), made).toEqual([])
    expect(index.byTemplate('test://template/1/data')).toEqual([
      { server: 'srv', name: 'test://template/1/data' },
    ])
    const crossing = createUriIndex([{ server: 'srv', name: 'file://{+path}' }])
    expect(crossing.byTemplate('file:///a/b/c')).toEqual([{ server: 'srv', name: 'file:///a/b/c' }])
    // a greedy template takes nothing from another server: both are named, and nobody is chosen
    const both = createUriIndex([
      { server: 'greedy', name: 'file://{+path}' },
      { server: 'owner', name: 'file:///srv/{name}' },
    ])
    expect(both.byTemplate('file:///srv/a').map(({ server }) => server)).toEqual([
      'greedy',
      'owner',
    ])
  })

  it('matching takes linear time, also on hostile templates', () => {
    const template = `test://${'{a}x'.repeat(200)}y`
    const index = createUriIndex([{ server: 'srv', name: template }])
    const started = performance.now()
    for (let round = 0; round < 50; round++) index.byTemplate(`test://${'x'.repeat(20_000)}`)
    expect(performance.now() - started).toBeLessThan(3000)
  })
})
