// The gate of the catalogue by itself: what it asks, what it remembers over generations and restarts, and its bounds.
import { describe, expect, it } from 'vitest'
import { AppError } from '../../../src/base/errors.ts'
import { type JsonObject, UnsafeNumber } from '../../../src/base/json.ts'
import { createEngine } from '../../../src/engine/engine.ts'
import { conditionCompiler, createExpression } from '../../../src/expression/expression.ts'
import { deny, patch } from '../../../src/plugin.ts'
import { POINTS, type Points } from '../../../src/points/table.ts'
import { createCatalogueGate } from '../../../src/registry/catalogue/gate.ts'
import { LISTING_BUDGET, MAX_DEFINITIONS } from '../../../src/registry/catalogue/listing.ts'
import type { CatalogueMemory, KnownDefinition } from '../../../src/registry/catalogue/memory.ts'
import { LIMITS, ManualClock } from '../../engine/support.ts'
import { type Asked, createBench, info, lines, namesOf, requestOf } from './judging.ts'

const tool = (name: string, description = 'fine'): JsonObject => ({ name, description })
const poison = ({ definition }: Asked) =>
  String(definition?.description).includes('poison')
    ? deny({ code: 'POISON', reason: 'poisoned' })
    : undefined
const pass = () => undefined

describe('a definition', () => {
  it('is asked about once, whichever connection of the server lists it', async () => {
    const bench = createBench()
    const gate = bench.gate(pass)
    const eras = ['legacy', 'modern'] as const
    const both = eras.map((era) => gate.admit([tool('a')], { era, eras }))
    expect((await Promise.all(both)).map(namesOf)).toEqual([['a'], ['a']])
    expect(lines(bench.asked)).toEqual(['tool_pre_register s/a'])
  })

  it('that is another on each connection is asked about once on each, and vanishes when both list it no more', async () => {
    const bench = createBench()
    const gate = bench.gate(pass)
    const eras = ['legacy', 'modern'] as const
    for (let round = 0; round < 2; round++)
      for (const era of eras) await gate.admit([tool('a', era)], { era, eras })
    expect(lines(bench.asked)).toEqual(['tool_pre_register s/a', 'tool_pre_update s/a'])
    await gate.admit([], { era: 'legacy', eras })
    expect(bench.asked).toHaveLength(2)
    await gate.admit([], { era: 'modern', eras })
    expect(lines(bench.asked).at(-1)).toBe('tool_pre_unregister s/a')
  })

  it('is forgotten with the connection that listed it last, when there is no such connection any more', async () => {
    const bench = createBench()
    const gate = bench.gate(pass)
    await gate.admit([tool('a')], { era: 'legacy', eras: ['legacy', 'modern'] })
    await gate.admit([], { era: 'modern', eras: ['modern'] })
    expect(lines(bench.asked)).toEqual(['tool_pre_register s/a', 'tool_pre_unregister s/a'])
  })

  it('with its members in another order is the same', async () => {
    const bench = createBench()
    const gate = bench.gate(pass)
    await gate.admit([{ name: 'a', x: 1, y: { p: 1, q: 2 } }])
    await gate.admit([{ y: { q: 2, p: 1 }, x: 1, name: 'a' }])
    expect(bench.asked).toHaveLength(1)
  })

  it('of two servers is asked about for each', async () => {
    const bench = createBench()
    const gate = bench.gate(pass)
    for (const server of ['s', 't']) await gate.admit([tool('a')], { server })
    expect(lines(bench.asked)).toEqual(['tool_pre_register s/a', 'tool_pre_register t/a'])
  })

  it('of a resource template has an id no resource can have', async () => {
    const bench = createBench()
    const gate = bench.gate(pass)
    await gate.admit([{ uri: 'template/x://{a}' }], { kind: 'resources' })
    await gate.admit([{ uriTemplate: 'x://{a}' }], { kind: 'templates' })
    expect(bench.asked.map(({ id }) => id)).toEqual(['s/template/x://{a}', 's:template/x://{a}'])
  })
})

