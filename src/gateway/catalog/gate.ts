// What a listing of a server passes before any of it is in the catalogue: an interface; who judges, and by what, is not known here.
import type { JsonObject } from '../../base/json.ts'
import type { ServerInfo } from '../../engine/context.ts'
import type { Era } from '../../upstream/client.ts'
import type { ListKind } from './listing.ts'

export type { ListKind }

/** One thing as its server lists it. `name` is what identifies it there: a name, URI or URI template. */
export interface Definition {
  readonly name: string
  readonly definition: JsonObject
}

/** All of one kind that a server listed just now; no name twice. */
export interface Offered {
  readonly server: ServerInfo
  readonly kind: ListKind
  /** Of the connection it was read from, and of all connections there are with the server. */
  readonly era: Era
  readonly eras: readonly Era[]
  readonly items: readonly Definition[]
}

export interface Admitted {
  /** In their order. */
  readonly items: readonly Definition[]
  /** The same for two listings of which the same is shown; undefined: nobody judged them. */
  readonly shown: string | undefined
  /** Names that nobody may list, call or read. */
  readonly withheld: readonly string[]
  /** False: some could not be judged this time; whoever lists again asks again. */
  readonly complete: boolean
}

export interface CatalogueGate {
  /** Whether anybody has a say about this kind; if not, nothing has to be asked. */
  judges(kind: ListKind): boolean
  /** Once for each listing that was read. Rejects when it cannot judge at all: then nothing of the listing may be shown. */
  admit(offered: Offered): Promise<Admitted>
}
