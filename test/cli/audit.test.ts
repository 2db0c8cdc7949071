// `portcullis audit` as an operator calls it: a verdict with its exit code, records as JSON lines, and keys that nobody else reads.
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createAuditTable } from '../../src/store/sqlite-thread.ts'
import { chainOf, headOf } from '../audit/chains.ts'
import { cli, temporaryFolder } from './shell.ts'

const lines = chainOf('one', ['a', 'b', 'c'], {}, false)
const next = chainOf('two', ['d'], { previous: [headOf(lines.at(-1))] }, false)
const text = (all: readonly string[]) => all.map((line) => `${line}\n`).join('')

const folderWith = (all: readonly string[], more: Readonly<Record<string, string>> = {}) =>
  temporaryFolder({ 'audit.jsonl': text(all), ...more })

describe('portcullis audit verify', () => {
  it('ends with 0 for what is whole, files that were set aside included', async () => {
    const cwd = folderWith(next, { 'audit.jsonl.000001': text(lines) })
    const { exit, json } = await cli(['audit', 'verify', '--file', 'audit.jsonl'], { cwd })
    expect(exit).toBe(0)
    expect(json).toMatchObject({
      whole: true,
      records: 6,
      chains: [
        { chain: 'one', lastAt: 'audit.jsonl.000001:4' },
        { chain: 'two', firstAt: 'audit.jsonl:1' },
      ],
    })
  })

  it('ends with 1 for what is not, and says where', async () => {
    const cwd = folderWith(lines.toSpliced(2, 1))
    const { exit, out } = await cli(['audit', 'verify', '--file', 'audit.jsonl'], {
      cwd,
      tty: true,
      env: { NO_COLOR: '1' },
    })
    expect(exit).toBe(1)
    expect(out.split('\n').map((line) => line.trimEnd())).toEqual([
      'broken: 3 records in 1 chain, 1 problem',
      '  audit.jsonl:3  missing  record 3 of chain one should be before it',
      '  chain one  records 1 to 4  audit.jsonl:1 to audit.jsonl:3  not signed',
      '',
    ])
  })

  it.each<[string, string[]]>([
    ['no place', []],
    ['two places', ['--file', 'audit.jsonl', '--store', 'sqlite:x.db']],
    ['a store of another kind', ['--store', 'mysql://x']],
    ['a key that is none', ['--file', 'audit.jsonl', '--key', 'audit.jsonl']],
    ['a key that is not there', ['--file', 'audit.jsonl', '--key', 'nowhere.pem']],
  ])('ends with 2 when it is given %s', async (_what, argv) => {
    const { exit } = await cli(['audit', 'verify', ...argv], { cwd: folderWith(lines) })
    expect(exit).toBe(2)
  })

  it.each([
    ['--file', 'nowhere.jsonl'],
    ['--store', 'sqlite:nowhere.db'],
    ['--store', 'sqlite:audit.jsonl'],
  ])('does not call whole what cannot be read: %s %s', async (...place) => {
    const { exit, err } = await cli(['audit', 'verify', '--json', ...place], {
      cwd: folderWith(lines),
    })
    expect([exit, JSON.parse(err).code]).toEqual([1, 'AUDIT_UNREADABLE'])
  })
})

describe('portcullis audit keygen', () => {
  it('makes a pair that signs and proves, readable by its owner alone, and replaces nothing', async () => {
    const cwd = temporaryFolder()
    const made = await cli(['audit', 'keygen', 'audit.key'], { cwd })
    expect(made.exit).toBe(0)
    for (const name of ['audit.key', 'audit.key.pub'])
      expect(statSync(join(cwd, name)).mode & 0o777).toBe(0o600)
    expect((await cli(['audit', 'keygen', 'audit.key'], { cwd })).exit).toBe(2)
    const table = createAuditTable({
      path: join(cwd, 'audit.db'),
      clock: systemClock,
      log: silentLogger,
      key: readFileSync(join(cwd, 'audit.key'), 'utf8'),
    })
    await table.append([{ time: 0, seq: 1, kind: 'refusal' }])
    await table.close()
    const place = ['--store', 'sqlite:audit.db', '--key', 'audit.key.pub']
    const { exit, json } = await cli(['audit', 'verify', ...place], { cwd })
    expect([exit, json.chains[0].signed]).toEqual([0, 3])
    await cli(['audit', 'keygen', 'other.key'], { cwd })
    const other = await cli(['audit', 'verify', ...place.with(3, 'other.key.pub')], { cwd })
    expect([other.exit, other.json.problems[0].kind]).toEqual([1, 'signature'])
  })
})

