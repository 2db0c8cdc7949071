// The memory of events: bounded per session and in all, by bytes and by number; ids that are no other session's; nothing outlives its session.
import { describe, expect, it } from 'vitest'
import { EventMemory, type LoggedStream, type StreamLog } from '../../src/gateway/stream/memory.ts'

const EVENT = 256

function setUp(limits = { replay: 100_000, replay_total: 1_000_000 }) {
  const memory = new EventMemory(() => limits)
  const closed: string[] = []
  const stream = (name = 's'): LoggedStream => ({
    resume: async () => {},
    close: () => void closed.push(name),
  })
  return { memory, closed, stream, limits }
}

/** An event that costs so many bytes together. */
function append(log: StreamLog, bytes = EVENT + 100): string {
  let given = ''
  log.append((id) => {
    given = id
    return Buffer.alloc(bytes - EVENT)
  })
  return given
}

const code = (run: () => unknown) => {
  try {
    run()
    return undefined
  } catch (error) {
    return (error as { code?: string }).code
  }
}

it('an id leads back to its stream and what came after, and to no other session', () => {
  const { memory, stream } = setUp()
  const [one, two] = [memory.open('one'), memory.open('two')]
  const [first, second] = [one.stream(stream()), one.stream(stream())]
  const ids = [append(first), append(second), append(first)]
  expect(new Set(ids).size).toBe(3)
  expect(one.find(ids[0] as string)).toEqual({ log: first, sequence: 1 })
  expect(first.since(1).length).toBe(1)
  expect(first.since(2)).toEqual([])
  expect(second.since(1)).toEqual([])
  expect(code(() => two.find(ids[0] as string))).toBe('STREAM_EVENT_UNKNOWN')
})

it.each([
  '', 'one', 'one.1', 'one.1.0', 'one.0.1', 'one.1.2', 'one.2.1', 'one.-1.1', 'one.1e0.1', 'one.1.1.1', ' one.1.1',
  'one.9999999999999999.1', 'two.1.1', '__proto__.1.1',
])('what was never given out is unknown: %s', (id) => {
  const { memory, stream } = setUp()
  const session = memory.open('one')
  append(session.stream(stream()))
  expect(code(() => session.find(id))).toBe('STREAM_EVENT_UNKNOWN')
}) // biome-ignore format: a table

describe('the bound', () => {
  it('of a session drops its oldest events, whatever their stream, and what came after a dropped one is gone', () => {
    const { memory, stream } = setUp({ replay: 1000, replay_total: 100_000 })
    const session = memory.open('one')
    const [first, second] = [session.stream(stream()), session.stream(stream())]
    const ids = [append(first), append(first), append(second), append(second)]
    expect(session.bytes).toBeLessThanOrEqual(1000)
    expect(memory.bytes).toBe(session.bytes)
    expect(code(() => session.find(ids[0] as string))).toBe('STREAM_EVENT_GONE')
    // nothing came after it
    expect(code(() => session.find(ids[1] as string))).toBeUndefined()
    expect(session.find(ids[2] as string).log).toBe(second)
  })

  it('of all sessions drops the oldest event of all', () => {
    const { memory, stream } = setUp({ replay: 100_000, replay_total: 1000 })
    const [one, two] = [memory.open('one'), memory.open('two')]
    const [old, young] = [one.stream(stream()), two.stream(stream())]
    const ids = [append(old), append(old), append(young), append(young)]
    expect(memory.bytes).toBeLessThanOrEqual(1000)
    expect(code(() => one.find(ids[0] as string))).toBe('STREAM_EVENT_GONE')
    expect(code(() => two.find(ids[2] as string))).toBeUndefined()
  })

  it('of events holds however small they are', () => {
    const { memory, stream } = setUp({ replay: 10_000_000, replay_total: 10_000_000 })
    const log = memory.open('one').stream(stream())
    for (let count = 0; count < 1500; count++) append(log, EVENT)
    expect(log.frames.length).toBe(1000)
    expect(memory.bytes).toBe(1000 * EVENT)
  })

  it('keeps no event that alone is above it', () => {
    const { memory, stream } = setUp({ replay: 1000, replay_total: 100_000 })
    const session = memory.open('one')
    const log = session.stream(stream())
    const first = append(log)
    append(log, 5000)
    expect(memory.bytes).toBe(0)
    expect(code(() => session.find(first))).toBe('STREAM_EVENT_GONE')
  })
})

it('a stream that has been answered is closed, once, when nothing is left of it to be taken up', () => {
  const { memory, closed, stream } = setUp({ replay: 1000, replay_total: 100_000 })
  const session = memory.open('one')
  const answered = session.stream(stream('answered'))
  const id = append(answered)
  answered.end()
  expect(closed).toEqual([])
  const other = session.stream(stream('other'))
  for (let count = 0; count < 5; count++) append(other)
  expect(closed).toEqual(['answered'])
  expect(code(() => session.find(id))).toBe('STREAM_EVENT_GONE')
})

it('a stream that is forgotten can no longer be taken up, and gives its bytes back', () => {
  const { memory, stream } = setUp()
  const session = memory.open('one')
  const [forgotten, kept] = [session.stream(stream()), session.stream(stream())]
  const [id, other] = [append(forgotten), append(kept)]
  forgotten.forget()
  expect(code(() => session.find(id))).toBe('STREAM_EVENT_GONE')
  expect(session.find(other).log).toBe(kept)
  expect(memory.bytes).toBe(EVENT + 100)
})

it('the end of a session closes its streams and keeps nothing, also of what they still say', () => {
  const { memory, closed, stream } = setUp()
  const session = memory.open('one')
  const log = session.stream(stream('one'))
  append(log)
  session.clear()
  append(log)
  append(session.stream(stream('late')))
  expect([closed, memory.bytes, session.bytes]).toEqual([['one'], 0, 0])
})
