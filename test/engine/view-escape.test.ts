// "A payload is never mutated in place": no way to read a view, however odd, hands out an object of the payload itself.
import { describe, expect, it } from 'vitest'
import { lazyMember } from '../../src/base/lazy.ts'
import { unwrap, View } from '../../src/engine/payload/view.ts'

type Json = Record<string, unknown>
interface Shape extends Json {
  list: { n: number; inner: { deep: string[] } }[]
  matrix: { x: number }[][]
  frozen: { list: { y: number }[]; object: { z: number } }
  deep: { deeper: { deepest: { text: string } } }
}

/** More parts than a view keeps in its list, an array of arrays, a frozen level, and one that may be made when it is read. */
function payload(late = false): Shape {
  const made: Shape = {
    list: Array.from({ length: 12 }, (_, n) => ({ n, inner: { deep: ['a'] } })),
    matrix: [[{ x: 1 }], [{ x: 2 }]],
    frozen: Object.freeze({ list: [{ y: 1 }], object: { z: 1 } }),
    deep: { deeper: { deepest: { text: 'x' } } },
  }
  const { deep } = made
  if (late) lazyMember(made, 'deep', () => deep)
  return made
}

/** Every object in a value, reached by plain reading. */
function partsOf(value: unknown, parts = new Set<object>()): Set<object> {
  if (typeof value !== 'object' || value === null || parts.has(value)) return parts
  parts.add(value)
  for (const key of Reflect.ownKeys(value)) partsOf(Reflect.get(value, key), parts)
  return parts
}

class Heir {
  readonly list: unknown
  constructor(prototype: object) {
    Object.setPrototypeOf(this, prototype)
    this.list = Reflect.get(prototype, 'list', this)
  }
}

const WAYS: Record<string, (p: Shape) => unknown> = {
  'reading members': (p) => [p.list, p.list[3], p.deep.deeper.deepest, p.frozen.object, p.matrix[1]?.[0]],
  'Reflect.get with another receiver': (p) => [Reflect.get(p, 'deep', {}), Reflect.get(p.deep, 'deeper', p), Reflect.get(p.list, 3, null)],
  'a descriptor': (p) => Object.getOwnPropertyDescriptor(p, 'deep'),
  'the descriptor of an index': (p) => Reflect.getOwnPropertyDescriptor(p.list, '3'),
  'the descriptor in a frozen part': (p) => Object.getOwnPropertyDescriptor(p.frozen, 'object'),
  'the getter behind a member': (p) => [Object.getOwnPropertyDescriptor(p, 'deep')?.get, Reflect.apply(Reflect.get(Object.prototype, '__lookupGetter__'), p, ['deep'])].map((get: unknown) => typeof get === 'function' ? Reflect.apply(get, p, []) : get),
  'all descriptors': (p) => [Object.getOwnPropertyDescriptors(p), Object.getOwnPropertyDescriptors(p.list)],
  'values and entries': (p) => [Object.values(p), Object.entries(p), Object.entries(p.frozen)],
  'own keys one by one': (p) => Reflect.ownKeys(p).map((key) => Reflect.get(p, key)),
  spreading: (p) => [{ ...p }, [...p.list], { ...p.frozen }],
  assigning: (p) => Object.assign({}, p, p.frozen),
  'destructuring the rest': ({ list, ...rest }) => [list, rest],
  iterating: (p) => { const seen: unknown[] = []; for (const part of p.list) seen.push(part); return seen },
  'an iterator': (p) => [p.list.values().next(), p.list[Symbol.iterator]().next(), p.list.entries().next()],
  'iterator helpers': (p) => p.list.values().map((part) => part).toArray(),
  'Array.from': (p) => [Array.from(p.list), Array.from(p.matrix, (row) => row)],
  'at, find and findLast': (p) => [p.list.at(-1), p.list.find(({ n }) => n === 4), p.list.findLast(() => true)],
  'what callbacks are given': (p) => { const seen: unknown[] = []; p.list.forEach((...all) => { seen.push(all) }); p.list.map((...all) => seen.push(all)); p.list.some((...all) => { seen.push(all); return false }); return seen },
  'what reducers are given': (p) => { const seen: unknown[] = []; p.list.reduce((...all) => { seen.push(all); return all[1] }); return seen },
  'what comparers are given': (p) => { const seen: unknown[] = []; p.list.toSorted((...all) => seen.push(all)); return seen },
  'slice, filter and concat': (p) => [p.list.slice(1), p.list.filter(() => true), p.list.concat(p.list), ([] as unknown[]).concat(p.matrix)],
  'flat and flatMap': (p) => [p.matrix.flat(), p.matrix.flatMap((row) => [row, ...row])],
  'copies that methods make': (p) => [p.list.toReversed(), p.list.toSpliced(0, 1), p.list.with(0, p.list[1] as never)],
  'methods borrowed': (p) => [Array.prototype.slice.call(p.list), Array.prototype.map.call(p, (part) => part)],
  grouping: (p) => [Object.groupBy(p.list, () => 'all'), [...Map.groupBy(p.list, ({ inner }) => inner)]],
  inheriting: (p) => { const heir = Object.create(p) as Shape; return [heir.deep, heir.list[0], { ...heir.frozen }] },
  'inheriting from a part': (p) => [(Object.create(p.list) as Shape['list'])[0], new Heir(p)],
  'a proxy around it': (p) => { const around = new Proxy(p, {}); return [around.deep, Object.entries(around), Object.getOwnPropertyDescriptor(around, 'deep')] },
  'a proxy around a part': (p) => [...new Proxy(p.list, {})],
  'a JSON replacer': (p) => { const seen: unknown[] = []; JSON.stringify(p, function (this: unknown, _key, value) { seen.push(this, value); return value }); return seen.slice(1) },
  promising: async (p) => [await p, await p.list[0], await Promise.all(p.list)],
  'an argument list': (p) => { const seen: unknown[] = []; Reflect.apply((...all: unknown[]) => seen.push(all), null, p.list); return seen },
  'a constructor': (p) => { class Keeps { kept: unknown; constructor(kept: unknown) { this.kept = kept } } return Reflect.construct(Keeps, p.list) },
  'Object.fromEntries': (p) => Object.fromEntries(Object.entries(p.deep)),
  'a failed write': (p) => { try { p.deep = {} as never } catch (error) { return error } return undefined },
  'weak and plain collections': (p) => [[...new Set(p.list)], [...new Map(Object.entries(p))], new WeakRef(p.deep).deref()],
} // biome-ignore format: a table