describe('portcullis audit export', () => {
  let cwd: string
  beforeAll(async () => {
    cwd = folderWith(next, { 'audit.jsonl.000001': text(lines) })
    const table = createAuditTable({
      path: join(cwd, 'audit.db'),
      clock: systemClock,
      log: silentLogger,
    })
    const pass = Object.freeze({ point: 'tool_pre_invoke', entries: Object.freeze(['guard']) })
    await table.append([
      { time: 1000, seq: 1, kind: 'execution', requestId: 'r1', principal: { id: 'ada', kind: 'user', tenant: 'x' }, server: 's', effective: false, durationMs: 1.5, passes: [pass], era: 'modern' },
      { time: 2000, seq: 2, kind: 'refusal', requestId: 'r2', principal: { id: 'bob', kind: 'user' }, code: 'NO' },
    ]) // biome-ignore format: one row for a record
    await table.close()
  })

  const exported = async (...argv: string[]) => {
    const { exit, out } = await cli(['audit', 'export', ...argv], { cwd })
    expect(exit).toBe(0)
    return out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  }

  it('writes the records of files as they stand there, in order', async () => {
    expect(await exported('--file', 'audit.jsonl')).toEqual(
      [...lines, ...next].map((line) => JSON.parse(line)),
    )
  })

  it('writes those of a store in the same shape', async () => {
    const [, first] = await exported('--store', 'sqlite:audit.db')
    expect(first).toEqual({
      time: '1970-01-01T00:00:01.000Z', seq: 1, kind: 'execution', requestId: 'r1', principal: { id: 'ada', kind: 'user', tenant: 'x' }, server: 's',
      effective: false, durationMs: 1.5, passes: [{ point: 'tool_pre_invoke', entries: ['guard'] }], era: 'modern',
      chain: expect.any(String), n: 2, hash: expect.any(String),
    }) // biome-ignore format: side by side with what it was
  })

  it.each<[string[], number]>([
    [['--kind', 'refusal'], 1],
    [['--principal', 'ada'], 1],
    [['--tenant', 'x'], 1],
    [['--tenant', 'y'], 0],
    [['--request-id', 'r2'], 1],
    [['--code', 'NO', '--principal', 'ada'], 0],
    [['--to', '1970-01-01T00:00:02Z'], 1],
    [['--from', '1970-01-01T00:00:02Z', '--to', '1970-01-02'], 1],
  ])('of a store takes what answers %j', async (argv, count) => {
    expect(await exported('--store', 'sqlite:audit.db', ...argv)).toHaveLength(count)
  })

  it('of files takes the same questions', async () => {
    expect(await exported('--file', 'audit.jsonl', '--kind', 'refusal')).toHaveLength(4)
    expect(
      await exported(
        '--file',
        'audit.jsonl',
        '--kind',
        'refusal',
        '--from',
        '2023-11-14T22:13:20.002Z',
      ),
    ).toHaveLength(2)
    expect(
      (await cli(['audit', 'export', '--file', 'audit.jsonl', '--from', 'noon'], { cwd })).exit,
    ).toBe(2)
  })
})

it('a file that is being written ends in the middle of a line, and that is no edit', async () => {
  const cwd = folderWith(lines)
  writeFileSync(join(cwd, 'audit.jsonl'), '{"time":', { flag: 'a' })
  const { exit, out } = await cli(['audit', 'verify', '--file', 'audit.jsonl'], {
    cwd,
    tty: true,
    env: { NO_COLOR: '1' },
  })
  expect([exit, out]).toEqual([
    0,
    expect.stringContaining('audit.jsonl:5 was being written when its process ended'),
  ])
})
