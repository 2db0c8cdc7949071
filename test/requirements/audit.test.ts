// Sentences of docs/pipeline.md sections 5 and 6 about what is recorded: verdicts that count, verdicts that would have, and every fail-open.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, deny, type HandlerAt, patch, respond } from '../../src/plugin.ts'
import { connect, textOf } from '../gateway/peers.ts'
import { type Recorder, startRecorder } from '../gateway/recorder.ts'
import { type CodeEntry, runGateway, type Started, server } from '../gateway/running.ts'

let recorder: Recorder
beforeAll(async () => {
  recorder = await startRecorder()
})
afterAll(() => recorder?.close())

const entry = (
  name: string,
  mode: string,
  tool_pre_invoke: HandlerAt<'tool_pre_invoke'>,
  more: Record<string, unknown> = {},
): CodeEntry => ({ name, mode, hooks: { tool_pre_invoke }, more })

const no = () => deny({ code: 'NO', reason: 'no' })
const broken = (): never => {
  throw new Error('broken')
}

async function recorded(entries: readonly CodeEntry[]): Promise<{ text: string; audit: object[] }> {
  await using gateway = await runGateway({ servers: [server('rec', recorder.url)] }, entries)
  const text = textOf(await (await connect('modern', gateway.url)).call('rec__echo', { a: 1 }))
  await gateway.observed()
  return { text, audit: auditOf(gateway) }
}

const auditOf = ({ lines }: Started): object[] =>
  lines.flatMap(({ fields: { audit } }) =>
    audit && (audit as { point?: string }).point === 'tool_pre_invoke' ? [audit as object] : [],
  )

describe('the audit', () => {
  it('has every verdict that counts, with its entry, mode and request', async () => {
    const { text, audit } = await recorded([
      entry('patches', 'enforce', () => patch({ arguments: { b: 2 } })),
      entry('denies', 'guard', no),
    ])
    expect(text).toContain('NO')
    expect(audit).toMatchObject([
      {
        kind: 'patch',
        entry: 'patches',
        mode: 'enforce',
        effective: true,
        changed: expect.any(Array),
      },
      {
        kind: 'refusal',
        entry: 'denies',
        mode: 'guard',
        effective: true,
        code: 'NO',
        reason: 'no',
      },
    ])
    expect(JSON.stringify(audit)).not.toContain('"b":2')
    expect(new Set(audit.map((each) => (each as { requestId: string }).requestId)).size).toBe(1)
  })

  it('has what permissive and audit entries would have done', async () => {
    const { text, audit } = await recorded([
      entry('soft', 'permissive', no),
      entry('answers', 'permissive', () => respond({ content: [] })),
      entry('asks', 'permissive', () => ask({ message: 'sure?' })),
      entry('watches', 'audit', no),
      entry('proposes', 'audit', () => patch({ arguments: { b: 2 } })),
      entry('looks', 'background', no),
    ])
    expect(text).toBe('{"a":1}')
    expect(audit).toMatchObject([
      { kind: 'would_deny', entry: 'soft', effective: false, code: 'NO' },
      { kind: 'respond', entry: 'answers', effective: false },
      { kind: 'ask', entry: 'asks', effective: false },
      { kind: 'would_deny', entry: 'watches', effective: false, code: 'NO' },
      { kind: 'patch', entry: 'proposes', effective: false },
    ])
  })

  it('has every fail-open, and every fault that failed closed', async () => {
    const open = await recorded([entry('loose', 'enforce', broken, { on_error: 'ignore' })])
    expect(open.text).toBe('{"a":1}')
    expect(open.audit).toMatchObject([
      { kind: 'failed_open', entry: 'loose', code: 'PLUGIN_THREW' },
    ])
    const shut = await recorded([entry('strict', 'enforce', broken)])
    expect(shut.audit).toMatchObject([{ kind: 'fault', entry: 'strict', code: 'PLUGIN_THREW' }])
  })

  it('has faults of observers, which took no call down', async () => {
    const { text, audit } = await recorded([entry('watches', 'audit', broken)])
    expect(text).toBe('{"a":1}')
    expect(audit).toMatchObject([{ entry: 'watches', code: 'PLUGIN_THREW' }])
  })

  it('has one record of the request that names, point by point, each entry that passed', async () => {
    const twice: CodeEntry = {
      name: 'both',
      hooks: { tool_pre_invoke: () => {}, tool_post_invoke: () => {} },
    }
    await using gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [
      twice,
      entry('guards', 'guard', () => undefined),
      entry('patches', 'enforce', () => patch({ arguments: {} })),
    ])
    await (await connect('modern', gateway.url)).call('rec__echo')
    await gateway.observed()
    const records = gateway.lines.flatMap(({ fields: { audit } }) =>
      (audit as { kind?: string } | undefined)?.kind === 'execution' ? [audit as object] : [],
    )
    expect(records).toMatchObject([
      {
        outcome: 'ok',
        server: 'rec',
        passes: [
          { point: 'tool_pre_invoke', entries: ['both', 'guards'] },
          { point: 'tool_post_invoke', entries: ['both'] },
        ],
      },
    ])
  })
})