describe('a veto', () => {
  it('keeps out the one definition, and is remembered', async () => {
    const bench = createBench()
    const gate = bench.gate(poison)
    const listing = [tool('a'), tool('b', 'poison'), tool('c')]
    for (let round = 0; round < 2; round++) {
      const admitted = await gate.admit(listing)
      expect(namesOf(admitted)).toEqual(['a', 'c'])
      expect(admitted.withheld).toEqual(['b'])
      expect(admitted.complete).toBe(true)
    }
    expect(bench.asked).toHaveLength(3)
    expect(bench.told.map(({ id, outcome, reason }) => [id, outcome, reason])).toEqual([
      ['s/a', 'written', undefined],
      ['s/b', 'vetoed', 'poisoned (POISON)'],
      ['s/c', 'written', undefined],
    ])
  })

  it('of an update shows neither the new definition nor the one before', async () => {
    const bench = createBench()
    const gate = bench.gate(poison)
    await gate.admit([tool('a', 'first')])
    const { items, withheld } = await gate.admit([tool('a', 'poison')])
    expect([items, withheld]).toEqual([[], ['a']])
  })

  it('of an update leaves what was admitted last to compare with', async () => {
    const bench = createBench()
    const gate = bench.gate(poison)
    await gate.admit([tool('a', 'first')])
    await gate.admit([tool('a', 'poison')])
    expect(namesOf(await gate.admit([tool('a', 'third')]))).toEqual(['a'])
    const last = bench.asked.at(-1)
    expect([last?.point, last?.previous?.description]).toEqual(['tool_pre_update', 'first'])
  })

  it('of what was never admitted makes the next definition a new one, and its end is no event', async () => {
    const bench = createBench()
    const gate = bench.gate(poison)
    await gate.admit([tool('a', 'poison one')])
    await gate.admit([tool('a', 'poison two')])
    await gate.admit([])
    expect(lines(bench.asked)).toEqual(['tool_pre_register s/a', 'tool_pre_register s/a'])
  })

  it('of an unregistration keeps nothing: the server has it no longer', async () => {
    const bench = createBench()
    const gate = bench.gate(({ point }) =>
      point === 'tool_pre_unregister' ? deny({ code: 'KEEP', reason: 'keep it' }) : undefined,
    )
    await gate.admit([tool('a')])
    expect(await gate.admit([])).toMatchObject({ items: [], withheld: [], complete: true })
    expect(bench.told.at(-1)).toMatchObject({
      point: 'tool_post_unregister',
      outcome: 'vetoed',
      reason: 'keep it (KEEP)',
    })
    await gate.admit([tool('a')])
    expect(lines(bench.asked).at(-1)).toBe('tool_pre_register s/a')
  })
})

describe('a rewritten definition', () => {
  const rewriting = ({ definition }: Asked) =>
    patch({ entity: { server: 's', name: 'a', definition: { ...definition, description: 'new' } } })

  it('is what is shown, also when the same is listed again, and what the next is compared with', async () => {
    const bench = createBench()
    const gate = bench.gate(rewriting)
    for (let round = 0; round < 2; round++)
      expect((await gate.admit([tool('a', 'old')])).items).toEqual([
        { name: 'a', definition: { name: 'a', description: 'new' } },
      ])
    expect(bench.asked).toHaveLength(1)
    await gate.admit([tool('a', 'other')])
    expect(bench.asked[1]?.previous).toEqual({ name: 'a', description: 'new' })
  })

  it.each([
    ['server', { server: 'other', name: 'a', definition: { name: 'a' } }],
    ['name', { server: 's', name: 'b', definition: { name: 'a' } }],
    ['name in the definition', { server: 's', name: 'a', definition: { name: 'b' } }],
    ['definition to none', { server: 's', name: 'a' }],
    ['identity by another member', { server: 's', name: 'a', uri: 'x', definition: { name: 'a' } }],
  ])('that changes the %s is a fault, and withheld', async (_, entity) => {
    const bench = createBench()
    const admitted = await bench.gate(() => patch({ entity })).admit([tool('a')])
    expect(admitted).toMatchObject({ items: [], withheld: ['a'], complete: false })
  })
})

