// The store in SQLite does what every store does, and what only a file can be asked for.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { storeSuite } from './store-suite.ts'

storeSuite('an SQLite file', async (clock, bounds) => {
  const folder = mkdtempSync(join(tmpdir(), 'store-'))
  const open: Store[] = []
  const another = (): Store => {
    const url = `sqlite:${join(folder, 'data', 'portcullis.db')}`
    const store = createStore({ url, pool: 5 }, { clock, bounds })
    open.push(store)
    return store
  }
  return {
    store: another(),
    another,
    async dispose() {
      await Promise.all(open.map((store) => store.close()))
      rmSync(folder, { recursive: true })
    },
  }
})

storeSuite('the memory of SQLite', async (clock, bounds) => {
  const store = createStore({ url: 'sqlite::memory:', pool: 5 }, { clock, bounds })
  return { store, another: () => store, dispose: () => store.close() }
})
