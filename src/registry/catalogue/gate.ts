// The gate of the catalogue: what servers list passes the points of its kind once per definition, before anybody can list or call it.
import { createHash } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { type Json, type JsonObject, mergePatch } from '../../base/json.ts'
import type { Logger } from '../../base/log.ts'
import type { Generation } from '../../engine/engine.ts'
import type { Admitted, CatalogueGate, Definition, Offered } from '../../gateway/catalog/gate.ts'
import type { Points } from '../../points/table.ts'
import type { Asking } from './ask.ts'
import { judgedKinds, LISTED, type ListedKind, signatureOf } from './kinds.ts'
import type { KnownCatalogue } from './known.ts'
import { judgeListing } from './listing.ts'

/** What an administrator says about a listed thing. */
export interface DefinitionOverride {
  /** False: nobody may list, call or read it. */
  readonly enabled?: boolean | undefined
  /** Laid over the definition that was admitted (RFC 7396); what identifies it stays. */
  readonly definition?: JsonObject | undefined
}

export type Override = (
  kind: ListedKind,
  server: string,
  name: string,
) => DefinitionOverride | undefined

export interface CatalogueGateParts extends Asking {
  readonly generation: Pick<Generation<Points>, 'id' | 'runner' | 'points' | 'signature'>
  readonly known: KnownCatalogue
  /** Keeps the generation open while its entries judge. */
  readonly hold: () => () => void
  /** Undefined: nothing is overridden, and nothing has to be looked up. */
  readonly override?: Override | undefined
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
}

/** Undefined when no entry is bound to any point of the catalogue and nothing is overridden. */
export function createCatalogueGate(parts: CatalogueGateParts): CatalogueGate | undefined {
  const { generation, known, override, hold } = parts
  const kinds = judgedKinds(generation)
  if (kinds.length === 0 && !override) return undefined
  const judges = new Map(kinds.map((kind) => [kind, digestOf(signatureOf(generation, kind))]))
  return {
    judges: (kind) => override !== undefined || judges.has(kind),
    async admit(offered) {
      const by = judges.get(offered.kind)
      const release = hold()
      try {
        const admitted =
          by === undefined
            ? { items: offered.items, shown: undefined, withheld: [], complete: true }
            : await known.inTurn(offered.server.name, offered.kind, () =>
                judgeListing(parts, offered, by),
              )
        return override ? overridden(offered, admitted, override) : admitted
      } finally {
        release()
      }
    },
  }
}

const digestOf = (signature: string): string =>
  createHash('sha256').update(signature).digest('base64url')

// an administrator has the last word, as policies judge what servers say and not what administrators do
function overridden(
  { kind, server }: Offered,
  { items, withheld, ...admitted }: Admitted,
  override: Override,
): Admitted {
  const disabled: string[] = []
  const shown = items.flatMap((item) => {
    const { enabled, definition } = override(kind, server.name, item.name) ?? {}
    if (enabled !== false) return [definition ? patched(kind, item, definition) : item]
    disabled.push(item.name)
    return []
  })
  return { ...admitted, items: shown, withheld: [...withheld, ...disabled] }
}

function patched(
  kind: ListedKind,
  { name, definition }: Definition,
  patch: JsonObject,
): Definition {
  const merged = mergePatch(definition as Json, patch) as JsonObject
  return { name, definition: { ...merged, [LISTED[kind].key]: name } }
}