describe('no object of the payload itself is reached by', () => {
  for (const [how, way] of Object.entries(WAYS)) {
    it.each([
      ['ignore', false],
      ['ignore', true],
      ['throw', false],
      ['throw', true],
    ] as const)(`${how}, where writes %s, a member that is made late: %s`, async (writes, late) => {
      const raw = payload(late)
      const { root } = new View(raw, writes)
      const reached = partsOf(await way(root as Shape))
      const own = partsOf(raw)
      expect([...reached].filter((part) => own.has(part))).toEqual([])
      expect(raw).toEqual(payload())
    })
  }

  it('cloning, which is refused', () => {
    const { root } = new View(payload(), 'ignore')
    expect(() => structuredClone(root)).toThrow()
    expect(() => structuredClone((root as Shape).list)).toThrow()
  })
})

describe('however many parts a view has shown', () => {
  it('each has one view, and unwrapping it gives the part', () => {
    const raw = payload()
    const p = new View(raw, 'ignore').root as Shape
    const first = p.list.map((part) => part.inner.deep)
    expect(p.list.every((part, index) => part.inner.deep === first[index])).toBe(true)
    expect(new Set(first).size).toBe(raw.list.length)
    for (const [index, part] of raw.list.entries()) {
      expect(unwrap(p.list[index] as object)).toBe(part)
      expect(unwrap(first[index] as object)).toBe(part.inner.deep)
    }
  })

  it('an object that stands at two places has one view', () => {
    const shared = { text: 'x' }
    const p = new View({ a: shared, b: [shared] }, 'ignore').root as { a: object; b: object[] }
    expect(p.a).toBe(p.b[0])
  })

  it('an heir of one is not taken for it', () => {
    const p = new View(payload(), 'ignore').root as Shape
    for (const part of [p.deep, p.list, ...p.list, p.list[11]?.inner as object]) {
      const heir = Object.create(part) as object
      expect(unwrap(heir)).toBe(heir)
    }
  })
})
