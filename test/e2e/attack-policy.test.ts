// Guards and redactions that another spelling, a rename, a kept verdict or a crowd could pass by.
import { describe, expect, it } from 'vitest'
import { ANONYMOUS } from '../../src/engine/context.ts'
import { abnormality } from '../../src/gateway/catalog/uri-form.ts'
import { createClientLabels } from '../../src/gateway/session.ts'
import { deny, patch } from '../../src/plugin.ts'
import { connect, ERAS, textOf } from '../gateway/peers.ts'
import { startRecorder } from '../gateway/recorder.ts'
import { type CodeEntry, runGateway, server } from '../gateway/running.ts'

describe('a header that repeats an argument', () => {
  const inputSchema = {
    type: 'object',
    properties: { note: { type: 'string', 'x-mcp-header': 'Note' } },
  }
  const call = { arguments: { note: 'my-secret', other: 'my-secret' } }
  const headers = { 'mcp-param-note': 'my-secret', 'mcp-param-other': 'my-secret' }

  it.each([
    ['the arguments', { arguments: { note: 'clean' } }],
    ['the tool', { name: 'plain' }],
    ['both', { name: 'plain', arguments: {} }],
  ])('goes with the old value when a policy changed %s', async (_what, fields) => {
    await using recorder = await startRecorder({
      tools: [
        { name: 'noted', inputSchema },
        { name: 'plain', inputSchema: { type: 'object' } },
      ],
    })
    const redact: CodeEntry = {
      name: 'redact',
      hooks: { tool_pre_invoke: ({ name }) => (name === 'noted' ? patch(fields) : undefined) },
    }
    await using gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [redact])
    const peer = await connect('modern', gateway.url)
    const answer = await peer.request('tools/call', { name: 'rec__noted', ...call }, { headers })
    expect(answer.response?.result?.content).toBeDefined()
    const sent = recorder.calls('tools/call').at(-1)?.headers ?? {}
    const note = 'name' in fields ? undefined : 'clean'
    expect(sent['mcp-param-note']).toBe(note)
    expect(sent['mcp-param-other']).toBeUndefined()
  })
})

describe('a URI that no server lists is refused in a spelling that a condition would not know', () => {
  it.each([
    'file://localhost/etc/passwd',
    'file:/etc/passwd',
    'file:etc/passwd',
    'file://HOST/etc/passwd',
    'file:///srv/..%2Fetc/passwd',
    'file:///srv/%2E%2E/etc/passwd',
    'file:///srv/..%5Cetc',
    'file:///srv%2Fsecret',
    'file:///srv/?/../../etc/passwd',
    'file:///srv/#/../../etc/passwd',
    'file:///etc/passwd%00.txt',
    'file:///srv/%c3%bc',
    'https://EXAMPLE.com/x',
    'https://example.com:443/x',
    'http://example.com:80/x',
    'https://user@example.com/x',
    'https://example.com/a/..%2Fb',
  ])('%s', (uri) => {
    expect(abnormality(uri)).toBeDefined()
  })

  it.each([
    'file:///etc/passwd',
    'file://host/share/a',
    'https://example.com:8443/a%2Fb?c=d:80',
    'demo://Resource/Static/1',
    'note://über',
  ])('but %s is taken', (uri) => {
    expect(abnormality(uri)).toBeUndefined()
  })
})

describe('labels', () => {
  it('given at session_pre_open hold for later modern requests, whose opening is not asked again', async () => {
    await using recorder = await startRecorder()
    let openings = 0
    const entries: CodeEntry[] = [
      {
        name: 'label',
        hooks: {
          session_pre_open(_payload, context) {
            openings++
            context.addLabel('untrusted')
          },
        },
      },
      {
        name: 'guard',
        mode: 'guard',
        more: { conditions: [{ labels: ['untrusted'] }] },
        hooks: { tool_pre_invoke: () => deny({ code: 'UNTRUSTED', reason: 'untrusted' }) },
      },
    ]
    await using gateway = await runGateway({ servers: [server('rec', recorder.url)] }, entries)
    const peer = await connect('modern', gateway.url)
    for (let i = 0; i < 3; i++) expect(textOf(await peer.call('rec__echo'))).toContain('UNTRUSTED')
    expect(openings).toBe(1)
    expect(recorder.calls('tools/call')).toHaveLength(0)
  })

  it('of a client are not pushed out by a crowd of clients that have none', () => {
    const labelsOf = createClientLabels(() => 0)
    labelsOf(ANONYMOUS, { name: 'tainted', version: '1' }).add('secret')
    for (let i = 0; i < 5000; i++)
      expect(labelsOf(ANONYMOUS, { name: `crowd ${i}`, version: '' }).values.size).toBe(0)
    expect([...labelsOf(ANONYMOUS, { name: 'tainted', version: '1' }).values]).toEqual(['secret'])
  })

  it('of two requests at once of a client that had none are both kept', () => {
    const labelsOf = createClientLabels(() => 0)
    const client = { name: 'twice', version: '1' }
    const [first, second] = [labelsOf(ANONYMOUS, client), labelsOf(ANONYMOUS, client)]
    first.add('a')
    second.add('b')
    expect([...first.values]).toEqual(['a', 'b'])
  })
})

it.each(ERAS)('a rename is seen by the guards under the new name, in the %s era', async (era) => {
  await using recorder = await startRecorder({ tools: ['safe', 'delete_all'] })
  const entries: CodeEntry[] = [
    { name: 'rename', hooks: { tool_pre_invoke: () => patch({ name: 'delete_all' }) } },
    {
      name: 'guard',
      mode: 'guard',
      more: { conditions: [{ tools: ['delete_*'] }] },
      hooks: { tool_pre_invoke: () => deny({ code: 'DELETES', reason: 'deletes' }) },
    },
  ]
  await using gateway = await runGateway({ servers: [server('rec', recorder.url)] }, entries)
  const peer = await connect(era, gateway.url)
  expect(textOf(await peer.call('rec__safe'))).toContain('DELETES')
  expect(recorder.calls('tools/call')).toHaveLength(0)
})
