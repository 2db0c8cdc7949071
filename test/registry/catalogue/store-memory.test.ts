// The memory of the catalogue in a store: what is read back, in how many commits, and what two replicas do to each other.
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { AppError, isAppError } from '../../../src/base/errors.ts'
import { type JsonObject, UnsafeNumber } from '../../../src/base/json.ts'
import { deny } from '../../../src/plugin.ts'
import type { KnownDefinition } from '../../../src/registry/catalogue/memory.ts'
import { createStoreMemory } from '../../../src/registry/catalogue/store-memory.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import type { Commit, Store } from '../../../src/store/store.ts'
import { type Asked, createBench, lines, namesOf } from './judging.ts'

const tool = (name: string, description = 'fine'): JsonObject => ({ name, description })
const poison = ({ definition }: Asked) =>
  String(definition?.description).includes('poison')
    ? deny({ code: 'POISON', reason: 'poisoned' })
    : undefined
const known = (name: string, digest = 'd'): KnownDefinition => ({
  kind: 'tools',
  name,
  verdicts: [{ digest, by: 'b', admitted: true }],
  listed: { legacy: digest },
})
const make = (store: Store) => createStoreMemory({ store, createId: () => 'r' })
const empty = () => createMemoryStore({ clock: systemClock })

/** Sizes of what is committed, in order. */
function counted(store: Store): Store & { readonly sizes: number[] } {
  const sizes: number[] = []
  const commit = (each: Commit) => {
    sizes.push(each.writes.length)
    return store.commit(each)
  }
  return { ...store, commit, sizes }
}

describe('what is kept', () => {
  it('comes back as it was, names of any text and numbers of any length among it', async () => {
    const store = empty()
    const long = 'x'.repeat(5000)
    const names = ['a', 'a/b:c', long, '\ud800', '\0', '']
    const definition = { name: 'a', number: new UnsafeNumber('12345678901234567890') }
    const put = names.map((name) => ({
      ...known(name),
      registered: { digest: 'd', definition: definition as unknown as JsonObject },
    }))
    await make(store).save('s', { put, removed: [] })
    const read = await make(store).load('s')
    expect(new Set(read.map(({ name }) => name))).toEqual(new Set(names))
    expect(JSON.stringify(read[0]?.registered?.definition)).toBe(
      '{"name":"a","number":12345678901234567890}',
    )
  })

  it('is of one server and no other, also where one is called like the begin of the other', async () => {
    const memory = make(empty())
    for (const server of ['a', 'a-b', 'ab'])
      await memory.save(server, { put: [known(server)], removed: [] })
    expect(await memory.load('a')).toEqual([known('a')])
    await memory.forget('a')
    expect(await memory.load('a')).toEqual([])
    expect(await memory.load('a-b')).toEqual([known('a-b')])
    await memory.keepOnly(new Set(['ab']))
    expect(await memory.load('a-b')).toEqual([])
    expect(await memory.load('ab')).toEqual([known('ab')])
  })

  it('is written in commits of at most 2000, and not when it is there already', async () => {
    const store = counted(empty())
    const put = Array.from({ length: 4500 }, (_, index) => known(`tool-${index}`))
    const memory = make(store)
    await memory.save('s', { put, removed: [] })
    expect(store.sizes).toEqual([2000, 2000, 500])
    await memory.save('s', { put, removed: [] })
    await make(store).save('s', { put, removed: [] })
    expect(store.sizes).toHaveLength(3)
    expect(await make(store).load('s')).toHaveLength(4500)
  })
})

describe('two replicas on one store', () => {
  it('that save the same at the same time write it once and agree', async () => {
    const store = counted(empty())
    const [one, two] = [make(store), make(store)]
    await Promise.all([one.load('s'), two.load('s')])
    const change = { put: [known('a'), known('b')], removed: [] }
    await Promise.all([one.save('s', change), two.save('s', change)])
    expect(await store.revision()).toBe(1)
    expect(await one.load('s')).toEqual(await two.load('s'))
  })

  it('that save different things each get theirs in, and the later one stays', async () => {
    const store = empty()
    const [one, two] = [make(store), make(store)]
    await Promise.all([one.load('s'), two.load('s')])
    await one.save('s', { put: [known('a', 'old')], removed: [] })
    await two.save('s', { put: [known('a', 'new'), known('b')], removed: [] })
    await one.save('s', { put: [], removed: [{ kind: 'tools', name: 'b' }] })
    await two.save('s', { put: [], removed: [{ kind: 'tools', name: 'b' }] })
    expect(await make(store).load('s')).toEqual([known('a', 'new')])
  })

  it('of which one is always faster end with an error, not with a loop', async () => {
    const store = empty()
    const conflict = new AppError('STORE_CONFLICT', 'somebody was faster')
    const commit = () => Promise.reject(conflict)
    const save = make({ ...store, commit }).save('s', { put: [known('a')], removed: [] })
    expect(isAppError(await save.catch((error) => error), 'STORE_CONFLICT')).toBe(true)
  })
})

describe('the gate over it', () => {
  it('asks nobody after a restart but about what has changed, and remembers why something was vetoed', async () => {
    const store = empty()
    const listing = [tool('a'), tool('b', 'poison'), tool('c')]
    await createBench({ memory: make(store) })
      .gate(poison)
      .admit(listing)
    const after = createBench({ memory: make(store) })
    const gate = after.gate(poison)
    expect(namesOf(await gate.admit(listing))).toEqual(['a', 'c'])
    expect(after.asked).toEqual([])
    const vetoed = (await after.known.seen('s', 'tools')).get('b')
    expect(vetoed?.verdicts).toMatchObject([
      { admitted: false, violation: { entry: 'judge', code: 'POISON', reason: 'poisoned' } },
    ])
    await gate.admit([tool('a', 'changed'), tool('b', 'poison')])
    expect(lines(after.asked)).toEqual(['tool_pre_update s/a', 'tool_pre_unregister s/c'])
  })

  it('asks again when the gateway itself is of another version', async () => {
    const store = empty()
    await createBench({ memory: make(store) })
      .gate(poison)
      .admit([tool('a')])
    const after = createBench({ memory: make(store), version: '1.0.1' })
    await after.gate(poison).admit([tool('a')])
    expect(lines(after.asked)).toEqual(['tool_pre_update s/a'])
  })

  it('goes on while the store does not answer, and judges the same again after a restart', async () => {
    const store = empty()
    const down = new AppError('STORE_UNAVAILABLE', 'the store does not answer')
    const bench = createBench({ memory: make({ ...store, commit: () => Promise.reject(down) }) })
    expect(namesOf(await bench.gate(poison).admit([tool('a')]))).toEqual(['a'])
    const after = createBench({ memory: make(store) })
    await after.gate(poison).admit([tool('a')])
    expect(lines(after.asked)).toEqual(['tool_pre_register s/a'])
  })
})