describe('what is shown', () => {
  it('has another text exactly when other things are shown', async () => {
    const bench = createBench()
    const gate = bench.gate(poison)
    const shown = async (...definitions: JsonObject[]) => (await gate.admit(definitions)).shown
    const first = await shown(tool('a'), tool('b'))
    expect(await shown(tool('a'), tool('b'))).toBe(first)
    expect(await shown(tool('a'), tool('b'), tool('c', 'poison'))).toBe(first)
    expect(await shown(tool('a'), tool('b', 'changed'))).not.toBe(first)
    expect(await shown(tool('a'))).not.toBe(first)
  })

  it('is what the server lists now, not a copy that was kept', async () => {
    const memory = keeping()
    const number = new UnsafeNumber('12345678901234567890')
    const listing = [{ name: 'a', number } as unknown as JsonObject]
    const blind = { conditions: [{ servers: ['t'] }] }
    await createBench({ memory }).gate(pass, 'one', blind).admit(listing)
    const { items } = await createBench({ memory }).gate(pass, 'one', blind).admit(listing)
    expect(JSON.stringify(items[0]?.definition)).toBe('{"name":"a","number":12345678901234567890}')
  })
})

describe('a fault', () => {
  it('withholds the definition, is no verdict, and is asked about again', async () => {
    const bench = createBench()
    let broken = true
    const gate = bench.gate(() => {
      if (broken) throw new Error('broken')
    })
    expect(await gate.admit([tool('a')])).toMatchObject({
      items: [],
      withheld: ['a'],
      complete: false,
    })
    expect(bench.told.at(-1)).toMatchObject({ point: 'tool_post_register', outcome: 'failed' })
    broken = false
    expect(namesOf(await gate.admit([tool('a')]))).toEqual(['a'])
    expect(lines(bench.asked)).toEqual(['tool_pre_register s/a', 'tool_pre_register s/a'])
  })

  it('of time is one, too', async () => {
    const bench = createBench()
    const gate = bench.gate(() => new Promise(() => {}))
    const admitted = gate.admit([tool('a')])
    await turns()
    await bench.clock.advance(LIMITS.dispatch.control)
    expect(await admitted).toMatchObject({ items: [], withheld: ['a'], complete: false })
  })

  it('at what has vanished forgets it all the same', async () => {
    const bench = createBench()
    const gate = bench.gate(({ point }) => {
      if (point === 'tool_pre_unregister') throw new Error('broken')
    })
    await gate.admit([tool('a')])
    await gate.admit([])
    await gate.admit([])
    expect(lines(bench.asked)).toEqual(['tool_pre_register s/a', 'tool_pre_unregister s/a'])
    expect(bench.told.at(-1)).toMatchObject({ outcome: 'failed' })
  })
})

