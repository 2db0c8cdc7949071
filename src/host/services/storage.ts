// Bounded memory for plugins that outlives reloads, with writes that vanish in dry runs; it does not know who owns a map.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { PluginStorage } from '../api.ts'

/** In the ring of all slots, in the order of their last use. */
interface Slot {
  readonly key: string
  value: unknown
  /** Monotonic milliseconds. */
  until: number
  older: Slot
  newer: Slot
}

const MAX_KEY = 512
const FOR_EVER = Number.POSITIVE_INFINITY

/** A map of at most `bound` keys; the one that was used least recently makes room. */
export function createStorage(now: () => number, bound: number): PluginStorage {
  const slots = new Map<string, Slot>()
  // a map that is taken out of and put into at each use, to keep its order, rehashes all the time: the order is a ring beside it
  const ends = { key: '', value: undefined, until: 0 } as Slot
  ends.older = ends
  ends.newer = ends
  const unlink = (slot: Slot): void => {
    slot.older.newer = slot.newer
    slot.newer.older = slot.older
  }
  const putLast = (slot: Slot): void => {
    slot.older = ends.older
    slot.newer = ends
    ends.older.newer = slot
    ends.older = slot
  }
  const use = (slot: Slot): void => {
    if (slot.newer === ends) return
    unlink(slot)
    putLast(slot)
  }
  const remove = (slot: Slot | undefined): void => {
    if (slot === undefined) return
    slots.delete(slot.key)
    unlink(slot)
  }
  return {
    get(key) {
      const slot = slots.get(key)
      if (slot === undefined) return undefined
      // what lives for ever need not ask for the time
      if (slot.until !== FOR_EVER && slot.until <= now()) {
        remove(slot)
        return undefined
      }
      use(slot)
      return slot.value
    },
    set(key, value, ttl = FOR_EVER) {
      if (typeof key !== 'string' || key.length > MAX_KEY)
        throw new TypeError(`a storage key is a text of at most ${MAX_KEY} characters`)
      const known = slots.get(key)
      if (!(ttl > 0)) return remove(known)
      const until = ttl === FOR_EVER ? FOR_EVER : now() + ttl
      if (known !== undefined) {
        known.value = value
        known.until = until
        return use(known)
      }
      if (slots.size >= bound) remove(ends.newer)
      const slot = { key, value, until, older: ends, newer: ends }
      slots.set(key, slot)
      putLast(slot)
    },
    delete(key) {
      remove(slots.get(key))
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
