// JSON that was signed or decides trust: UTF-8, an object, each member once at any depth; so that no two readers find different things.
import { isObject, type JsonObject } from '../../base/json.ts'
import { Denial, malformed } from '../denial.ts'

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const DEEPEST = 16
const LARGEST = 64 * 1024

/** Throws `evidence.malformed`, or `evidence.too_large` above `largest` bytes. */
export function readJson(bytes: Uint8Array, what: string, largest: number = LARGEST): JsonObject {
  if (bytes.length > largest) throw new Denial('evidence.too_large', what)
  let text: string
  let value: unknown
  try {
    text = UTF8.decode(bytes)
    // nothing is parsed that is nested without end
    assertUnique(text, what)
    value = JSON.parse(text)
  } catch (error) {
    throw error instanceof Denial ? error : malformed(`${what}: no JSON`)
  }
  if (!isObject(value)) throw malformed(`${what}: no JSON object`)
  return value as JsonObject
}

/** The member at the end of a path, or undefined; inherited members are none. */
export function memberAt(from: unknown, ...path: readonly string[]): unknown {
  let value = from
  for (const name of path) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}

/** Undefined where there is no text. */
export function textAt(from: unknown, ...path: readonly string[]): string | undefined {
  const value = memberAt(from, ...path)
  return typeof value === 'string' ? value : undefined
}

/** The texts of a list; undefined where there is something else. */
export function textsAt(from: unknown, ...path: readonly string[]): readonly string[] | undefined {
  const value = memberAt(from, ...path)
  return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined
}

/** No object has a member twice, however it is spelt, and nothing is too deep. Says nothing about texts that are not JSON. */
function assertUnique(text: string, what: string): void {
  // one set of names per open object, null per open array
  const open: (Set<string> | null)[] = []
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x7b || code === 0x5b) {
      if (open.push(code === 0x7b ? new Set() : null) > DEEPEST)
        throw malformed(`${what}: too deep`)
    } else if (code === 0x7d || code === 0x5d) open.pop()
    else if (code === 0x22) {
      const end = endOfString(text, at)
      const names = open.at(-1)
      if (names && isFollowedByColon(text, end)) {
        const name = nameIn(text.slice(at, end))
        if (names.has(name)) throw malformed(`${what}: a member twice`)
        names.add(name)
      }
      at = end - 1
    }
  }
}

function nameIn(quoted: string): string {
  return quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1)
}

// a name, then, and no value
function isFollowedByColon(text: string, from: number): boolean {
  let at = from
  let code = text.charCodeAt(at)
  while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09)
    code = text.charCodeAt(++at)
  return code === 0x3a
}

/** Behind the closing quote; a string may be long, so it is not walked through. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; ; ) {
    const quote = text.indexOf('"', at)
    if (quote === -1) return text.length
    let slashes = quote
    while (text.charCodeAt(slashes - 1) === 0x5c) slashes--
    if ((quote - slashes) % 2 === 0) return quote + 1
    at = quote + 1
  }
}
