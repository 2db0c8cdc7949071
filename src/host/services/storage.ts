// Bounded memory for plugins that outlives reloads, with writes that vanish in dry runs; it does not know who owns a map.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { PluginStorage } from '../api.ts'

interface Slot {
  readonly value: unknown
  /** Monotonic milliseconds. */
  readonly until: number
}

const MAX_KEY = 512

/** A map of at most `bound` keys; the one that was used least recently makes room. */
export function createStorage(now: () => number, bound: number): PluginStorage {
  // a Map keeps the order of insertion: a key that is used again is put at its end
  const slots = new Map<string, Slot>()
  return {
    get(key) {
      const slot = slots.get(key)
      if (slot === undefined) return undefined
      slots.delete(key)
      if (slot.until <= now()) return undefined
      slots.set(key, slot)
      return slot.value
    },
    set(key, value, ttl = Number.POSITIVE_INFINITY) {
      if (typeof key !== 'string' || key.length > MAX_KEY)
        throw new TypeError(`a storage key is a text of at most ${MAX_KEY} characters`)
      slots.delete(key)
      if (!(ttl > 0)) return
      if (slots.size >= bound) slots.delete(slots.keys().next().value as string)
      slots.set(key, { value, until: now() + ttl })
    },
    delete(key) {
      slots.delete(key)
    },
  }
}

/** Whether the code that asks runs inside a dry run, however deep and however late. */
export interface DryRuns {
  readonly active: boolean
  run<T>(call: () => T): T
  /** The same map outside of dry runs; inside, writes go to a copy that the call takes with it. */
  overlay(storage: PluginStorage): PluginStorage
}

type Layers = Map<PluginStorage, Map<string, unknown>>

export function createDryRuns(): DryRuns {
  const calls = new AsyncLocalStorage<Layers>()
  const layerOf = (storage: PluginStorage): Map<string, unknown> | undefined => {
    const layers = calls.getStore()
    if (layers === undefined) return undefined
    let layer = layers.get(storage)
    if (layer === undefined) {
      layer = new Map()
      layers.set(storage, layer)
    }
    return layer
  }
  return {
    get active() {
      return calls.getStore() !== undefined
    },
    run: (call) => calls.run(new Map(), call),
    overlay: (storage) => ({
      get(key) {
        const layer = layerOf(storage)
        return layer?.has(key) ? layer.get(key) : storage.get(key)
      },
      set(key, value, ttl) {
        const layer = layerOf(storage)
        if (layer) layer.set(key, value)
        else storage.set(key, value, ttl)
      },
      delete(key) {
        const layer = layerOf(storage)
        if (layer) layer.set(key, undefined)
        else storage.delete(key)
      },
    }),
  }
}
