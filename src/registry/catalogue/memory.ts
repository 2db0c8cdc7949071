// What of the catalogue outlives a process, and where it is kept: an interface, and the memory that forgets with the process.
import type { JsonObject } from '../../base/json.ts'
import type { Era } from '../../engine/context.ts'
import type { ListedKind } from './kinds.ts'

/** What was decided about one definition, known by its digest. */
export interface Verdict {
  readonly digest: string
  /** Digest of the entries that judged: others judge anew. */
  readonly by: string
  /** False: vetoed. */
  readonly admitted: boolean
  /** What is shown instead of what the server lists. */
  readonly rewritten?: JsonObject
}

/**
 * One listed thing, all of it JSON. In a store it is an entity of kind `tool`, `prompt` or `resource` under `catalogueId(kind,
 * server, name)`, with this as its body: never written but by the catalogue, as nobody but the server says what it lists.
 */
export interface KnownDefinition {
  readonly kind: ListedKind
  /** What identifies it at its server. */
  readonly name: string
  /** The last definition that was admitted, as it was shown. */
  readonly registered?: { readonly digest: string; readonly definition: JsonObject }
  /** Of what is listed now and what is registered: three at most. */
  readonly verdicts: readonly Verdict[]
  /** The digest of what each of the server's connections listed last. */
  readonly listed: { readonly [E in Era]?: string }
}

export interface CatalogueChange {
  readonly put: readonly KnownDefinition[]
  readonly removed: readonly Pick<KnownDefinition, 'kind' | 'name'>[]
}

export interface CatalogueMemory {
  /** All that is known of a server. Rejects when it cannot be had: nothing the server lists is shown then. */
  load(server: string): Promise<readonly KnownDefinition[]>
  /** One write per listing that brought something new. When it rejects, the same is judged again after a restart. */
  save(server: string, change: CatalogueChange): Promise<void>
  /** The server is no longer configured. */
  forget(server: string): Promise<void>
}

/** Forgets with the process; what is known in it is held by the gate. */
export const NO_MEMORY: CatalogueMemory = {
  load: async () => [],
  save: async () => {},
  forget: async () => {},
}
