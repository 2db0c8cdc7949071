// The memory of the catalogue in databases: servers are told apart in the order that a database has, and replicas agree.
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import type { KnownDefinition } from '../../../src/registry/catalogue/memory.ts'
import { createStoreMemory } from '../../../src/registry/catalogue/store-memory.ts'
import { createStore } from '../../../src/store/open.ts'
import { BOUNDS } from '../../../src/store/rules.ts'
import { createSqlStore } from '../../../src/store/sql/kysely-store.ts'
import type { Store } from '../../../src/store/store.ts'
import { openPglite } from '../../store/pglite.ts'

const pglite = openPglite()
afterAll(pglite.close)

const clock = systemClock
/** That of PGlite closes with the file: there is one for all tests of it. */
const DATABASES: Readonly<Record<string, () => Promise<Store>>> = {
  SQLite: async () => createStore({ url: 'sqlite::memory:' } as never, { clock }),
  PostgreSQL: async () => {
    const dialect = await pglite.dialect()
    const store = createSqlStore({ dialect, clock, bounds: BOUNDS, name: 'pglite' })
    return Object.assign(store, { close: async () => {} })
  },
}

const known = (name: string, digest = 'd'): KnownDefinition => ({
  kind: 'tools',
  name,
  verdicts: [{ digest, by: 'b', admitted: true }],
  listed: { legacy: digest },
})

describe.each(Object.entries(DATABASES))('in %s', (_name, open) => {
  it('keeps what each server lists, forgets servers that are gone, and takes the writes of two replicas', async () => {
    const store = await open()
    await store.start()
    const make = () => createStoreMemory({ store, createId: () => 'r' })
    const [one, two] = [make(), make()]
    await Promise.all([one.load('a'), two.load('a')])
    const put = Array.from({ length: 600 }, (_, index) => known(`t-${index}\0\ud800`))
    await Promise.all([one.save('a', { put, removed: [] }), two.save('a', { put, removed: [] })])
    for (const server of ['a-b', 'a0', 'ab', 'A'])
      await one.save(server, { put: [known(server)], removed: [] })
    await two.save('a', {
      put: [known('t-1\0\ud800', 'other')],
      removed: [put[0] as KnownDefinition],
    })
    const names = (await make().load('a')).map(({ name, listed }) => `${name} ${listed.legacy}`)
    expect(names).toHaveLength(599)
    expect(names).toContain('t-1\0\ud800 other')
    await make().keepOnly(new Set(['ab', 'A']))
    for (const server of ['a', 'a-b', 'a0']) expect(await make().load(server)).toEqual([])
    for (const server of ['ab', 'A']) expect(await make().load(server)).toEqual([known(server)])
    await store.close()
  })
})
