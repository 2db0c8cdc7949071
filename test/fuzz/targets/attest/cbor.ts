// Fuzz target: bytes as CBOR. What is read can be written and read again as the same; nothing but a denial is thrown.
import { isDeepStrictEqual } from 'node:util'
import { CborTag, type CborValue, readCbor } from '../../../../src/attest/format/cbor.ts'
import {
  array,
  bytes,
  indefiniteMap,
  map,
  nothing,
  number,
  tag,
  text,
} from '../../../attest/synthetic/cbor.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'
import { tried } from './denied.ts'

export const cbor: Target = {
  name: 'cbor',
  files: ['src/attest/format/cbor.ts'],
  tokens: ['\x00', '\x17', '\x18\x18', '\x19\x01\x00', '\x41a', '\x61a', '\x20', '\x3f'],
  runs: 6000,
  branches: 90,
  generate: (random) => damaged(Buffer.from(itemOf(random, 0)), random),
  run(input) {
    const read = tried(() => readCbor(input, 'document'))
    if (read.reason !== undefined) return { accepted: false, trait: read.reason }
    const written = encoded(read.value)
    const again = tried(() => readCbor(written, 'document', { bytes: 1 << 16, depth: 8 }))
    holds(again.reason === undefined, 'what was written is read')
    holds(isDeepStrictEqual(plain(again.value), plain(read.value)), 'and is the same')
    return { accepted: true, trait: `${typeof read.value} ${written.length >> 4}` }
  },
}

/** Every eighth input is no longer what it was made as. */
function damaged(item: Buffer, random: Random): Buffer {
  if (random(8) > 0 || item.length === 0) return item
  const at = random(item.length)
  item[at] = random(256)
  return random(4) === 0 ? item.subarray(0, at) : item
}

function itemOf(random: Random, depth: number): Uint8Array {
  const inner = () => itemOf(random, depth + 1)
  const many = <T>(make: (at: number) => T) =>
    Array.from({ length: random(4) }, (_, at) => make(at))
  const key = (at: number) => (random(2) === 0 ? number(at - 1) : text(`k${at}`))
  switch (random(depth > 6 ? 6 : 11)) {
    case 0:
      return number(pick(random, [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER])) // biome-ignore format: a table
    case 1:
      return number(-1 - random(1 << 20))
    case 2:
      return bytes(Buffer.alloc(random(300), random(256)))
    case 3:
      return text(pick(random, ['', 'a', 'é', '水', '\ufeff', 'x'.repeat(30)]))
    case 4:
      return pick(random, [nothing, Uint8Array.of(0xf4), Uint8Array.of(0xf5), Uint8Array.of(0xf7)])
    case 5:
      return pick(random, ODD)
    case 6:
      return array(...many(inner))
    case 7:
      return map(...many((at) => [key(at), inner()] as const))
    case 8:
      return indefiniteMap(...many((at) => [key(at), inner()] as const))
    case 9:
      return Buffer.concat([Uint8Array.of(0x9f), ...many(inner), Uint8Array.of(0xff)])
    default:
      return tag(random(1 << 10), inner())
  }
}

/** What is refused: a float, a number that is too long, strings in chunks, a break, keys of another kind or twice, no UTF-8. */
const ODD = ['f93c00', '1800', '1bffffffffffffffff', '5f4100ff', '7fff', 'ff', 'a1f600', 'a201000100', '61ff', '1c', '5affffffff'].map((hex) => Buffer.from(hex, 'hex')) // biome-ignore format: a table

function encoded(value: CborValue): Uint8Array {
  if (typeof value === 'number') return number(value)
  if (typeof value === 'string') return text(value)
  if (value instanceof Uint8Array) return bytes(value)
  if (value instanceof CborTag) return tag(value.tag, encoded(value.value))
  if (value instanceof Map)
    return map(...[...value].map(([key, inner]) => [encoded(key), encoded(inner)] as const))
  if (Array.isArray(value)) return array(...value.map(encoded))
  return Uint8Array.of(SIMPLE.get(value as boolean | null | undefined) as number)
}

const SIMPLE = new Map<boolean | null | undefined, number>([[false, 0xf4], [true, 0xf5], [null, 0xf6], [undefined, 0xf7]]) // biome-ignore format: a table

/** Byte strings are windows over their document; only what is in them counts. */
function plain(value: CborValue): unknown {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') }
  if (value instanceof CborTag) return { tag: value.tag, value: plain(value.value) }
  if (value instanceof Map) return new Map([...value].map(([key, inner]) => [key, plain(inner)]))
  return Array.isArray(value) ? value.map(plain) : value
}
