// Bytes from a stranger against everything in wire that reads them: it answers or refuses with a code, in bounded time.
import { expect, test } from 'vitest'
import { isAppError } from '../../src/base/errors.ts'
import { createLineReader } from '../../src/wire/lines.ts'
import { readMessage } from '../../src/wire/message.ts'
import { createSseDecoder } from '../../src/wire/sse.ts'

const SEED = 0x5eed
const RUNS = 4000

/** Messages of both eras, whole, to be torn apart. */
const CORPUS = [
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"roots":{}},"clientInfo":{"name":"c","version":"1"}}}',
  '{"jsonrpc":"2.0","id":"é😀\\ud83d\\ude00","method":"tools/call","params":{"name":"a\\"b\\\\","arguments":{"x":[1,-2.5e3,true,null,{"y":{}}]},"_meta":{"progressToken":7}}}',
  '{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}',
  '{"result":{"content":[{"type":"text","text":"hello \\n world"}],"isError":false},"jsonrpc":"2.0","id":12}',
  '{"jsonrpc":"2.0","id":3,"error":{"code":-32602,"message":"Tool nope not found","data":{"uri":"x"}}}',
  '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"x"}]',
  'event: message\nid: 1\nretry: 100\ndata: {"jsonrpc":"2.0","method":"notifications/x"}\n\n: keep\r\n\r\ndata\n\n',
].map((text) => Buffer.from(text))

const TOKENS = ['"', '\\', '\\u', '\\ud800', '{', '}', '[', ']', ':', ',', '"id":1,', '\n', '\r', '\0', 'null', '9'.repeat(20),
  '"\\u0069d":', '"ID":', '"__proto__":', '\ufeff', '[[[[[[[[', '{"a":', 'data: ', '1e999', ' '.repeat(60), 'x'.repeat(100),
].map((text) => Buffer.from(text)) // biome-ignore format: a table reads better in rows

/** A small generator with a fixed seed (mulberry32), so that a failure can be repeated. */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

function mutate(random: (below: number) => number): Buffer {
  let bytes = Buffer.from(CORPUS[random(CORPUS.length)] as Buffer)
  for (let turns = random(5); turns >= 0; turns--) {
    const at = random(bytes.length + 1)
    const rest = bytes.subarray(at)
    const head = bytes.subarray(0, at)
    const other = CORPUS[random(CORPUS.length)] as Buffer
    const pieces = [
      () => [head, rest.subarray(random(8))],
      () => [head, TOKENS[random(TOKENS.length)] as Buffer, rest],
      () => [head, Buffer.from([random(256)]), rest.subarray(1)],
      () => [head, other.subarray(random(other.length)), rest],
      () => [head, rest.subarray(0, random(30)), rest],
      () => [head],
    ]
    bytes = Buffer.concat((pieces[random(pieces.length)] as () => Buffer[])())
  }
  return bytes
}

test('mutilated messages are refused with a code or are messages', () => {
  const random = createRandom(SEED)
  let passed = 0
  const slowest = { ms: 0, text: '' }
  for (let run = 0; run < RUNS; run++) {
    const bytes = mutate(random)
    const started = performance.now()
    try {
      const message = readMessage(bytes, { depth: 16 })
      passed++
      expect(JSON.parse(bytes.toString())).toHaveProperty('jsonrpc', '2.0')
      expect(['request', 'notification', 'result', 'error']).toContain(message.kind)
    } catch (error) {
      if (!isAppError(error)) throw error
      expect(error.code).toMatch(/^WIRE_/)
    }
    const ms = performance.now() - started
    if (ms > slowest.ms) Object.assign(slowest, { ms, text: bytes.toString('hex') })
  }
  expect(passed).toBeGreaterThan(RUNS / 50)
  expect(slowest.ms, slowest.text).toBeLessThan(500)
})

test('mutilated streams give events and lines within their bounds, or none', () => {
  const random = createRandom(SEED + 1)
  let events = 0
  let lines = 0
  for (let run = 0; run < RUNS; run++) {
    const bytes = mutate(random)
    const limit = 1 + random(200)
    const sse = createSseDecoder({
      limit,
      event: ({ data }) => {
        events++
        expect(Buffer.byteLength(data)).toBeLessThanOrEqual(limit)
      },
      oversize: () => {},
    })
    const reader = createLineReader({
      limit,
      line: (line) => {
        lines++
        expect(line.length).toBeLessThanOrEqual(limit)
        expect(line.includes(0x0a)).toBe(false)
      },
      oversize: () => {},
    })
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + random(40)
      sse.push(bytes.subarray(at, at + size))
      reader.push(bytes.subarray(at, at + size))
      at += size
    }
  }
  expect(events).toBeGreaterThan(0)
  expect(lines).toBeGreaterThan(0)
})

test('inputs made to be slow are not', () => {
  const wide = Array.from({ length: 50_000 }, (_, index) => `"k${index}":0`).join(',')
  const hostile = [
    `{"jsonrpc":"2.0","id":1,"method":"m","params":{${wide}}}`,
    `{"jsonrpc":"2.0","id":1,"method":"m","params":{"arguments":{${wide}}}}`,
    `{"jsonrpc":"2.0","id":1,"method":"${'\\"'.repeat(300_000)}"}`,
    `{"jsonrpc":"2.0","id":1,"method":"${'\\\\'.repeat(300_000)}"`,
    `{"jsonrpc":"2.0","id":${'9'.repeat(500_000)},"method":"m"}`,
    `{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[${'1e9,'.repeat(100_000)}1]}}`,
    `${' '.repeat(500_000)}{`,
    `{"${'n'.repeat(500_000)}`,
    '[{"a":'.repeat(100_000),
    `{"jsonrpc":"2.0","id":1,"method":"m","params":{"x":[${'[],'.repeat(100_000)}[]]}}`,
  ]
  for (const text of hostile) {
    const started = performance.now()
    try {
      readMessage(Buffer.from(text), { depth: 64 })
    } catch (error) {
      expect(isAppError(error)).toBe(true)
    }
    expect(performance.now() - started, text.slice(0, 60)).toBeLessThan(2000)
  }
})
