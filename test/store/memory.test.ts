// The store in memory does what every store does.
import { createMemoryStore } from '../../src/store/memory.ts'
import { storeSuite } from './store-suite.ts'

storeSuite('memory', async (clock, bounds) => {
  const store = createMemoryStore({ clock, bounds })
  return { store, another: () => store, dispose: () => store.close() }
})
