// A random sequence of writes against a naive model: what is there, which version it has, and what is refused.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type JsonObject, mergePatch } from '../../src/base/json.ts'
import type { WriteRequest } from '../../src/registry/registry.ts'
import { ALICE, bench, by } from './bench.ts'
import '../support/property.ts'

const ids = fc.constantFrom('a', 'b', 'c')
const tags = fc.option(fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { maxLength: 3 }), {
  nil: null,
})
const environment = fc.option(fc.constantFrom('prod', 'test'), { nil: null })
const members = fc.record({ tags, environment }, { requiredKeys: [] })
const step = fc.record({
  op: fc.constantFrom('create', 'replace', 'merge', 'remove'),
  id: ids,
  members,
  expect: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
  dryRun: fc.boolean(),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface Known {
  readonly version: number
  readonly body: JsonObject
}

const whole = (given: JsonObject, id: string) =>
  mergePatch({}, { name: id, command: 'node', ...given }) as JsonObject

/** What should become of it, by the rules alone. */
function next(
  known: Known | undefined,
  { op, id, members: given, expect: seen }: Step,
): Known | string | undefined {
  const patch = given as JsonObject
  if (op === 'create') return known ? 'REGISTRY_EXISTS' : { version: 1, body: whole(patch, id) }
  if (!known) return 'REGISTRY_NOT_FOUND'
  if (seen !== undefined && seen !== known.version) return 'REGISTRY_PRECONDITION'
  if (op === 'remove') return undefined
  const body = op === 'replace' ? whole(patch, id) : (mergePatch(known.body, patch) as JsonObject)
  return { version: known.version + 1, body }
}

function requestOf({ op, id, members: given }: Step): WriteRequest {
  const kind = 'server'
  if (op === 'create') return { op, kind, body: whole(given as JsonObject, id) }
  if (op === 'replace') return { op, kind, id, body: whole(given as JsonObject, id) }
  if (op === 'merge') return { op, kind, id, patch: given as JsonObject }
  return { op: 'remove', kind, id }
}

it('a sequence of writes comes to what a naive model comes to', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const b = bench()
      const model = new Map<string, Known>()
      let revision = 0
      for (const each of steps) {
        const wanted = next(model.get(each.id), each)
        const context = by(ALICE, {
          expect: each.op === 'create' ? undefined : each.expect,
          dryRun: each.dryRun,
        })
        const found = await b.registry.write(requestOf(each), context).then(
          ({ outcome }) => outcome,
          (error) => error.code,
        )
        if (typeof wanted === 'string') {
          expect(found).toBe(wanted)
          continue
        }
        expect(found).toBe(each.dryRun ? 'dry_run' : 'written')
        if (each.dryRun) continue
        revision++
        if (wanted) model.set(each.id, wanted)
        else model.delete(each.id)
      }
      const { items } = await b.registry.list({ kind: 'server', limit: 10 }, ALICE)
      const expected = [...model].sort().map(([id, { version, body }]) => ({ id, version, body }))
      expect(items.map(({ id, version, body }) => ({ id, version, body }))).toEqual(expected)
      expect(await b.store.revision()).toBe(revision)
      expect(b.events.filter(({ outcome }) => outcome === 'written')).toHaveLength(revision)
    }),
    { numRuns: 60 },
  )
})

it('a merge is the merge patch of RFC 7396, whatever is patched', async () => {
  const json = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(null, true, 1, 'text'),
      fc.array(tie('value'), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3 }),
    ),
  })).value
  const object = fc.dictionary(fc.constantFrom('a', 'b', 'c'), json, { maxKeys: 3 })
  await fc.assert(
    fc.asyncProperty(object, object, async (before, patch) => {
      const b = bench()
      const body = { use: 'mine', config: before } as JsonObject
      await b.registry.write({ op: 'create', kind: 'plugin', body }, by())
      await b.registry.write(
        { op: 'merge', kind: 'plugin', id: 'mine', patch: { config: patch } as JsonObject },
        by(),
      )
      const { body: now } = await b.registry.get('plugin', 'mine', ALICE)
      expect(now.config).toEqual(
        JSON.parse(JSON.stringify(mergePatch(before as JsonObject, patch as JsonObject))),
      )
    }),
    { numRuns: 100 },
  )
})

it('pages of any size are the whole list, declared and dynamic ones in the order of their ids', async () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(
      names,
      names,
      fc.integer({ min: 1, max: 5 }),
      async (dynamic, declared, limit) => {
        const entity = (id: string) =>
          ({
            kind: 'server',
            id,
            tenant: undefined,
            version: 0,
            source: 'declared',
            body: { name: id },
            createdAt: undefined,
            updatedAt: undefined,
          }) as const
        const b = bench({ declared: declared.map(entity).sort((x, y) => (x.id < y.id ? -1 : 1)) })
        for (const name of dynamic.filter((id) => !declared.includes(id)))
          await b.registry.write(
            { op: 'create', kind: 'server', body: { name, command: 'node' } },
            by(),
          )
        const found: string[] = []
        for (let after: string | undefined; ; ) {
          const page = await b.registry.list({ kind: 'server', limit, after }, ALICE)
          expect(page.items.length).toBeLessThanOrEqual(limit)
          found.push(...page.items.map(({ id }) => id))
          after = page.next
          if (after === undefined) break
        }
        expect(found).toEqual([...new Set([...dynamic, ...declared])].sort())
      },
    ),
    { numRuns: 60 },
  )
})