describe('another generation', () => {
  it('with the same entries asks about nothing that is known', async () => {
    const bench = createBench()
    await bench.gate(poison).admit([tool('a'), tool('b', 'poison')])
    expect(namesOf(await bench.gate(poison).admit([tool('a'), tool('b', 'poison')]))).toEqual(['a'])
    expect(bench.asked).toHaveLength(2)
  })

  it('with other entries asks about everything once: as an update where it was admitted', async () => {
    const bench = createBench()
    const listing = [tool('a'), tool('b', 'poison')]
    await bench.gate(poison).admit(listing)
    const other = bench.gate(pass, 'two')
    for (let round = 0; round < 2; round++)
      expect(namesOf(await other.admit(listing))).toEqual(['a', 'b'])
    expect(lines(bench.asked).slice(2)).toEqual(['tool_pre_update s/a', 'tool_pre_register s/b'])
    expect(bench.asked[2]?.previous).toEqual(tool('a'))
  })

  it('that cannot judge what the one before admitted withholds it', async () => {
    const bench = createBench()
    await bench.gate(pass).admit([tool('a')])
    const broken = bench.gate(() => {
      throw new Error('broken')
    }, 'two')
    expect((await broken.admit([tool('a')])).withheld).toEqual(['a'])
  })

  it('does not share its verdicts with the one it replaced, which goes on with its own', async () => {
    const bench = createBench()
    const listing = [tool('a', 'poison')]
    const first = bench.gate(poison)
    await first.admit(listing)
    const second = bench.gate(pass, 'two')
    expect(namesOf(await second.admit(listing))).toEqual(['a'])
    for (let round = 0; round < 2; round++) expect(namesOf(await first.admit(listing))).toEqual([])
    expect(namesOf(await second.admit(listing))).toEqual(['a'])
    expect(bench.asked).toHaveLength(3)
  })
})

describe('bounds', () => {
  const many = (count: number, from = 0) =>
    Array.from({ length: count }, (_, index) => tool(`t${from + index}`))

  it('what is beyond the number of definitions is withheld, and the log says so', async () => {
    const bench = createBench()
    const { items, withheld, complete } = await bench.gate(pass).admit(many(MAX_DEFINITIONS + 3))
    expect([items.length, withheld, complete]).toEqual([
      MAX_DEFINITIONS,
      ['t10000', 't10001', 't10002'],
      true,
    ])
    expect(bench.log.lines.at(-1)?.message).toContain('lists more than 10000')
  })

  it('a server that lists other names each time leaves nothing behind', async () => {
    const bench = createBench()
    const gate = bench.gate(pass)
    for (let round = 0; round < 5; round++) await gate.admit(many(50, round * 50))
    expect((await bench.known.ledger(99, 's', 'tools')).size).toBe(50)
  })

  it('eight are asked about at a time', async () => {
    const bench = createBench()
    const waiting: (() => void)[] = []
    const gate = bench.gate(() => new Promise<void>((resolve) => waiting.push(resolve)))
    const goAll = () => {
      for (const go of waiting.splice(0)) go()
    }
    const admitted = gate.admit(many(20))
    await turns()
    expect(waiting).toHaveLength(8)
    goAll()
    await turns()
    expect(waiting).toHaveLength(8)
    for (; waiting.length > 0; await turns()) goAll()
    expect(namesOf(await admitted)).toHaveLength(20)
  })

  it('a slow entry is asked no more when the time of a listing is over, and goes on where it was', async () => {
    const bench = createBench()
    const gate = bench.gate(
      () => new Promise<void>((resolve) => bench.clock.after(LISTING_BUDGET / 4, resolve)),
    )
    const first = gate.admit(many(50))
    await advance(bench.clock, LISTING_BUDGET * 2)
    const { items, complete } = await first
    expect([items.length, complete]).toEqual([32, false])
    const second = gate.admit(many(50))
    await advance(bench.clock, LISTING_BUDGET)
    expect((await second).items).toHaveLength(50)
    expect(bench.asked).toHaveLength(50)
  })

  it('no more than sixteen listings of a kind wait', async () => {
    const bench = createBench()
    let go = () => {}
    const gate = bench.gate(
      () =>
        new Promise<void>((resolve) => {
          go = resolve
        }),
    )
    const all = Promise.allSettled(Array.from({ length: 20 }, () => gate.admit([tool('a')])))
    await turns()
    go()
    const refused = (await all).filter(({ status }) => status === 'rejected')
    expect(refused).toHaveLength(4)
    expect(refused[0]).toMatchObject({ reason: { code: 'UPSTREAM_TOO_LARGE' } })
  })
})

