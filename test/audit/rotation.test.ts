// Audit files that are set aside: when, under which names, which are removed, and that the chain goes on through all of it.
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFileSink, type FileSinkOptions } from '../../src/audit/file-sink.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { stdoutFile } from '../../src/audit/stdout.ts'
import { CHECKPOINT } from '../../src/base/chain.ts'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { PUBLIC, record, signer, verdictOf } from './chains.ts'

let folder: string
let path: string
let time: number
let ids: number

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rotation-'))
  path = join(folder, 'audit.jsonl')
  time = 1_700_000_000_000
  ids = 0
})
afterEach(() => rmSync(folder, { recursive: true }))

const clock: Clock = { ...systemClock, wall: () => time }
const sinkFor = (options: Partial<FileSinkOptions> = {}): AuditSink =>
  createFileSink({ path, clock, log: silentLogger, id: `writer-${++ids}`, signer, ...options })

async function write(sink: AuditSink, from: number, to: number): Promise<void> {
  for (let seq = from; seq <= to; seq++) sink.write(record(seq, 'x'.repeat(100)))
  await sink.flush()
}

const files = () => readdirSync(folder).sort()
const linesOf = (name: string) =>
  readFileSync(join(folder, name), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

describe('a file', () => {
  it('that would be larger than max_size is set aside under the next number, with every record in one of them', async () => {
    const sink = sinkFor({ rotation: { maxSize: 2000 } })
    await write(sink, 1, 5)
    await write(sink, 6, 20)
    await sink.close()
    expect(files()).toEqual([
      'audit.jsonl',
      'audit.jsonl.000001',
      'audit.jsonl.000002',
      'audit.jsonl.000003',
    ])
    const all = [...files().slice(1), 'audit.jsonl']
    for (const name of all) expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(2000)
    const seqs = all
      .flatMap(linesOf)
      .filter(({ kind }) => kind === 'refusal')
      .map(({ seq }) => seq)
    expect(seqs).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
    const verdict = await verdictOf(path, [PUBLIC])
    expect(verdict).toMatchObject({
      whole: true,
      chains: [{ from: 1, to: 23, signed: 22, firstAt: 'audit.jsonl.000001:1' }],
    })
  })

  it('is set aside when its first record is max_age old, also one of an earlier process', async () => {
    const first = sinkFor({ rotation: { maxAge: 3_600_000 } })
    await write(first, 1, 1)
    await first.close()
    time += 3_599_000
    const second = sinkFor({ rotation: { maxAge: 3_600_000 } })
    await write(second, 1, 1)
    expect(files()).toEqual(['audit.jsonl'])
    time += 2000
    await write(second, 2, 2)
    await second.close()
    expect(files()).toEqual(['audit.jsonl', 'audit.jsonl.000001'])
    expect((await verdictOf(path, [PUBLIC])).problems).toEqual([])
  })

  it('that is one too many is removed, and the removal is written down', async () => {
    const sink = sinkFor({ rotation: { maxSize: 2000, maxFiles: 2 } })
    for (let round = 0; round < 6; round++) await write(sink, round * 5 + 1, round * 5 + 5)
    await sink.close()
    expect(files()).toHaveLength(3)
    expect(await verdictOf(path, [PUBLIC])).toMatchObject({
      whole: true,
      chains: [{ to: expect.any(Number) }],
    })
    // what somebody else removes is not
    unlinkSync(join(folder, files()[1] as string))
    expect((await verdictOf(path, [PUBLIC])).problems).toMatchObject([{ kind: 'missing' }])
  })

  it('that is missing between others is found', async () => {
    const sink = sinkFor({ rotation: { maxSize: 2000 } })
    for (let round = 0; round < 6; round++) await write(sink, round * 5 + 1, round * 5 + 5)
    await sink.close()
    unlinkSync(join(folder, 'audit.jsonl.000002'))
    expect((await verdictOf(path)).problems).toMatchObject([
      { at: 'audit.jsonl.000003:1', kind: 'missing' },
    ])
  })
})

describe('a writer', () => {
  it('names what its predecessor has come to, also across files that were set aside', async () => {
    const rotation = { maxSize: 2000 }
    const first = sinkFor({ rotation })
    await write(first, 1, 12)
    await first.close()
    const second = sinkFor({ rotation })
    await write(second, 1, 12)
    await second.close()
    expect(await verdictOf(path, [PUBLIC])).toMatchObject({
      whole: true,
      chains: [{ chain: 'writer-1' }, { chain: 'writer-2' }],
    })
    writeFileSync(path, readFileSync(path, 'utf8').replace('x', 'y'))
    expect((await verdictOf(path)).whole).toBe(false)
  })

  it('goes on behind any number of lines that crashes have torn', async () => {
    const first = sinkFor()
    await write(first, 1, 2)
    await first.close()
    for (const piece of ['{"time":"20', '{"ti']) {
      writeFileSync(path, piece, { flag: 'a' })
      // it opens, and dies before it has written anything
      const next = sinkFor()
      await next.start()
      await next.close()
    }
    const last = sinkFor()
    await write(last, 1, 1)
    await last.close()
    expect((await verdictOf(path, [PUBLIC])).problems).toEqual([])
  })

  it('goes on behind a line that lacks nothing but its end', async () => {
    const first = sinkFor()
    await write(first, 1, 2)
    await first.close()
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, -1))
    const second = sinkFor()
    await write(second, 1, 1)
    await second.close()
    expect((await verdictOf(path, [PUBLIC])).problems).toEqual([])
  })

  it('signs at the start, after so many records, after a while, and at the end', async () => {
    const timers: { ms: number; run: () => void }[] = []
    const after: Clock['after'] = (ms, run) => {
      timers.push({ ms, run })
      return () => {}
    }
    const sink = sinkFor({ clock: { ...clock, after } })
    const signed = () =>
      linesOf('audit.jsonl')
        .filter(({ kind }) => kind === 'checkpoint')
        .map(({ n }) => n)
    await write(sink, 1, 1)
    expect(signed()).toEqual([2])
    timers.find(({ ms }) => ms === CHECKPOINT.ms)?.run()
    await expect.poll(signed).toEqual([2, 4])
    await write(sink, 2, 1001)
    expect(signed()).toEqual([2, 4, 1005])
    await write(sink, 1002, 1003)
    await sink.close()
    expect(signed()).toEqual([2, 4, 1005, 1008])
    expect((await verdictOf(path, [PUBLIC])).chains).toMatchObject([{ to: 1008, signed: 1007 }])
  })

  it('does not sign without a key, and nothing when there is nothing', async () => {
    const sink = sinkFor({ signer: undefined })
    await write(sink, 1, 3)
    await sink.close()
    expect(await verdictOf(path)).toMatchObject({ whole: true, checkpoints: 0, records: 4 })
    const idle = sinkFor()
    await idle.start()
    await idle.close()
    expect(await verdictOf(path)).toMatchObject({ records: 4 })
  })
})

it('standard output takes the same lines', async () => {
  const taken: Uint8Array[] = []
  const file = stdoutFile((bytes, done) => {
    taken.push(bytes)
    done()
  })
  const sink = sinkFor({ path: '', name: 'stdout', open: async () => file })
  await write(sink, 1, 2)
  await sink.close()
  writeFileSync(path, Buffer.concat(taken))
  expect(await verdictOf(path, [PUBLIC])).toMatchObject({ whole: true, records: 5 })
  expect(sink.name).toBe('stdout')
})

it('standard output that nobody reads any more is a failure of the sink', async () => {
  const file = stdoutFile((_bytes, done) => done(new Error('EPIPE')))
  const sink = sinkFor({ path: '', name: 'stdout', open: async () => file })
  await write(sink, 1, 1)
  expect(sink.healthy).toBe(false)
  await sink.close()
})
