// "A payload is never mutated in place; an attempt throws in development and has no effect in production."
import { describe, expect, it } from 'vitest'
import { UnsafeNumber } from '../../src/base/json.ts'
import { ANONYMOUS } from '../../src/engine/context.ts'
import { unwrap, View } from '../../src/engine/payload/view.ts'
import { patch } from '../../src/engine/verdict.ts'
import { bench, CALL, settle } from './support.ts'

interface Shape {
  name: string
  added?: unknown
  arguments: { path?: string; list: number[]; deep: { text: string }; [member: string]: unknown }
}

const ATTEMPTS: Record<string, (payload: Shape) => unknown> = {
  'a top member': (p) => Object.assign(p, { name: 'x' }),
  'a new member': (p) => Object.assign(p, { added: 1 }),
  'a nested member': (p) => Object.assign(p.arguments.deep, { text: 'x' }),
  'deleting a member': (p) => delete p.arguments.path,
  'deleting a top member': (p) => Reflect.deleteProperty(p, 'name') || fail(),
  'defining a member': (p) => Object.defineProperty(p.arguments, 'path', { value: 'x' }),
  'defining an accessor': (p) =>
    Object.defineProperty(p.arguments, 'path', { get: () => 'x', configurable: true }),
  'the prototype': (p) => Object.setPrototypeOf(p.arguments, null),
  'the prototype by name': (p) => Object.assign(p.arguments, JSON.parse('{"__proto__": {"x": 1}}')),
  push: (p) => p.arguments.list.push(9),
  pop: (p) => p.arguments.list.pop(),
  shift: (p) => p.arguments.list.shift(),
  unshift: (p) => p.arguments.list.unshift(9),
  sort: (p) => p.arguments.list.sort(),
  reverse: (p) => p.arguments.list.reverse(),
  splice: (p) => p.arguments.list.splice(0, 2, 9),
  fill: (p) => p.arguments.list.fill(0),
  copyWithin: (p) => p.arguments.list.copyWithin(0, 1),
  'an index': (p) => Object.assign(p.arguments.list, { 0: 9 }),
  length: (p) => Object.assign(p.arguments.list, { length: 0 }),
  'a write through a descriptor': (p) =>
    Object.assign(Object.getOwnPropertyDescriptor(p.arguments, 'deep')?.value as object, {
      text: 'x',
    }),
  'a write through values()': (p) =>
    Object.assign(Object.values(p.arguments).at(-1) as object, { text: 'x' }),
}

function fail(): never {
  throw new TypeError('refused')
}

describe('an attempt to write', () => {
  for (const [what, attempt] of Object.entries(ATTEMPTS)) {
    it(`to ${what} throws in development and is a fault`, async () => {
      const payload = CALL()
      const self = bench({ writes: 'throw' })
      const { outcome } = await self.run({ a: { handler: (p) => void attempt(p) } }, { payload })
      expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_PAYLOAD_MUTATED' } })
      expect(payload).toEqual(CALL())
    })

    it(`to ${what} has no effect in production, and throws nothing`, async () => {
      const payload = CALL()
      let seen: unknown
      const { outcome } = await bench().run(
        {
          a: { handler: (p) => void attempt(p) },
          b: { handler: async (p) => { await settle(); attempt(p) } },
          c: { mode: 'guard', handler: (p) => void attempt(p) },
          d: { mode: 'audit', handler: (p) => void attempt(p) },
          look: { mode: 'audit', handler: (p) => { seen = JSON.parse(JSON.stringify(p)) } },
        },
        { payload },
      ) // biome-ignore format: short
      expect(outcome).toMatchObject({ kind: 'pass', changed: false })
      expect(payload).toEqual(CALL())
      expect(seen).toEqual(CALL())
      expect(Object.getPrototypeOf(payload.arguments)).toBe(Object.prototype)
    })
  }

  it('by freezing is refused in either, because it would bind the payload', () => {
    for (const writes of ['throw', 'ignore'] as const) {
      const payload = CALL()
      expect(() => Object.freeze(new View(payload, writes).root)).toThrow()
      expect(Object.isFrozen(payload)).toBe(false)
    }
  })
})

