// Framing: server-sent events and lines, in and out, whole and in pieces.
import { expect, test } from 'vitest'
import { isAppError } from '../../src/base/errors.ts'
import { createLineReader, frameLine } from '../../src/wire/lines.ts'
import { createSseDecoder, encodeComment, encodeEvent, type SseEvent } from '../../src/wire/sse.ts'

function decode(limit: number, ...chunks: (string | Buffer)[]) {
  const events: SseEvent[] = []
  const retries: number[] = []
  let oversize = 0
  const decoder = createSseDecoder({
    limit,
    event: (event) => events.push(event),
    retry: (ms) => retries.push(ms),
    oversize: () => oversize++,
  })
  for (const chunk of chunks) decoder.push(Buffer.from(chunk as string))
  return { events, retries, oversize }
}

test('an event is written as the reference server writes it', () => {
  expect(encodeEvent({ data: '{"a":1}' }).toString()).toBe('event: message\ndata: {"a":1}\n\n')
  expect(encodeEvent({ data: Buffer.from('{}'), id: 'x', event: 'e', retry: 100 }).toString()).toBe(
    'event: e\nid: x\nretry: 100\ndata: {}\n\n',
  )
  expect(encodeEvent({ data: '' }).toString()).toBe('event: message\ndata: \n\n')
  expect(encodeComment('keepalive').toString()).toBe(': keepalive\n\n')
})

test('line ends in data become several data lines, and one event again', () => {
  for (const data of ['a\nb', '{\r\n"a":1\r}', '\n', 'data: x\n\nevent: evil']) {
    const { events } = decode(1000, encodeEvent({ data }), encodeEvent({ data: Buffer.from(data) }))
    const plain = data.replace(/\r\n|\r/g, '\n')
    expect(events.map((event) => event.data)).toEqual([plain, plain])
  }
})

test('a line end in a field is refused, for it would start another event', () => {
  for (const value of ['a\nb', 'a\rb', 'a\0b'])
    for (const frame of [{ id: value }, { event: value }])
      expect(() => encodeEvent({ data: '', ...frame })).toThrow('holds a line end')
  expect(() => encodeComment('x\n\ndata: y')).toThrow('holds a line end')
})

test('the priming event of a resumable stream is told with its id and its empty data', () => {
  const { events, retries } = decode(100, 'id: 7\nretry: 100\ndata: \n\n: comment\n\n')
  expect(events).toEqual([{ id: '7', event: undefined, data: '' }])
  expect(retries).toEqual([100])
})

test('characters may be split between chunks', () => {
  const bytes = Buffer.from('data: grüße 😀\n\n')
  for (let cut = 0; cut <= bytes.length; cut++) {
    const { events } = decode(100, bytes.subarray(0, cut), bytes.subarray(cut))
    expect(events.map((event) => event.data)).toEqual(['grüße 😀'])
  }
})

test('an event of exactly the limit passes, one byte more gives the stream up', () => {
  const at = (data: string, size: number) => {
    const bytes = Buffer.from(`data: ${data}\n\ndata: later\n\n`)
    const chunks: Buffer[] = []
    for (let start = 0; start < bytes.length; start += size)
      chunks.push(bytes.subarray(start, start + size))
    const { events, oversize } = decode(50, ...chunks)
    return [events.length, oversize]
  }
  for (const size of [1, 7, 50, 1000]) {
    expect(at('x'.repeat(50), size)).toEqual([2, 0])
    expect(at('x'.repeat(51), size)).toEqual([0, 1])
    expect(at('ü'.repeat(25), size)).toEqual([2, 0])
    expect(at('ü'.repeat(26), size)).toEqual([0, 1])
    expect(at('x'.repeat(500), size)).toEqual([0, 1])
  }
})

