// Definitions as clients read them, written out once: lists are asked for more often than they change.
import type { JsonObject } from '../../base/json.ts'
import { LISTS, type ListKind } from './listing.ts'
import type { Merged } from './merge.ts'

interface Written {
  readonly merged: Merged
  readonly exposed: string
  readonly text: string
}

export interface Listed {
  /** The JSON text of a definition under its exposed name; kept beside the definition, which is never changed in place. */
  text(kind: ListKind, merged: Merged, server: string, definition: JsonObject): string
}

export function createListed(): Listed {
  const written = new WeakMap<JsonObject, Written>()
  return {
    text(kind, merged, server, definition) {
      const known = written.get(definition)
      // a name is looked up once for each merging of all servers
      if (known?.merged === merged) return known.text
      const { key } = LISTS[kind]
      const own = String(definition[key])
      const { naming, uris } = merged
      const exposed = (key === 'name' ? naming : uris).exposed(server, own) ?? own
      const text =
        known?.exposed === exposed
          ? known.text
          : JSON.stringify(exposed === own ? definition : { ...definition, [key]: exposed })
      written.set(definition, { merged, exposed, text })
      return text
    },
  }
}

/** The bytes of a result whose member is a list that is written out already; the rest comes after it. */
export function listBytes(
  id: string | number,
  member: string,
  items: readonly string[],
  rest: JsonObject,
): Buffer {
  const more = JSON.stringify(rest).slice(1)
  const list = `"${member}":[${items.join(',')}]${more === '}' ? '' : ','}`
  return Buffer.from(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{${list}${more}}`)
}
