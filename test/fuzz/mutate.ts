// New inputs from known ones: bytes flipped, cut, doubled and spliced, tokens put in, and JSON changed as a tree. Knows no parser.
import { pick, type Random } from './random.ts'

const TOKENS = [
  '"', '\\', '\\u', '\\ud800', '\\u0000', '{', '}', '[', ']', ':', ',', '\n', '\r', '\r\n', '\0', 'null', 'true', '1e999', '-0', '9'.repeat(20),
  '"__proto__":', '"constructor":', '\ufeff', '[[[[[[[[', '{"a":', ' '.repeat(60), 'x'.repeat(100), 'é', '😀', '=?base64?', '?=',
] // biome-ignore format: a table reads better in rows

const VALUES: readonly unknown[] = [
  null, true, false, 0, -1, 1.5, 2 ** 53, -(2 ** 31), 1e300, '', 'x', 'é😀', '\ud800', ' a ', '\0', '__proto__', [], {}, [[]], { a: 1 }, 'y'.repeat(300),
  ['a', 1], { __proto__: null }, '2026-07-28', 'tools/call',
] // biome-ignore format: a table reads better in rows

/** Inputs longer than this are cut, so that doubling ends. */
export const LONGEST = 1 << 14

export type Mutator = (seed: Buffer, other: Buffer) => Buffer

export function createMutator(random: Random, own: readonly string[]): Mutator {
  const tokens = [...TOKENS, ...own, ...own].map((text) => Buffer.from(text))
  const once = (bytes: Buffer, other: Buffer): Buffer => {
    // changed as a tree it is still JSON, and gets past the first look
    if (random(2) === 0) return changeJson(bytes, random, own) ?? changeBytes(bytes, other)
    return changeBytes(bytes, other)
  }
  const changeBytes = (bytes: Buffer, other: Buffer): Buffer => {
    const at = random(bytes.length + 1)
    const [head, rest] = [bytes.subarray(0, at), bytes.subarray(at)]
    switch (random(8)) {
      case 0:
        return Buffer.concat([head, rest.subarray(random(8))])
      case 1:
        return Buffer.concat([head, pick(random, tokens), rest])
      case 2:
        return Buffer.concat([head, pick(random, tokens), rest.subarray(random(12))])
      case 3:
        return Buffer.concat([head, Buffer.from([random(256)]), rest.subarray(1)])
      case 4:
        return flipBit(bytes, random)
      case 5:
        return Buffer.concat([head, other.subarray(random(other.length + 1))])
      case 6:
        return Buffer.concat([head, rest.subarray(0, random(40)), rest])
      default:
        return random(4) === 0 ? head : Buffer.concat([bytes, pick(random, tokens)])
    }
  }
  return (seed, other) => {
    let bytes: Buffer = Buffer.from(seed)
    // mostly one change: several of them seldom leave something that is read to its end
    let turns = 1
    while (random(3) === 0 && turns < 6) turns++
    for (; turns > 0; turns--) bytes = once(bytes, other)
    return bytes.subarray(0, LONGEST)
  }
}

function flipBit(bytes: Buffer, random: Random): Buffer {
  if (bytes.length === 0) return bytes
  const flipped = Buffer.from(bytes)
  const at = random(bytes.length)
  flipped[at] = (flipped[at] as number) ^ (1 << random(8))
  return flipped
}

interface Place {
  readonly holder: Record<string, unknown>
  readonly key: string
}

/** The same document with one node replaced, removed, doubled, wrapped or renamed; undefined when it is no JSON. */
function changeJson(bytes: Buffer, random: Random, own: readonly string[]): Buffer | undefined {
  let root: { top: unknown }
  try {
    root = { top: JSON.parse(bytes.toString()) }
  } catch {
    return undefined
  }
  const places = placesIn(root)
  const { holder, key } = pick(random, places)
  const value = holder[key]
  switch (random(6)) {
    case 0:
      set(holder, key, pick(random, VALUES))
      break
    case 1:
      if (key !== 'top') remove(holder, key)
      break
    case 2:
      set(holder, key, random(2) === 0 ? [value] : { [pick(random, ['a', 'x', '0'])]: value })
      break
    case 3: {
      const from = pick(random, places)
      set(holder, key, structuredClone(from.holder[from.key]))
      break
    }
    case 4:
      if (typeof value === 'string') set(holder, key, changeText(value, random, own))
      else if (typeof value === 'number')
        set(holder, key, value + pick(random, [-1, 1, 0.5, 2 ** 53]))
      else if (typeof value === 'object' && value !== null) addTo(value, random, own)
      break
    default:
      if (key !== 'top' && !Array.isArray(holder)) {
        remove(holder, key)
        set(holder, changeText(key, random, own), value)
      }
  }
  return Buffer.from(JSON.stringify(root.top) ?? 'null')
}

function addTo(value: object, random: Random, own: readonly string[]): void {
  if (Array.isArray(value)) value.push(pick(random, VALUES))
  else {
    const name = pick(random, own.length > 0 ? own : ['x']).replace(/^"|":$/g, '')
    set(value as Record<string, unknown>, name, pick(random, VALUES))
  }
}

function changeText(text: string, random: Random, own: readonly string[]): string {
  const at = random(text.length + 1)
  switch (random(5)) {
    case 0:
      return text.toUpperCase()
    case 1:
      return text.slice(0, at) + pick(random, ['é', '\ud83d', ' ', '\0', '"', '\\', '\n', 'a'])
    case 2:
      return text.slice(at) + text
    case 3:
      return own.length > 0 ? pick(random, own) : ''
    default:
      return text.slice(0, at) + text.slice(at + 1)
  }
}

function placesIn(root: { top: unknown }): Place[] {
  const places: Place[] = [{ holder: root, key: 'top' }]
  for (let next = 0; next < places.length && places.length < 500; next++) {
    const { holder, key } = places[next] as Place
    const value = holder[key]
    if (typeof value !== 'object' || value === null) continue
    for (const inner of Object.keys(value))
      places.push({ holder: value as Record<string, unknown>, key: inner })
  }
  return places
}

function remove(holder: Record<string, unknown>, key: string): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1)
  else delete holder[key]
}

// by definition, not assignment: a member called __proto__ is one like any other
function set(holder: object, key: string, value: unknown): void {
  Object.defineProperty(holder, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  })
}
