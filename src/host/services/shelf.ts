// The storages of all entries, kept from one generation to the next by entry name and plugin id; dropped when nobody holds one.
import type { PluginStorage } from '../api.ts'
import { createStorage } from './storage.ts'

export interface StorageShelf {
  /** The same map for the same entry and plugin; each take is given back once. */
  take(entry: string, plugin: string): { readonly storage: PluginStorage; giveBack(): void }
}

/** Keys of one entry. */
const BOUND = 10_000

export function createStorageShelf(now: () => number, bound = BOUND): StorageShelf {
  const kept = new Map<string, { readonly storage: PluginStorage; holders: number }>()
  return {
    take(entry, plugin) {
      const key = `${entry}\0${plugin}`
      const place = kept.get(key) ?? { storage: createStorage(now, bound), holders: 0 }
      kept.set(key, place)
      place.holders++
      let held = true
      return {
        storage: place.storage,
        giveBack() {
          if (!held) return
          held = false
          if (--place.holders === 0) kept.delete(key)
        },
      }
    },
  }
}
