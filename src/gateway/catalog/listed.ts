// A definition as clients read it, written out once: lists are asked for more often than they change.
import type { JsonObject } from '../../base/json.ts'

interface Written {
  readonly exposed: string
  readonly text: string
}

/** The JSON text of a definition under its exposed name; definitions are never changed in place, so it is kept beside each. */
export interface Listed {
  text(definition: JsonObject, key: 'name' | 'uri' | 'uriTemplate', exposed: string): string
}

export function createListed(): Listed {
  const written = new WeakMap<JsonObject, Written>()
  return {
    text(definition, key, exposed) {
      const known = written.get(definition)
      if (known?.exposed === exposed) return known.text
      const shown = definition[key] === exposed ? definition : { ...definition, [key]: exposed }
      const text = JSON.stringify(shown)
      written.set(definition, { exposed, text })
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
  const after = JSON.stringify(rest)
  const more = after === '{}' ? '}' : `,${after.slice(1)}`
  const list = `"${member}":[${items.join(',')}]`
  return Buffer.from(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{${list}${more}}`)
}
