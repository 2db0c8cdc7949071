// The audit of a gateway as an operator configures it: what its records say, what they hide, and where they may go.
import { existsSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AuditRecord } from '../../src/audit/record.ts'
import { deny } from '../../src/plugin.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { startStdio } from '../support/stdio.ts'
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

const noDrops: CodeEntry = {
  name: 'no-drops',
  hooks: {
    tool_pre_invoke: ({ name }) =>
      name === 'drop' ? deny({ code: 'DROP', reason: 'no' }) : undefined,
  },
}

/** What stands in the file after one call of each tool. */
async function recorded(audit: object): Promise<AuditRecord[]> {
  const path = `${directory.path}/audit.jsonl`
  {
    await using gateway = await runGateway(
      {
        servers: [server('rec', recorder.url)],
        audit: { sinks: [{ type: 'file', path }], ...audit },
      },
      [noDrops],
    )
    const client = await connect('modern', gateway.url)
    await client.call('rec__echo', {
      text: 'hello',
      ssn: '123-45',
      customer: { name: 'Ada', city: 'London' },
      items: [{ price: 5, sku: 'x' }],
      token: 't0',
    })
    await client.call('rec__drop', {})
  }
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

const call = (records: readonly AuditRecord[]) =>
  records.find(({ kind, target }) => kind === 'execution' && target === 'echo')

describe('a record', () => {
  it('says under which configuration, and by which version of which entry, it was decided', async () => {
    const records = await recorded({})
    const of = (kind: string) =>
      records.find((each) => each.kind === kind && each.target === 'drop')
    expect(of('execution')?.digest).toMatch(/^[0-9a-f]{32}$/)
    expect(of('refusal')).toMatchObject({
      digest: of('execution')?.digest,
      entry: 'no-drops',
      policy: expect.stringMatching(/^[0-9a-f]{32}$/),
    })
    expect(of('execution')?.policy).toBeUndefined()
  })

  it('has no arguments unless it is asked for them', async () => {
    const records = await recorded({})
    expect(call(records)).toBeDefined()
    expect(JSON.stringify(records)).not.toMatch(/hello|London|"arguments"/)
  })

  it('has the names of arguments', async () => {
    const records = await recorded({ arguments: 'names' })
    expect(call(records)?.arguments).toEqual(['text', 'ssn', 'customer', 'items', 'token'])
    expect(JSON.stringify(records)).not.toMatch(/hello|London/)
  })

  it('has arguments without what the rules hide, wherever a name stands and where a path leads', async () => {
    const records = await recorded({
      arguments: 'redacted',
      redact: ['SSN', 'customer.name', 'items.*.price'],
    })
    expect(call(records)?.arguments).toEqual({
      text: 'hello',
      ssn: '[redacted]',
      customer: { name: '[redacted]', city: 'London' },
      items: [{ price: '[redacted]', sku: 'x' }],
      token: '[redacted]',
    })
  })
})

it('a key that cannot sign keeps the gateway from starting, and is not shown', async () => {
  const audit = { sinks: [{ type: 'file', path: `${directory.path}/a.jsonl` }] }
  const started = runGateway({ audit: { ...audit, sign: { key: 'hunter2' } } })
  const error = await started.then(
    () => undefined,
    (reason: Error & { code: string }) => reason,
  )
  expect([error?.code, error?.message]).toEqual([
    'CONFIG_INVALID',
    expect.stringMatching(/^audit\.sign: /),
  ])
  expect(error?.message).not.toContain('hunter2')
  expect(existsSync(`${directory.path}/a.jsonl`)).toBe(false)
})

it('a gateway whose stdout carries the protocol does not start with records on it', async () => {
  await directory.write('gateway.yaml', 'version: 1\naudit: { sinks: [{ type: stdout }] }\n')
  await using stdio = startStdio(['--config', `${directory.path}/gateway.yaml`])
  expect(await stdio.exited).toEqual({ code: 78, signal: null })
  expect(stdio.log()).toContain('stdout carries MCP; use file, store or log')
})
