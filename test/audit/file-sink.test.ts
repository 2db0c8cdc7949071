// Audit files: whole lines in order, owner only, bounded, loud and healed when the disk comes back.
import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AppendFile } from '../../src/audit/file.ts'
import { createFileSink, type FileSinkOptions } from '../../src/audit/file-sink.ts'
import type { AuditRecord } from '../../src/audit/record.ts'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { type Logger, silentLogger } from '../../src/base/log.ts'

let folder: string
let path: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'audit-'))
  path = join(folder, 'logs', 'audit.jsonl')
})
afterEach(() => rm(folder, { recursive: true }))

const record = (seq: number, reason = 'r'): AuditRecord => ({
  time: 0,
  seq,
  kind: 'refusal',
  reason,
})
const sinkFor = (options: Partial<FileSinkOptions> = {}) =>
  createFileSink({ path, clock: systemClock, log: silentLogger, id: 'test', ...options })
/** Without what the sink adds to make them a chain. */
const written = async () =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .filter(({ kind }) => kind !== 'chain')

// a disk in memory that takes `room` bytes, a few at a time, and then is full
class Disk implements AppendFile {
  text = ''
  room: number
  meanwhile = () => {}
  constructor(room: number) {
    this.room = room
  }
  async write(bytes: Uint8Array): Promise<number> {
    const taken = Math.min(bytes.length, this.room, 10)
    if (taken === 0) throw new Error('disk full')
    this.text += Buffer.from(bytes.subarray(0, taken)).toString()
    this.room -= taken
    this.meanwhile()
    return taken
  }
  async sync(): Promise<void> {}
  async close(): Promise<void> {}
  get seqs(): number[] {
    return this.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
      .filter(({ kind }) => kind !== 'chain')
      .map(({ seq }) => seq)
  }
}

function loudness(): { log: Logger; seen: string[] } {
  const seen: string[] = []
  const note = (_fields: object, message: string) => void seen.push(message)
  const log: Logger = { debug() {}, info() {}, warn: note, error: note, child: () => log }
  return { log, seen }
}

describe('a file sink', () => {
  it('writes one line per record, in order, in a file only its owner reads', async () => {
    const sink = sinkFor({ fsync: true })
    await sink.start()
    for (let seq = 1; seq <= 100; seq++) sink.write(record(seq, 'a\nb ü'))
    await sink.flush()
    expect((await written()).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 100 }, (_, index) => index + 1),
    )
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    await sink.close()
  })

  it('writes by itself after a short while', async () => {
    const sink = sinkFor()
    sink.write(record(1))
    await expect.poll(() => written().catch(() => [])).toHaveLength(1)
    await sink.close()
  })

  it('appends, and ends a line that a crash left open', async () => {
    const first = sinkFor()
    first.write(record(1))
    await first.close()
    await writeFile(path, '{"torn":', { flag: 'a' })
    const second = sinkFor()
    second.write(record(2))
    await second.close()
    const text = await readFile(path, 'utf8')
    const kinds = text.split('\n').map((line) => /"kind":"(\w+)"|torn|$/.exec(line)?.[1] ?? line)
    expect(kinds).toEqual(['chain', 'refusal', '{"torn":', 'chain', 'refusal', ''])
  })

  it('takes away the rights of others on a file that is there', async () => {
    const first = sinkFor()
    await first.start()
    await first.close()
    await chmod(path, 0o666)
    const second = sinkFor()
    await second.start()
    await second.close()
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('does not start on a link or a device', async () => {
    const link = join(folder, 'link')
    await symlink(join(folder, 'elsewhere'), link)
    await expect(sinkFor({ path: link }).start()).rejects.toThrow(/ELOOP/)
    await expect(sinkFor({ path: '/dev/null' }).start()).rejects.toThrow('is not a regular file')
    await expect(sinkFor({ path: folder }).start()).rejects.toThrow(/EISDIR/)
  })

  it('takes nothing after close, and closes once', async () => {
    const sink = sinkFor()
    sink.write(record(1))
    await Promise.all([sink.close(), sink.close()])
    sink.write(record(2))
    expect([(await written()).length, sink.dropped]).toEqual([1, 1])
  })
})

