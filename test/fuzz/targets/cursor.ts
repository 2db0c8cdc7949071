// Fuzz target: texts as page cursors. Nothing opens but what was sealed for that list, whatever place it names.
import { isDeepStrictEqual } from 'node:util'
import { isAppError } from '../../../src/base/errors.ts'
import { createCursors, type Place } from '../../../src/gateway/catalog/cursor.ts'
import { holds } from '../holds.ts'
import { pick, type Random } from '../random.ts'
import type { Target } from '../target.ts'

const own = createCursors(Buffer.alloc(32, 1))
const foreign = createCursors(Buffer.alloc(32, 2))
const LISTS = ['legacy:tools', 'modern:tools', 'modern:resources']

export const cursor: Target = {
  name: 'cursor',
  files: ['src/gateway/catalog/cursor.ts', 'src/gateway/signed.ts'],
  tokens: ['AAAA', '-_-_', '+/+/', '==', '["a","b"]', '["a","b",7]', 'server', 'key', 'eyJh'],
  runs: 5000,
  branches: 90,
  run(bytes, random) {
    const text = bytes.toString()
    const raw = open(LISTS[0] as string, text)
    holds(raw === undefined, 'a text that nobody sealed does not open')
    const place = placeOf(text)
    if (place === undefined) return { accepted: false, trait: 'no place' }
    const list = pick(random, LISTS)
    const sealed = own.seal(list, place)
    const opened = open(list, sealed)
    holds(isDeepStrictEqual(opened, place), 'what was sealed opens')
    for (const changed of changesOf(sealed, bytes, random))
      holds(
        changed === sealed || open(list, changed) === undefined,
        'a changed cursor does not open',
      )
    holds(open(list, [sealed] as never) === undefined, 'what is no text does not open')
    holds(open(`${list}2`, sealed) === undefined, 'a cursor opens in its own list only')
    holds(open(list, foreign.seal(list, place)) === undefined, 'a cursor opens at its own gateway')
    return { accepted: true, trait: `place ${Math.min(9, sealed.length >> 5)}` }
  },
}

/** The plaintext: a pair of texts, and a hint. One that is not well-formed never comes from a catalogue. */
function placeOf(text: string): Place | undefined {
  let pair: unknown
  try {
    pair = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!Array.isArray(pair)) return undefined
  const [server, key, near] = pair as unknown[]
  if (typeof server !== 'string' || typeof key !== 'string') return undefined
  const isPlace = typeof near === 'number' && Number.isSafeInteger(near) && near > 0
  return isPlace ? { server, key, near } : { server, key }
}

function changesOf(sealed: string, bytes: Buffer, random: Random): string[] {
  const at = random(sealed.length)
  const flipped = Buffer.from(sealed, 'base64url')
  const bit = random(flipped.length * 8)
  flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
  return [
    flipped.toString('base64url'),
    sealed.slice(0, at),
    `${sealed}${pick(random, ['=', 'A', ' ', '\n', '.'])}`,
    sealed.slice(0, at) + bytes.toString('latin1', 0, 1) + sealed.slice(at + 1),
    sealed.slice(at) + sealed.slice(0, at),
  ]
}

function open(list: string, text: string): Place | undefined {
  try {
    return own.open(list, text)
  } catch (error) {
    holds(isAppError(error) && error.code === 'WIRE_BAD_CURSOR', 'a refusal is WIRE_BAD_CURSOR')
    return undefined
  }
}
