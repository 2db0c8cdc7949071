// The audit of a real process that is killed in the middle of its work: what it had written is whole, and its successor says so.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { cli } from '../cli/shell.ts'
import { connect } from '../gateway/peers.ts'
import { echo, startRecorder } from '../gateway/recorder.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { bin, node, nodeFlags } from '../support/paths.ts'
import { type RunningProcess, startProcess } from '../support/process.ts'

const configOf = (url: string) => `
version: 1
listen: { port: 0 }
admin: { port: 0 }
servers: [{ name: rec, url: '${url}' }]
audit:
  sinks: [{ type: file, path: ./audit.jsonl, max_size: 64KiB }, { type: store }, { type: stdout }]
  sign: { key_file: ./audit.key }
`

const start = (cwd: string, more: string[] = []): Promise<RunningProcess> =>
  startProcess(node, [...nodeFlags, bin, 'start', '--config', 'gateway.yaml', ...more], {
    cwd,
    until: /"event":"ready","url":"([^"]+)"/,
    timeout: 30_000,
  })

async function calls(url: string, count: number): Promise<void> {
  const client = await connect('modern', url)
  for (let i = 0; i < count; i++) await client.call('rec__echo', { i })
}

const PLACES = [
  ['--file', 'audit.jsonl'],
  ['--store', 'sqlite:data/portcullis.db'],
]

async function verdicts(cwd: string) {
  const verdict = (place: string[]) =>
    cli(['audit', 'verify', ...place, '--key', 'audit.key.pub'], { cwd })
  return Promise.all(PLACES.map(verdict))
}

describe('a gateway that is killed', () => {
  it('leaves chains that are whole as far as they go, and its successor begins where they end', async () => {
    await using recorder = await startRecorder({ tools: ['echo'], call: echo })
    await using directory = await temporaryDirectory({ 'gateway.yaml': configOf(recorder.url) })
    const cwd = directory.path
    await cli(['audit', 'keygen', 'audit.key'], { cwd })
    for (let round = 0; round < 2; round++) {
      const gateway = await start(cwd)
      await calls(gateway.match[1] as string, 30)
      // of its own chain, in both places: what the round before wrote is there already
      await vi.waitFor(
        async () => {
          for (const { json } of await verdicts(cwd)) {
            expect(json.chains).toHaveLength(round + 1)
            expect(json.chains.at(-1).to).toBeGreaterThan(30)
          }
        },
        { timeout: 10_000, interval: 100 },
      )
      void calls(gateway.match[1] as string, 30).catch(() => {})
      gateway.child.kill('SIGKILL')
      await gateway.exited
    }
    for (const { exit, json } of await verdicts(cwd)) {
      expect(json.problems).toEqual([])
      expect([exit, json.chains.length]).toEqual([0, 2])
      for (const { signed } of json.chains) expect(signed).toBeGreaterThan(0)
    }
    // what a disk may leave of a last line is no edit, and no edit either when the next process has begun
    appendFileSync(`${cwd}/audit.jsonl`, '{"time":"2026-11-28T')
    expect((await verdicts(cwd))[0]).toMatchObject({ exit: 0, json: { torn: expect.any(String) } })
    const last = await start(cwd)
    await calls(last.match[1] as string, 1)
    last.child.kill('SIGTERM')
    expect((await last.exited).code).toBe(0)
    for (const { exit, json } of await verdicts(cwd)) {
      expect([exit, json.chains.length, json.problems]).toEqual([0, 3, []])
      const { to, signed } = json.chains.at(-1)
      expect(signed).toBe(to - 1)
    }
    const before = readFileSync(`${cwd}/audit.jsonl`, 'utf8')
    writeFileSync(`${cwd}/audit.jsonl`, before.replace('"outcome":"ok"', '"outcome":"no"'))
    expect((await verdicts(cwd))[0]?.exit).toBe(1)
  }, 60_000)

  it('has written records on stdout as lines of a chain, beside its own first line', async () => {
    await using recorder = await startRecorder({ tools: ['echo'], call: echo })
    await using directory = await temporaryDirectory({ 'gateway.yaml': configOf(recorder.url) })
    await cli(['audit', 'keygen', 'audit.key'], { cwd: directory.path })
    await using gateway = await start(directory.path)
    await calls(gateway.match[1] as string, 1)
    const [, line = ''] = await gateway.line(/^(\{"time":.*"method":"tools\/call".*)$/)
    expect(JSON.parse(line)).toMatchObject({
      kind: 'execution',
      server: 'rec',
      n: expect.any(Number),
    })
  }, 60_000)
})