describe('a flush', () => {
  it('ends when what was taken before it is there, however much comes meanwhile', async () => {
    const disk = new Disk(1_000_000)
    let seq = 1
    // one more during each write: there is always something that waits
    disk.meanwhile = () => sink.write(record(++seq))
    const sink = sinkFor({ open: async () => disk })
    sink.write(record(seq))
    await sink.flush()
    expect(disk.seqs).toEqual([1])
    disk.meanwhile = () => {}
    await sink.close()
    expect(disk.seqs.at(-1)).toBe(seq)
  })
})

describe('a full disk', () => {
  it('makes the sink unhealthy and loud, once, and loses nothing when it has room again', async () => {
    const disk = new Disk(300)
    const { log, seen } = loudness()
    const sink = sinkFor({ log, open: async () => disk })
    for (const seq of [1, 2, 3]) sink.write(record(seq))
    await sink.flush()
    await sink.flush()
    expect([sink.healthy, seen]).toEqual([
      false,
      ['audit records cannot be written; they wait and then are dropped'],
    ])
    sink.write(record(4))
    disk.room = 10_000
    await sink.flush()
    expect([sink.healthy, sink.dropped, disk.seqs]).toEqual([true, 0, [1, 2, 3, 4]])
    expect(seen).toHaveLength(2)
    await sink.close()
  })

  it('is filled up to the bound; what comes on top is counted and leaves a mark', async () => {
    const disk = new Disk(0)
    const { log, seen } = loudness()
    const sink = sinkFor({ log, open: async () => disk, bound: 850 })
    for (let seq = 1; seq <= 10; seq++) sink.write(record(seq))
    expect(sink.dropped).toBe(6)
    await sink.flush()
    sink.write(record(11))
    expect([sink.dropped, sink.healthy]).toEqual([7, false])
    disk.room = 10_000
    await sink.flush()
    sink.write(record(12))
    await sink.close()
    expect(disk.seqs).toEqual([1, 2, 3, 4, 10, 11, 12])
    expect(disk.text).toContain('"seq":10,"kind":"gap","reason":"records dropped: 6"')
    expect(disk.text).toContain('"seq":11,"kind":"gap","reason":"records dropped: 1"')
    expect(seen.filter((message) => message === 'audit records are being dropped')).toHaveLength(1)
  })

  it('tries again by itself', async () => {
    const disk = new Disk(0)
    const timers: (() => void)[] = []
    const after: Clock['after'] = (_ms, run) => {
      timers.push(run)
      return () => {}
    }
    const clock: Clock = { ...systemClock, after }
    const sink = sinkFor({ clock, open: async () => disk })
    sink.write(record(1))
    timers.shift()?.()
    await expect.poll(() => timers.length).toBe(1)
    disk.room = 1000
    timers.shift()?.()
    await expect.poll(() => disk.seqs).toEqual([1])
  })

  it('that never answers does not keep the gateway from stopping', async () => {
    const stuck: AppendFile = {
      write: () => new Promise(() => {}),
      sync: async () => {},
      close: async () => {},
    }
    const clock: Clock = { ...systemClock, after: (ms, run) => systemClock.after(ms / 50, run) }
    const { log, seen } = loudness()
    const sink = sinkFor({ clock, log, open: async () => stuck })
    sink.write(record(1))
    await sink.close()
    expect(seen).toEqual(['audit records were lost at the end'])
  })

  it('at start is an error of the start', async () => {
    const open = () => Promise.reject(new Error('no such disk'))
    await expect(sinkFor({ open }).start()).rejects.toThrow('no such disk')
  })
})