describe('a view', () => {
  const view = (payload: object = CALL()) => new View(payload, 'ignore').root as Shape

  it('reads like the payload', () => {
    const p = view()
    expect(p).toEqual(CALL())
    expect(JSON.stringify(p)).toBe(JSON.stringify(CALL()))
    expect({ ...p.arguments }).toEqual(CALL().arguments)
    expect(Object.keys(p)).toEqual(Object.keys(CALL()))
    expect('name' in p && !('nothing' in p)).toBe(true)
    expect(Array.isArray(p.arguments.list)).toBe(true)
    expect([...p.arguments.list]).toEqual([3, 1, 2])
    expect(p.arguments.list.map((n) => n + 1)).toEqual([4, 2, 3])
    expect(p.arguments.list.toSorted()).toEqual([1, 2, 3])
    expect(p.arguments.list.length).toBe(3)
    expect(Object.entries(p.arguments.deep)).toEqual([['text', 'x']])
    expect(p.arguments instanceof Object && String(p)).toBe('[object Object]')
  })

  it('shows the same object as the same view', () => {
    const p = view()
    expect(p.arguments).toBe(p.arguments)
  })

  it('of frozen parts shows them and keeps what is inside them from being written to', () => {
    const inner = { roles: ['a'] }
    const payload = {
      principal: Object.freeze({ inner, list: Object.freeze([inner]) }),
      anonymous: ANONYMOUS,
    }
    const p = view(payload) as unknown as typeof payload
    expect(p).toEqual(payload)
    p.principal.inner.roles.push('admin')
    ;(p.principal.list[0] as typeof inner).roles.push('admin')
    expect(inner.roles).toEqual(['a'])
  })

  it('cannot be cloned structurally; a copy by JSON can be had', () => {
    const p = view()
    expect(() => structuredClone(p)).toThrow()
    expect(structuredClone(JSON.parse(JSON.stringify(p)))).toEqual(CALL())
  })

  it('cannot be opened by a plugin that watches it being unwrapped', () => {
    const payload = CALL()
    const p = view(payload)
    const stolen: unknown[] = []
    const spy: object = new Proxy({}, {
      get(target, key): unknown {
        if (typeof key === 'symbol') stolen.push((p as unknown as Record<symbol, unknown>)[key], Reflect.get(p, key, spy))
        return Reflect.get(target, key)
      },
    }) // biome-ignore format: short
    expect(unwrap(p)).toBe(payload)
    expect(unwrap(spy)).toBe(spy)
    expect(stolen).toEqual([undefined, undefined])
    const heir = Object.create(p) as object
    expect(unwrap(heir)).toBe(heir)
  })

  it('that a plugin kept still shows what it saw, and what it reads there later disturbs nobody', async () => {
    let kept: Shape | undefined
    const { outcome } = await bench().run(
      {
        keeps: { handler: (p) => { kept = p } },
        changes: { handler: () => patch({ arguments: { n: 1 } }) },
        later: { handler: () => void expect(() => JSON.stringify(kept)).toThrow('2^53') },
      },
      { payload: { ...CALL(), arguments: { big: new UnsafeNumber('9007199254740993') } } },
    ) // biome-ignore format: short
    expect(outcome.kind).toBe('pass')
    expect(kept?.name).toBe('read_file')
  })
})

describe('an integer beyond 2^53', () => {
  const payload = () => ({
    ...CALL(),
    arguments: {
      big: new UnsafeNumber('9007199254740993'),
      other: 1,
      deep: { big: new UnsafeNumber('-9007199254740993') },
    },
  })
  const argsOf = (p: Shape) => Reflect.get(p, 'arguments') as Record<string, unknown>
  const read = (p: Shape): void => {
    Reflect.get(argsOf(p), 'big')
  }
  const descriptors = (p: Shape): void => {
    Object.getOwnPropertyDescriptors(argsOf(p))
  }
  const spread = (p: Shape): object => patch({ arguments: Object.assign({}, argsOf(p)) })
  const swallow = (p: Shape) => {
    try {
      read(p)
    } catch {
      // what a careless plugin does
    }
  }

  const readers: [string, object][] = [
    ['in the chain', { handler: read }],
    ['and swallows the error', { handler: swallow as never }],
    [
      'and swallows it later',
      {
        handler: async (p: Shape) => {
          await settle()
          swallow(p)
        },
      },
    ],
    [
      'and rejects later',
      {
        handler: async (p: Shape) => {
          await settle()
          read(p)
        },
      },
    ],
    ['whatever on_error says', { onError: 'ignore', handler: swallow as never }],
    ['as a guard', { mode: 'guard', handler: swallow as never }],
    [
      'as a guard, later',
      {
        mode: 'guard',
        onError: 'ignore',
        handler: async (p: Shape) => {
          await settle()
          swallow(p)
        },
      },
    ],
    [
      'and throws another error',
      {
        mode: 'guard',
        handler: (p: Shape) => {
          swallow(p)
          throw new Error('other')
        },
      },
    ],
    ['by stringifying', { handler: (p: Shape) => void JSON.stringify(p) }],
    ['by a descriptor', { handler: descriptors }],
    ['by spreading', { handler: spread }],
  ]
  it.each(readers)('that a plugin reads is refused at that point: %s', async (_how, entry) => {
    const { outcome } = await bench().run({ a: entry as never }, { payload: payload() }) // biome-ignore format: short
    expect(outcome).toMatchObject({
      kind: 'fault',
      fault: { code: 'NUMBER_UNSAFE', data: { entry: 'a' } },
    })
  })

  it('that an observer reads is its fault alone', async () => {
    const self = bench()
    const { outcome } = await self.run(
      { a: { mode: 'audit', handler: swallow as never } },
      { payload: payload() },
    )
    expect(outcome.kind).toBe('pass')
    expect(self.faults).toMatchObject([{ fault: { code: 'NUMBER_UNSAFE' }, failedOpen: false }])
  })

  it('that nobody reads passes with its own digits, also inside a patch', async () => {
    const { outcome } = await bench().run(
      {
        a: {
          handler: (p) =>
            patch({ arguments: { other: (p as { arguments: { deep: unknown } }).arguments.deep } }),
        },
      },
      { payload: payload() },
    )
    expect(JSON.stringify(outcome.payload.arguments)).toBe('{"other":{"big":-9007199254740993}}')
  })

  it('is laid to the guard that read it and to no other', async () => {
    const self = bench()
    await self.run(
      {
        innocent: { mode: 'guard', handler: async () => {} },
        reader: { mode: 'guard', handler: async (p) => swallow(p as Shape) },
      },
      { payload: payload() },
    )
    expect(self.faults.map(({ step }) => step.entry)).toEqual(['reader'])
  })

  it('that a handler reads after it was given up disturbs nobody', async () => {
    const self = bench()
    const running = self.run(
      {
        slow: { timeout: 20, onError: 'ignore', handler: async (p) => { await new Promise((resolve) => void self.clock.after(100, () => resolve(0))); swallow(p) } },
        next: { timeout: 900, handler: () => new Promise((resolve) => void self.clock.after(300, () => resolve(undefined))) },
      },
      { payload: payload() },
    ) // biome-ignore format: short
    await self.clock.advance(500)
    expect((await running).outcome.kind).toBe('pass')
  })
})
