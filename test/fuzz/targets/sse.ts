// Fuzz target: bytes as an event stream of a server. How it is cut into chunks changes nothing, bounds hold, and events survive being sent on.
import { isAppError } from '../../../src/base/errors.ts'
import {
  createSseDecoder,
  encodeComment,
  encodeEvent,
  type SseEvent,
} from '../../../src/wire/sse.ts'
import { holds } from '../holds.ts'
import type { Random } from '../random.ts'
import type { Target } from '../target.ts'

const ROOMY = 1 << 16

export const sse: Target = {
  name: 'sse',
  files: ['src/wire/sse.ts'],
  tokens: [
    'data: ', 'data:', 'data\n', 'event: message\n', 'event:', 'id: 1\n', 'id:\n', 'id: a\0b\n', 'retry: 100\n', 'retry: x\n', 'retry:\n', ': keep-alive\n',
    ':\n\n', '\n\n', '\r\r', '\r\n\r\n', 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n', 'unknown: field\n', 'x'.repeat(250),
  ], // biome-ignore format: a table reads better in rows
  runs: 8000,
  branches: 90,
  run(bytes, random) {
    const whole = decode([bytes], ROOMY)
    const pieces = decode(cut(bytes, random), ROOMY)
    holds(
      JSON.stringify(whole) === JSON.stringify(pieces),
      `chunks change nothing: ${JSON.stringify([whole, pieces])}`,
    )
    checkBounds(bytes, random)
    const framed = checkSentOn(whole.events)
    const { events, retries } = whole
    const counts = [events.length, retries.length].map((count) => Math.min(count, 6))
    const kinds = events
      .slice(0, 4)
      .map(({ id, event, data }) => `${typeof id}${typeof event}${data === ''}`)
    return {
      accepted: events.some(({ data }) => data !== ''),
      trait: [...counts, framed, ...kinds].join(' '),
    }
  },
}

interface Decoded {
  readonly events: SseEvent[]
  readonly retries: number[]
  over: boolean
}

function decode(chunks: readonly Buffer[], limit: number): Decoded {
  const decoded: Decoded = { events: [], retries: [], over: false }
  const decoder = createSseDecoder({
    limit,
    event(event) {
      holds(!decoded.over, 'no event after one that was too large')
      decoded.events.push(event)
    },
    retry: (ms) => void decoded.retries.push(ms),
    oversize() {
      holds(!decoded.over, 'oversize is told once')
      decoded.over = true
    },
  })
  for (const chunk of chunks) decoder.push(chunk)
  return decoded
}

function checkBounds(bytes: Buffer, random: Random): void {
  const limit = 1 + random(300)
  const { events, retries, over } = decode(cut(bytes, random), limit)
  for (const { data } of events) holds(Buffer.byteLength(data) <= limit, 'data is within the limit')
  for (const ms of retries) holds(ms >= 0, `retry is a time, however long: ${ms}`)
  // without a listener for it, too much is thrown
  const decoder = createSseDecoder({ limit, event: () => {} })
  try {
    decoder.push(bytes)
  } catch (error) {
    holds(isAppError(error) && error.code === 'UPSTREAM_TOO_LARGE', 'too much has its code')
    return
  }
  holds(!over || bytes.length > limit, 'only what is larger than the limit is too large')
}

/** The gateway sends every event on: what the client reads is what the server sent. */
function checkSentOn(events: readonly SseEvent[]): string {
  let framed = ''
  for (const { id, event, data } of events) {
    const retry = data.length % 3 === 0 ? undefined : data.length
    const fields = {
      ...(id !== undefined && { id }),
      ...(event !== undefined && { event }),
      ...(retry !== undefined && { retry }),
    }
    if (event?.includes('\0')) {
      // nobody may end a line in a field; a NUL is as bad for readers in C
      holds(refuses(fields), 'a field with a NUL is refused')
      continue
    }
    const asBytes = data.isWellFormed() && data.length % 2 === 0
    const frame = encodeEvent({ ...fields, data: asBytes ? Buffer.from(data) : data })
    const again = decode([encodeComment('between'), frame], ROOMY)
    holds(!again.over && again.retries[0] === retry, 'the retry of a frame is read again')
    const expected = data.replace(/\r\n|\r/g, '\n')
    const [only] = again.events
    holds(again.events.length === 1 && only !== undefined, 'one event is one event')
    holds(only.data === expected, `the data is the same: ${JSON.stringify([data, only.data])}`)
    holds((only.event ?? 'message') === (event || 'message'), 'the name is the same')
    holds((only.id ?? '') === (id ?? ''), 'the id is the same')
    framed = `${framed}${asBytes}`.slice(0, 16)
  }
  return framed
}

function refuses(fields: object): boolean {
  try {
    encodeEvent({ ...fields, data: '' })
    return false
  } catch (error) {
    return isAppError(error) && error.code === 'INTERNAL'
  }
}

function cut(bytes: Buffer, random: Random): Buffer[] {
  const chunks: Buffer[] = []
  const most = 1 + random(60)
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random(most)
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}