/** Between two rests of whoever works in turns of the event loop. */
async function turns(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function advance(clock: ManualClock, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 500) {
    await turns()
    await clock.advance(500)
  }
}

/** Keeps JSON texts, as a store would. */
function keeping(): CatalogueMemory & { readonly kept: Map<string, string>; broken: boolean } {
  const kept = new Map<string, string>()
  const key = (server: string, { kind, name }: Pick<KnownDefinition, 'kind' | 'name'>) =>
    JSON.stringify([server, kind, name])
  const fail = () => {
    if (memory.broken) throw new AppError('STORE_UNAVAILABLE', 'the store does not answer')
  }
  const memory = {
    kept,
    broken: false,
    async load(server: string) {
      fail()
      return [...kept]
        .filter(([id]) => JSON.parse(id)[0] === server)
        .map(([, text]) => JSON.parse(text) as KnownDefinition)
    },
    async save(server: string, { put, removed }: Parameters<CatalogueMemory['save']>[1]) {
      fail()
      for (const each of put) kept.set(key(server, each), JSON.stringify(each))
      for (const each of removed) kept.delete(key(server, each))
    },
    async forget(server: string) {
      for (const id of kept.keys()) if (JSON.parse(id)[0] === server) kept.delete(id)
    },
  }
  return memory
}

