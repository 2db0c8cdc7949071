// JSON of a token: UTF-8, an object, each member once at any depth, not deep; so that no two readers find different claims in it.
import { isObject, type JsonObject } from '../../base/json.ts'

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const DEEPEST = 16

/** Undefined for whatever is not such JSON. */
export function parseStrict(bytes: Uint8Array): JsonObject | undefined {
  try {
    const text = UTF8.decode(bytes)
    const value: unknown = JSON.parse(text)
    return isObject(value) && isUnique(text) ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}

/** Of a text that is JSON: whether no object has a member twice, however it is spelt, and nothing is too deep. */
function isUnique(text: string): boolean {
  // one set of names per open object, null per open array
  const open: (Set<string> | null)[] = []
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '{' || character === '[') {
      if (open.push(character === '{' ? new Set() : null) > DEEPEST) return false
    } else if (character === '}' || character === ']') open.pop()
    else if (character === '"') {
      const end = endOfString(text, at)
      const names = open.at(-1)
      if (names && isFollowedByColon(text, end)) {
        const name = JSON.parse(text.slice(at, end)) as string
        if (names.has(name)) return false
        names.add(name)
      }
      at = end - 1
    }
  }
  return true
}

// a name, then, and no value
function isFollowedByColon(text: string, from: number): boolean {
  let at = from
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++
  return text[at] === ':'
}

function endOfString(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}
