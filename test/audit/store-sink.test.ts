// Records on their way into the store: batches in order, bounded, loud, exactly once, whatever fails in between.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AuditRecord } from '../../src/audit/record.ts'
import { BATCH, createStoreSink, type RecordTable } from '../../src/audit/store-sink.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { Logger } from '../../src/base/log.ts'

const record = (seq: number, more: Partial<AuditRecord> = {}): AuditRecord => ({
  time: 0,
  seq,
  kind: 'execution',
  ...more,
})

/** Time that stands until it is told to go on. */
class StandingClock implements Clock {
  time = 0
  readonly #timers = new Set<{ at: number; run: () => void }>()
  now = () => this.time
  wall = () => this.time
  after = (ms: number, run: () => void) => {
    const timer = { at: this.time + ms, run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }
  get armed(): number[] {
    return [...this.#timers].map(({ at }) => at - this.time).sort((a, b) => a - b)
  }
  async go(ms: number): Promise<void> {
    const end = this.time + ms
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#timers.delete(next)
      this.time = Math.max(this.time, next.at)
      next.run()
      await settled()
    }
    this.time = end
  }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A table in memory that fails or hangs on demand; `unsure`: it has stored the batch when it says it failed. */
class MemoryTable implements RecordTable {
  mode: 'works' | 'fails' | 'unsure' | 'hangs' = 'works'
  readonly rows: AuditRecord[] = []
  readonly batches: number[] = []
  closed = 0
  async open(): Promise<void> {
    if (this.mode !== 'works') throw new Error('no store')
  }
  async append(records: readonly AuditRecord[]): Promise<void> {
    if (this.mode === 'hangs') return new Promise(() => {})
    if (this.mode === 'fails') throw new Error('disk full')
    this.batches.push(records.length)
    const last = this.rows.at(-1)?.seq ?? 0
    this.rows.push(...records.filter(({ seq }) => seq > last))
    if (this.mode === 'unsure') throw new Error('its thread ended')
  }
  async close(): Promise<void> {
    this.closed++
  }
  get seqs(): number[] {
    return this.rows.map(({ seq }) => seq)
  }
}

function setUp(bound?: number) {
  const clock = new StandingClock()
  const table = new MemoryTable()
  const seen: string[] = []
  const note = (_fields: object, message: string) => void seen.push(message)
  const log: Logger = { debug() {}, info() {}, warn: note, error: note, child: () => log }
  const sink = createStoreSink({ table, clock, log, ...(bound === undefined ? {} : { bound }) })
  return { clock, table, seen, sink }
}

const WEIGHT = 512

describe('a store sink', () => {
  it('has no timer while nothing is pending, and writes within a quarter of a second', async () => {
    const { clock, table, sink } = setUp()
    await sink.start()
    expect(clock.armed).toEqual([])
    sink.write(record(1))
    sink.write(record(2))
    expect([table.seqs, clock.armed.length]).toEqual([[], 1])
    await clock.go(250)
    expect([table.seqs, table.batches, clock.armed]).toEqual([[1, 2], [2], []])
  })

  it('does not wait when a batch is full, and takes one batch per turn', async () => {
    const { clock, table, sink } = setUp()
    for (let seq = 1; seq <= 2 * BATCH + 1; seq++) sink.write(record(seq))
    expect([clock.armed, table.batches]).toEqual([[0], []])
    await clock.go(0)
    expect(table.batches).toEqual([BATCH, BATCH])
    await clock.go(250)
    expect(table.batches).toEqual([BATCH, BATCH, 1])
  })

  it('does not start without its store', async () => {
    const { table, sink } = setUp()
    table.mode = 'fails'
    await expect(sink.start()).rejects.toThrow('no store')
  })

  it('writes what is left at close, takes nothing after it, and closes once', async () => {
    const { table, sink } = setUp()
    sink.write(record(1))
    await Promise.all([sink.close(), sink.close()])
    sink.write(record(2))
    expect([table.seqs, table.closed, sink.dropped]).toEqual([[1], 1, 1])
  })
})

describe('a store that fails', () => {
  it('makes the sink unhealthy and loud, once, and loses nothing when it works again', async () => {
    const { clock, table, sink, seen } = setUp()
    table.mode = 'fails'
    sink.write(record(1))
    await clock.go(5000)
    sink.write(record(2))
    expect([sink.healthy, seen]).toEqual([
      false,
      ['audit records cannot be written; they wait and then are dropped'],
    ])
    table.mode = 'works'
    await clock.go(1500)
    expect([sink.healthy, sink.dropped, table.seqs]).toEqual([true, 0, [1, 2]])
    expect(seen.at(-1)).toBe('audit records are written again')
  })

  it('is asked once a second, however much comes in', async () => {
    const { clock, table, sink } = setUp()
    table.mode = 'fails'
    let asked = 0
    const append = table.append.bind(table)
    table.append = (records) => {
      asked++
      return append(records)
    }
    for (let seq = 1; seq <= 10 * BATCH; seq++) {
      sink.write(record(seq))
      if (seq % 50 === 0) await clock.go(250)
    }
    expect(clock.time).toBe(10_000)
    expect(asked).toBeLessThanOrEqual(11)
    expect(asked).toBeGreaterThanOrEqual(9)
  })

  it('fills the ring; what comes on top is dropped, counted, shown, and leaves a mark', async () => {
    const { clock, table, sink, seen } = setUp(4 * WEIGHT)
    table.mode = 'fails'
    for (let seq = 1; seq <= 10; seq++) sink.write(record(seq))
    expect([sink.dropped, sink.healthy]).toEqual([6, false])
    await clock.go(2000)
    table.mode = 'works'
    await clock.go(2000)
    sink.write(record(11))
    await clock.go(250)
    expect(table.seqs).toEqual([1, 2, 3, 4, 10, 11])
    expect(table.rows[4]).toMatchObject({ kind: 'gap', reason: 'records dropped: 6' })
    expect([sink.healthy, sink.dropped]).toEqual([true, 6])
    expect(seen.filter((message) => message === 'audit records are being dropped')).toHaveLength(1)
  })

  it('leaves the mark of a hole ahead of what comes after it', async () => {
    const { clock, table, sink } = setUp(2 * WEIGHT)
    table.mode = 'fails'
    sink.write(record(1))
    await clock.go(100)
    sink.write(record(2))
    sink.write(record(3))
    table.mode = 'works'
    await clock.go(1000)
    expect(table.seqs).toEqual([1])
    sink.write(record(4))
    await clock.go(250)
    expect(table.rows.map(({ seq, kind }) => [seq, kind])).toEqual([
      [1, 'execution'],
      [2, 'execution'],
      [3, 'gap'],
      [4, 'execution'],
    ])
  })

  it('counts the text of plugins against the bound', () => {
    const { table, sink } = setUp(4 * WEIGHT)
    table.mode = 'fails'
    sink.write(record(1, { details: { a: 1 } }))
    sink.write(record(2, { reason: 'x'.repeat(2000) }))
    sink.write(record(3))
    expect(sink.dropped).toBe(2)
  })

  it('by not answering is told after a while and does not keep the gateway from stopping', async () => {
    const { clock, table, sink, seen } = setUp()
    table.mode = 'hangs'
    sink.write(record(1))
    await clock.go(6000)
    expect([sink.healthy, seen.length]).toEqual([false, 1])
    let closed = false
    void sink.close().then(() => {
      closed = true
    })
    await clock.go(20_000)
    expect([closed, sink.dropped, seen.at(-1)]).toEqual([
      true,
      1,
      'audit records were lost at the end',
    ])
  })
})

describe('a flush', () => {
  it('ends when what was taken before it is there, however much comes meanwhile', async () => {
    const { table, sink } = setUp()
    let seq = 0
    const append = table.append.bind(table)
    // as many again during each write: there is always something that waits
    table.append = async (records) => {
      for (let more = 0; more < BATCH; more++) sink.write(record(++seq))
      await append(records)
    }
    for (let first = 0; first < BATCH + 1; first++) sink.write(record(++seq))
    await sink.flush()
    expect(table.batches).toEqual([BATCH, BATCH])
  })
})

type Step =
  | { readonly act: 'write'; readonly count: number }
  | { readonly act: 'go'; readonly ms: number }
  | { readonly act: 'flush' }
  | { readonly act: 'mode'; readonly mode: 'works' | 'fails' | 'unsure' }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ act: fc.constant('write' as const), count: fc.integer({ min: 1, max: 300 }) }),
  fc.record({ act: fc.constant('go' as const), ms: fc.integer({ min: 0, max: 1500 }) }),
  fc.constant({ act: 'flush' as const }),
  fc.record({
    act: fc.constant('mode' as const),
    mode: fc.constantFrom('works' as const, 'fails' as const, 'unsure' as const),
  }),
)

describe('whatever is written, flushed and fails in between', () => {
  it('every record is there once and in order, or in a gap that says how many', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), async (steps, small) => {
        const { clock, table, sink } = setUp(small ? 250 * WEIGHT : undefined)
        let seq = 0
        for (const done of steps) {
          if (done.act === 'write')
            for (let left = done.count; left > 0; left--) sink.write(record(++seq))
          else if (done.act === 'go') await clock.go(done.ms)
          else if (done.act === 'flush') await sink.flush()
          else table.mode = done.mode
        }
        table.mode = 'works'
        await clock.go(1000)
        await sink.close()
        let last = 0
        let missing = 0
        for (const row of table.rows) {
          const hole = row.kind === 'gap' ? row.seq - last : row.seq - last - 1
          expect(hole).toBe(row.kind === 'gap' ? Number(/\d+/.exec(row.reason ?? '')?.[0]) : 0)
          missing += hole
          last = row.seq
        }
        expect([last, missing]).toEqual([seq, sink.dropped])
      }),
      { numRuns: 150 },
    )
  })
})