describe('a memory', () => {
  const listing = [tool('a'), tool('b', 'poison')]

  it('makes a restart ask about nothing that is known', async () => {
    const memory = keeping()
    await createBench({ memory }).gate(poison).admit(listing)
    const after = createBench({ memory })
    expect(namesOf(await after.gate(poison).admit(listing))).toEqual(['a'])
    expect(after.asked).toEqual([])
    await after.gate(poison).admit([tool('a', 'changed'), tool('b', 'poison')])
    expect(lines(after.asked)).toEqual(['tool_pre_update s/a'])
  })

  it('notices what vanished while nothing ran', async () => {
    const memory = keeping()
    await createBench({ memory })
      .gate(pass)
      .admit([tool('a'), tool('b')])
    const after = createBench({ memory })
    await after.gate(pass).admit([tool('a')])
    expect(lines(after.asked)).toEqual(['tool_pre_unregister s/b'])
    expect(memory.kept.size).toBe(1)
  })

  it('is written only when something is new', async () => {
    const memory = keeping()
    const bench = createBench({ memory })
    const gate = bench.gate(pass)
    await gate.admit(listing)
    memory.broken = true
    await gate.admit(listing)
    expect(bench.log.lines).toEqual([])
  })

  it('that cannot be read lets nothing in until it can', async () => {
    const memory = keeping()
    const bench = createBench({ memory })
    const gate = bench.gate(pass)
    memory.broken = true
    await expect(gate.admit(listing)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(bench.asked).toEqual([])
    memory.broken = false
    expect(namesOf(await gate.admit(listing))).toEqual(['a', 'b'])
  })

  it('that cannot be written keeps nobody out, and the log says so', async () => {
    const memory = keeping()
    const bench = createBench({ memory })
    const gate = bench.gate(pass)
    await gate.admit([])
    memory.broken = true
    expect(namesOf(await gate.admit(listing))).toEqual(['a', 'b'])
    expect(bench.log.lines.at(-1)?.message).toContain('could not be kept')
  })

  it('forgets a server that is configured no longer', async () => {
    const memory = keeping()
    const bench = createBench({ memory })
    await bench.gate(pass).admit([tool('a')])
    await bench.known.forget('s')
    expect(memory.kept.size).toBe(0)
    await bench.gate(pass).admit([tool('a')])
    expect(lines(bench.asked)).toEqual(['tool_pre_register s/a', 'tool_pre_register s/a'])
  })
})

describe('what an administrator overrides', () => {
  const override = (_: string, __: string, name: string) =>
    name === 'off'
      ? { enabled: false }
      : name === 'a'
        ? { definition: { description: 'overridden', name: 'z', gone: null } }
        : undefined

  it('comes after the points, and leaves the identity', async () => {
    const bench = createBench({ override })
    const gate = bench.gate(pass)
    const { items, withheld } = await gate.admit([
      { ...tool('a'), gone: 1 },
      tool('off'),
      tool('c'),
    ])
    expect(items).toEqual([
      { name: 'a', definition: { name: 'a', description: 'overridden' } },
      { name: 'c', definition: tool('c') },
    ])
    expect(withheld).toEqual(['off'])
    expect(bench.asked).toHaveLength(3)
  })

  it('brings back nothing that was vetoed', async () => {
    const bench = createBench({ override: () => ({ enabled: true }) })
    expect((await bench.gate(poison).admit([tool('a', 'poison')])).withheld).toEqual(['a'])
  })
})

describe('where nobody is bound', () => {
  const engine = createEngine<Points>(POINTS, {
    clock: new ManualClock(),
    expression: conditionCompiler(createExpression()),
    sink: { verdict() {}, fault() {}, dispatched() {}, observerDropped() {} },
    defer: (run) => run(),
  })
  const bench = createBench()
  const parts = {
    generation: engine.generation([], LIMITS),
    known: bench.known,
    requestFor: () => requestOf(1),
    hold: () => () => {},
    clock: bench.clock,
    log: bench.log,
  }

  it('there is no gate', () => {
    expect(createCatalogueGate(parts)).toBeUndefined()
  })

  it('overrides alone make one that asks nobody', async () => {
    const gate = createCatalogueGate({ ...parts, override: () => ({ enabled: false }) })
    const offered = { server: info('s'), kind: 'tools', era: 'legacy', eras: ['legacy'] } as const
    expect(await gate?.admit({ ...offered, items: [{ name: 'a', definition: {} }] })).toEqual({
      items: [],
      shown: undefined,
      withheld: ['a'],
      complete: true,
    })
  })

  it('to the points of a kind, that kind passes unasked', async () => {
    const gate = createBench({ points: ['tool_pre_register'] }).gate(pass)
    expect([gate.judges('tools'), gate.judges('prompts'), gate.judges('templates')]).toEqual([
      true,
      false,
      false,
    ])
    expect(namesOf(await gate.admit([{ name: 'p' }], { kind: 'prompts' }))).toEqual(['p'])
  })
})

it('an entry is scoped by the server whose listing it is', async () => {
  const bench = createBench()
  const gate = bench.gate(pass, 'one', { conditions: [{ servers: ['t'] }] })
  for (const server of ['s', 't']) await gate.admit([tool('a')], { server })
  expect(lines(bench.asked)).toEqual(['tool_pre_register t/a'])
})

it('the generation is held open while its entries judge', async () => {
  let held = 0
  const bench = createBench()
  const engine = createEngine<Points>(POINTS, {
    clock: bench.clock,
    expression: conditionCompiler(createExpression()),
    sink: { verdict() {}, fault() {}, dispatched() {}, observerDropped() {} },
    defer: (run) => run(),
  })
  const seen: number[] = []
  const registration = {
    entry: 'e', plugin: 'p', point: 'tool_pre_register', mode: 'enforce', priority: 1, order: 1, timeout: 1000,
    onError: 'fail', handler: () => void seen.push(held),
  } as const // biome-ignore format: one entry
  const gate = createCatalogueGate({
    generation: engine.generation([registration], LIMITS),
    known: bench.known,
    requestFor: () => requestOf(1),
    hold() {
      held++
      return () => void held--
    },
    clock: bench.clock,
    log: bench.log,
  })
  const offered = { server: info('s'), kind: 'tools', era: 'legacy', eras: ['legacy'] } as const
  await gate?.admit({ ...offered, items: [{ name: 'a', definition: tool('a') }] })
  expect([seen, held]).toEqual([[1], 0])
})