test('an event that never ends is given up before it fills the memory', () => {
  let oversize = 0
  const decoder = createSseDecoder({ limit: 1000, event: () => {}, oversize: () => oversize++ })
  decoder.push(Buffer.from('data: '))
  for (let i = 0; i < 100; i++) decoder.push(Buffer.from('x'.repeat(100)))
  for (let i = 0; i < 100; i++) decoder.push(Buffer.from('\ndata: y'))
  expect(oversize).toBe(1)
})

test('without somebody to tell, an event above the limit is thrown', () => {
  const decoder = createSseDecoder({ limit: 3, event: () => {} })
  try {
    decoder.push(Buffer.from('data: four\n\n'))
    expect.unreachable()
  } catch (error) {
    expect(isAppError(error, 'UPSTREAM_TOO_LARGE')).toBe(true)
  }
  expect(() => decoder.push(Buffer.from('data: x\n\n'))).not.toThrow()
})

function lines(limit: number, ...chunks: string[]) {
  const seen: string[] = []
  const large: [string, string][] = []
  const reader = createLineReader({
    limit,
    line: (bytes) => seen.push(bytes.toString()),
    oversize: (head, tail) => large.push([head, tail]),
  })
  for (const chunk of chunks) reader.push(Buffer.from(chunk))
  return { seen, large }
}

test('lines are given whole, without their ends, empty ones left out', () => {
  expect(lines(100, '{"a":1}\n\n{"b":2}\r\n\r\n{"c"', ':3}', '\n{"d":4}').seen).toEqual([
    '{"a":1}',
    '{"b":2}',
    '{"c":3}',
  ])
})

test('a line that lies in one chunk is not copied', () => {
  const chunk = Buffer.from('first\nsecond\n')
  const seen: Buffer[] = []
  createLineReader({ limit: 100, line: (bytes) => seen.push(bytes), oversize: () => {} }).push(
    chunk,
  )
  chunk.fill('x')
  expect(seen.map(String)).toEqual(['xxxxx', 'xxxxxx'])
})

test('a line that spans chunks is held apart from them', () => {
  const seen: string[] = []
  const reader = createLineReader({
    limit: 100,
    line: (bytes) => seen.push(bytes.toString()),
    oversize: () => {},
  })
  const chunk = Buffer.from('first')
  reader.push(chunk)
  chunk.fill('x')
  reader.push(Buffer.from('\n'))
  expect(seen).toEqual(['first'])
})

test('a line above the limit is left out, told of by its ends, and the next one is read', () => {
  const head = '{"jsonrpc":"2.0","id":7,'
  const line = `${head}"x":"${'y'.repeat(5000)}","id":8}`
  for (const size of [1, 100, 1000, 10_000]) {
    const text = `before\n${line}\nafter\n`
    const chunks = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []
    const { seen, large } = lines(50, ...chunks)
    expect(seen).toEqual(['before', 'after'])
    expect(large).toHaveLength(1)
    expect(large[0]?.[0].startsWith(head)).toBe(true)
    expect(large[0]?.[1].endsWith('y","id":8}')).toBe(true)
    expect(large[0]?.[0].length).toBeLessThanOrEqual(256)
    expect(large[0]?.[1].length).toBeLessThanOrEqual(256)
  }
})

test('a line of exactly the limit passes', () => {
  expect(lines(5, '12345\n').seen).toEqual(['12345'])
  expect(lines(5, '123', '45\n').seen).toEqual(['12345'])
  expect(lines(5, '123456\n')).toEqual({ seen: [], large: [['123456', '123456']] })
  expect(lines(5, '123', '456\n')).toEqual({ seen: [], large: [['123456', '123456']] })
})

test('a framed message is one line, whatever white space it held', () => {
  const framed = frameLine(Buffer.from('{\n"a":\n"x\\ny"}')).toString()
  expect(framed).toBe('{ "a": "x\\ny"}\n')
  expect(frameLine(Buffer.from('{}')).toString()).toBe('{}\n')
  expect(frameLine(Buffer.from('{}\n')).toString()).toBe('{} \n')
})
