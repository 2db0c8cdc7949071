// Page cursors: what we sealed opens in its own list, and nothing else opens at all.
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createCursors } from '../../src/gateway/catalog/cursor.ts'

const secret = randomBytes(32)
const cursors = createCursors(secret)
const place = fc.record({
  server: fc.string(),
  key: fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
})
const list = fc.constantFrom('legacy:tools', 'modern:tools', 'legacy:prompts', 'modern:resources')
const refused = expect.objectContaining({ code: 'WIRE_BAD_CURSOR' })

function thrown(run: () => unknown): unknown {
  try {
    return { opened: run() }
  } catch (error) {
    return error
  }
}

it('a cursor opens to the place it was sealed for, in its own list only', () => {
  fc.assert(
    fc.property(list, list, place, (own, other, at) => {
      const cursor = cursors.seal(own, at)
      expect(cursors.open(own, cursor)).toEqual(at)
      if (other !== own) expect(thrown(() => cursors.open(other, cursor))).toEqual(refused)
    }),
  )
})

it('a flip of any bit of its bytes is refused', () => {
  fc.assert(
    fc.property(list, place, fc.nat(), (own, at, nth) => {
      const bytes = Buffer.from(cursors.seal(own, at), 'base64url')
      const bit = nth % (bytes.length * 8)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(thrown(() => cursors.open(own, bytes.toString('base64url')))).toEqual(refused)
    }),
    { numRuns: 1000 },
  )
})

it('a change of any character of its text is refused', () => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= \n'
  fc.assert(
    fc.property(list, place, fc.nat(), fc.constantFrom(...letters), (own, at, nth, letter) => {
      const cursor = cursors.seal(own, at)
      const index = nth % cursor.length
      fc.pre(cursor[index] !== letter)
      const changed = cursor.slice(0, index) + letter + cursor.slice(index + 1)
      expect(thrown(() => cursors.open(own, changed))).toEqual(refused)
    }),
    { numRuns: 1000 },
  )
})

it('a cursor with something before or behind it, or a part of it, is refused', () => {
  fc.assert(
    fc.property(
      list,
      place,
      fc.string({ minLength: 1, maxLength: 5 }),
      fc.nat(),
      (own, at, more, cut) => {
        const cursor = cursors.seal(own, at)
        expect(thrown(() => cursors.open(own, cursor + more))).toEqual(refused)
        expect(thrown(() => cursors.open(own, more + cursor))).toEqual(refused)
        expect(thrown(() => cursors.open(own, cursor.slice(0, cut % cursor.length)))).toEqual(
          refused,
        )
      },
    ),
  )
})

it('any other text is refused, and so are the cursors of another gateway', () => {
  const others = createCursors(randomBytes(32))
  fc.assert(
    fc.property(list, place, fc.string(), fc.base64String(), (own, at, text, base64) => {
      for (const foreign of [text, base64, others.seal(own, at)])
        expect(thrown(() => cursors.open(own, foreign))).toEqual(refused)
    }),
  )
})
