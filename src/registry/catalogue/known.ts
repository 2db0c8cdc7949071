// What is known of the servers' definitions while the gateway runs, over all its generations: loaded once, one listing at a time.
import { AppError } from '../../base/errors.ts'
import type { ListedKind } from './kinds.ts'
import type { CatalogueChange, CatalogueMemory, KnownDefinition } from './memory.ts'

/** One kind of one server, by name. */
export type Ledger = Map<string, KnownDefinition>

export interface KnownCatalogue {
  /** Runs one after the other for each kind of each server. Rejects with UPSTREAM_TOO_LARGE when too many wait. */
  inTurn<T>(server: string, kind: ListedKind, run: () => Promise<T>): Promise<T>
  /**
   * What is known, to be changed in place. The newest generation that asked writes what all later ones read; one that it
   * replaced goes on with a copy of its own. Rejects as the memory does.
   */
  ledger(generation: number, server: string, kind: ListedKind): Promise<Ledger>
  /** Keeps a change, if the newest generation made it. */
  save(generation: number, server: string, change: CatalogueChange): Promise<void>
  /** The server is no longer configured. */
  forget(server: string): Promise<void>
}

/** A server that announces faster than its listings are judged is not waited for any longer. */
const MAX_WAITING = 16
/** Old generations are drained one after the other; of those before, nobody lists any more. */
const MAX_OLD = 4

export function createKnownCatalogue(memory: CatalogueMemory): KnownCatalogue {
  let newest = 0
  const servers = new Map<string, Promise<Map<ListedKind, Ledger>>>()
  /** Copies of replaced generations, by generation and what they are of. */
  const old = new Map<number, Map<string, Ledger>>()
  const queues = new Map<string, { tail: Promise<unknown>; waiting: number }>()

  function load(server: string): Promise<Map<ListedKind, Ledger>> {
    let known = servers.get(server)
    if (!known) {
      known = memory.load(server).then(byKind)
      servers.set(server, known)
      known.catch(() => servers.delete(server))
    }
    return known
  }

  async function current(server: string, kind: ListedKind): Promise<Ledger> {
    const kinds = await load(server)
    let ledger = kinds.get(kind)
    if (!ledger) {
      ledger = new Map()
      kinds.set(kind, ledger)
    }
    return ledger
  }

  return {
    async inTurn(server, kind, run) {
      const key = `${server} ${kind}`
      const queue = queues.get(key) ?? { tail: Promise.resolve(), waiting: 0 }
      if (queue.waiting >= MAX_WAITING)
        throw new AppError(
          'UPSTREAM_TOO_LARGE',
          `${server} changes its ${kind} faster than they can be judged`,
        )
      queues.set(key, queue)
      queue.waiting++
      const turn = queue.tail.then(run)
      queue.tail = turn.catch(() => {})
      try {
        return await turn
      } finally {
        if (--queue.waiting === 0) queues.delete(key)
      }
    },
    async ledger(generation, server, kind) {
      if (generation >= newest) {
        newest = generation
        return current(server, kind)
      }
      const copies = old.get(generation) ?? new Map<string, Ledger>()
      old.set(generation, copies)
      for (const each of [...old.keys()].sort((a, b) => b - a).slice(MAX_OLD)) old.delete(each)
      const key = `${server} ${kind}`
      const copy = copies.get(key) ?? new Map(await current(server, kind))
      copies.set(key, copy)
      return copy
    },
    async save(generation, server, change) {
      if (generation >= newest) await memory.save(server, change)
    },
    async forget(server) {
      servers.delete(server)
      await memory.forget(server)
    },
  }
}

function byKind(all: readonly KnownDefinition[]): Map<ListedKind, Ledger> {
  const kinds = new Map<ListedKind, Ledger>()
  for (const [kind, known] of Map.groupBy(all, (each) => each.kind))
    kinds.set(kind, new Map(known.map((each) => [each.name, each])))
  return kinds
}
