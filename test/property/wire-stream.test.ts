// Framing does not depend on how the bytes were cut into chunks, and what was written is what is read.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeHeaderValue, encodeHeaderValue } from '../../src/wire/header-value.ts'
import { createLineReader, frameLine } from '../../src/wire/lines.ts'
import { createSseDecoder, encodeComment, encodeEvent } from '../../src/wire/sse.ts'

const RUNS = { numRuns: 1000, seed: 20261121 }
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 })

/** The bytes in chunks of the given sizes, over and over. */
function cut(bytes: Buffer, pattern: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = pattern[turn % pattern.length] as number
    chunks.push(Buffer.from(bytes.subarray(at, at + size)))
    at += size
  }
  return chunks
}

function readEvents(chunks: readonly Buffer[], limit = 10_000): unknown[] {
  const seen: unknown[] = []
  const decoder = createSseDecoder({
    limit,
    event: ({ id, event, data }) => seen.push({ id, event, data }),
    retry: (ms) => seen.push(ms),
    oversize: () => seen.push('oversize'),
  })
  for (const chunk of chunks) decoder.push(chunk)
  return seen
}

const field = fc.string({ unit: 'grapheme', maxLength: 6 }).filter((text) => !/[\r\n\0]/.test(text))
const data = fc.oneof(
  fc.json(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('a\nb', '', '\r\n'),
)
const frame = fc.record(
  { data, id: field, event: field, retry: fc.nat() },
  { requiredKeys: ['data'] },
)

test('events written are the events read, in any chunking', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 4 }), sizes, (frames, pattern) => {
      const bytes = Buffer.concat([...frames.map(encodeEvent), encodeComment('x')])
      const expected = frames.flatMap(({ id, event, data: text, retry }) => [
        ...(retry === undefined ? [] : [retry]),
        { id, event: (event ?? 'message') || undefined, data: text.replace(/\r\n|\r/g, '\n') },
      ])
      expect(readEvents(cut(bytes, pattern))).toEqual(expected)
    }),
    RUNS,
  )
})

test('foreign event streams read the same in any chunking', () => {
  const piece = fc.constantFrom(
    'data: a', 'data:b', 'data', 'id: 1', 'id', 'event: e', 'retry: 5', 'retry: x', ': c', 'what: ever', '\n', '\n', '\n\n',
    '\r\n', '\r', '\ufeff', 'ü', '😀',
  ) // biome-ignore format: a table reads better in rows
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), sizes, (pieces, pattern) => {
      // a carriage return at the very end is not decided before the next byte
      const bytes = Buffer.from(`${pieces.join('')}\n\nend`)
      expect(readEvents(cut(bytes, pattern))).toEqual(readEvents([bytes]))
    }),
    RUNS,
  )
})

test('the bound on an event does not depend on the chunking', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40), { maxLength: 5 }), sizes, (lengths, pattern) => {
      const bytes = Buffer.concat(lengths.map((size) => encodeEvent({ data: 'é'.repeat(size) })))
      const kept = lengths.findIndex((size) => size * 2 > 50)
      const seen = readEvents(cut(bytes, pattern), 50)
      expect(seen).toHaveLength(kept < 0 ? lengths.length : kept + 1)
      expect(seen.at(-1) === 'oversize').toBe(kept >= 0)
    }),
    RUNS,
  )
})

test('lines written are the lines read, in any chunking, within the bound', () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !/[\r\n]/.test(text))
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 6 }),
      sizes,
      fc.integer({ min: 1, max: 60 }),
      (texts, pattern, limit) => {
        const seen: string[] = []
        const reader = createLineReader({
          limit,
          line: (bytes) => seen.push(bytes.toString()),
          oversize: (head, tail) => seen.push(`large ${head.slice(0, 9)} ${tail.slice(-9)}`),
        })
        for (const chunk of cut(
          Buffer.concat(texts.map((text) => frameLine(Buffer.from(text)))),
          pattern,
        ))
          reader.push(chunk)
        const expected = texts.flatMap((text) => {
          const latin = Buffer.from(text).toString('latin1')
          if (latin.length > limit) return [`large ${latin.slice(0, 9)} ${latin.slice(-9)}`]
          return text === '' ? [] : [text]
        })
        expect(seen).toEqual(expected)
      },
    ),
    RUNS,
  )
})

test('any text travels in a header and comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const header = encodeHeaderValue(text)
      expect(header).toMatch(/^[\x20-\x7e\t]+$/)
      expect(decodeHeaderValue(` ${header}\t`)).toBe(text)
    }),
    RUNS,
  )
})
