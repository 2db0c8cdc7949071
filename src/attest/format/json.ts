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
  const open = new OpenNames()
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x7b || code === 0x5b) {
      if (open.enter(code === 0x7b) > DEEPEST) throw malformed(`${what}: too deep`)
    } else if (code === 0x7d || code === 0x5d) open.leave()
    else if (code === 0x22) {
      const end = endOfString(text, at)
      if (open.isObject && isFollowedByColon(text, end) && !open.add(nameIn(text.slice(at, end))))
        throw malformed(`${what}: a member twice`)
      at = end - 1
    }
  }
}

/** More names than this are looked up in a set; most objects have few, and a set for each is what such a document costs. */
const FEW = 12

/** The names of all objects that are open, one after the other. */
class OpenNames {
  readonly #names: string[] = []
  /** Where those of each open bracket begin; below zero: a list. */
  readonly #starts: number[] = []
  readonly #sets: (Set<string> | undefined)[] = []

  /** How deep that is. */
  enter(isObject: boolean): number {
    this.#sets.push(undefined)
    return this.#starts.push(isObject ? this.#names.length : -1)
  }

  leave(): void {
    const start = this.#starts.pop()
    this.#sets.pop()
    if (start !== undefined && start >= 0) this.#names.length = start
  }

  get isObject(): boolean {
    return (this.#starts.at(-1) ?? -1) >= 0
  }

  /** False: the innermost object has it already. */
  add(name: string): boolean {
    const depth = this.#starts.length - 1
    const start = this.#starts[depth] as number
    const set = this.#sets[depth]
    if (set ? set.has(name) : this.#names.indexOf(name, start) !== -1) return false
    if (set) set.add(name)
    else if (this.#names.push(name) - start > FEW)
      this.#sets[depth] = new Set(this.#names.slice(start))
    return true
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
