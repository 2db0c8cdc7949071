// The audit in the store as an operator configures it: what a call leaves there, and what happens when it cannot be had.
import { existsSync, mkdirSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { deny } from '../../src/plugin.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { connect } from './peers.ts'
import { echo, type Recorder, startRecorder } from './recorder.ts'
import { type CodeEntry, runGateway, server } from './running.ts'

let directory: TemporaryDirectory
let recorder: Recorder

beforeEach(async () => {
  directory = await temporaryDirectory()
  recorder = await startRecorder({ tools: ['echo', 'drop'], call: echo })
})
afterEach(async () => {
  await recorder.close()
  await directory[Symbol.asyncDispose]()
})

const sinks = { audit: { sinks: [{ type: 'store' }] } }
const fileOf = () => `${directory.path}/data/portcullis.db`
const stored = () => ({ ...sinks, store: { url: `sqlite:${fileOf()}` } })

function rows(sql: string): Record<string, unknown>[] {
  const db = new DatabaseSync(fileOf(), { readOnly: true })
  try {
    return db.prepare(sql).all()
  } finally {
    db.close()
  }
}

const noDrops: CodeEntry = {
  name: 'no-drops',
  hooks: {
    tool_pre_invoke: ({ name }) =>
      name === 'drop' ? deny({ code: 'DROP', reason: 'no' }) : undefined,
  },
}

it('keeps one row for a request with its passes, and one for a refusal, within a quarter of a second', async () => {
  await using gateway = await runGateway({ servers: [server('rec', recorder.url)], ...stored() }, [
    noDrops,
  ])
  const client = await connect('modern', gateway.url)
  await client.call('rec__echo')
  await client.call('rec__drop')
  const calls = () =>
    rows(
      `SELECT kind, server, method, target, entry, code, outcome,
         (SELECT entries->>0 FROM audit_passes p WHERE p.run = r.run AND p.id = r.passes->>0) AS passed
       FROM audit_records r WHERE method = 'tools/call' ORDER BY id`,
    )
  await expect.poll(() => calls().length, { timeout: 1000, interval: 50 }).toBe(3)
  const call = { server: 'rec', method: 'tools/call' }
  expect(calls()).toEqual([
    {
      ...call,
      target: 'echo',
      kind: 'execution',
      entry: null,
      code: null,
      outcome: 'ok',
      passed: 'no-drops',
    },
    {
      ...call,
      target: 'drop',
      kind: 'refusal',
      entry: 'no-drops',
      code: 'DROP',
      outcome: null,
      passed: null,
    },
    {
      ...call,
      target: 'drop',
      kind: 'execution',
      entry: null,
      code: 'DROP',
      outcome: 'denied',
      passed: null,
    },
  ])
})

it('opens no store that nothing is kept in', async () => {
  await using gateway = await runGateway({ store: { url: `sqlite:${fileOf()}` } })
  expect([existsSync(fileOf()), gateway.gateway.readiness().audit]).toEqual([false, 'ok'])
})

it('does not start without the store it was told to keep records in', async () => {
  mkdirSync(fileOf(), { recursive: true })
  await expect(runGateway(stored())).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('it is not a regular file; set store.url to another path'),
  })
})

it('is beside the configuration file when its path is relative', async () => {
  const file = await directory.write(
    'gateway.yaml',
    'version: 1\nlisten: { port: 0 }\nadmin: { port: 0 }\naudit: { sinks: [{ type: store }] }\n',
  )
  await using gateway = await runGateway({}, [], { configFile: file })
  expect(gateway.gateway.state().loaded.config.store.url).toBe(`sqlite:${fileOf()}`)
  expect(rows('SELECT count(*) AS runs FROM audit_runs')).toEqual([{ runs: 1 }])
})

it('tells at /readyz and in the metrics when it cannot write, and heals', async () => {
  await using gateway = await runGateway(stored())
  const other = new DatabaseSync(fileOf())
  other.exec('BEGIN IMMEDIATE')
  await (await connect('modern', gateway.url)).request('tools/list')
  const audit = async () => {
    const answer = await fetch(`${gateway.adminUrl}/readyz`)
    return ((await answer.json()) as { audit: string }).audit
  }
  await expect.poll(audit, { timeout: 5000 }).toBe('records cannot be written')
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
  expect(metrics).toContain('portcullis_audit_dropped_total{sink="store"} 0')
  other.exec('COMMIT')
  other.close()
  await expect.poll(audit, { timeout: 5000 }).toBe('ok')
})
