// A redactor that rewrites all it may: nothing of what a server says leaves beside it, in whatever shape the server says it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { patch } from '../../src/plugin.ts'
import { connect, ERAS } from '../gateway/peers.ts'
import { type Answers, type Recorder, startRecorder } from '../gateway/recorder.ts'
import { type CodeEntry, runGateway, type Started, server } from '../gateway/running.ts'

const GONE = { error: { message: 'gone', data: null } }

const redact: CodeEntry = {
  name: 'redact',
  redacts: true,
  hooks: {
    tool_post_invoke: ({ error }) =>
      patch(error ? GONE : { content: [], structuredContent: null, _meta: {} }),
    prompt_post_fetch: ({ error }) => patch(error ? GONE : { messages: [], description: '' }),
    resource_post_fetch: ({ error }) => patch(error ? GONE : { contents: [] }),
  },
}

const OPERATIONS = [
  ['tools/call', { name: 'rec__echo' }, { content: [{ type: 'text', text: 'SECRET' }] }],
  [
    'prompts/get',
    { name: 'rec__ask' },
    {
      messages: [{ role: 'user', content: { type: 'text', text: 'SECRET' } }],
      description: 'SECRET',
    },
  ],
  ['resources/read', { uri: 'x://y' }, { contents: [{ uri: 'x://y', text: 'SECRET' }] }],
] as const

type Reply = (answers: Answers, result: object) => void

const raw = (body: string, status?: number): Reply => {
  return (answers) => answers.raw(`{"jsonrpc":"2.0",${body}}`, status)
}

const REPLIES: Record<string, Reply> = {
  'a result': (answers, result) => answers.result(result),
  'a result that says it is an error': (answers, result) =>
    answers.result({ ...result, isError: true }),
  'a result with a stray member of the envelope': (answers, result) =>
    answers.raw(
      `{"stray":"SECRET","jsonrpc":"2.0","id":"$id","result":${JSON.stringify({ ...result, resultType: 'complete' })},"SECRET":1}`,
    ),
  'an error': (answers) =>
    answers.error({ code: -32000, message: 'SECRET', data: { why: 'SECRET' } }),
  'an error with stray members': raw(
    '"id":"$id","error":{"code":1,"stray":"SECRET","message":"SECRET","data":1},"more":"SECRET"',
  ),
  'an error with status 400': raw('"id":"$id","error":{"code":1,"message":"SECRET"}', 400),
  'an error without an id': raw('"error":{"code":1,"message":"SECRET"}', 400),
  'an error page': raw('"SECRET":1', 500),
  'no page': raw('"SECRET":1', 404),
  'a result of another shape': (answers) => answers.result({ nothing: 'SECRET' }),
  'a result that asks for more': (answers, result) =>
    answers.result({ ...result, resultType: 'input_required', asks: 'SECRET' }),
  'a text for a result': raw('"id":"$id","result":"SECRET"'),
  'half a message': raw('"id":"$id","result":{"SECRET'),
}

let reply: (answers: Answers) => void = () => {}
let recorder: Recorder
let gateway: Started

beforeAll(async () => {
  recorder = await startRecorder({
    capabilities: { tools: {}, prompts: {}, resources: {} },
    list(method) {
      if (method === 'prompts/list') return { prompts: [{ name: 'ask' }] }
      return method === 'resources/list' ? { resources: [{ uri: 'x://y', name: 'y' }] } : undefined
    },
    call: (_received, answers) => reply(answers),
  })
  gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [redact])
})
afterAll(async () => {
  await gateway?.stop({ now: true })
  await recorder?.close()
})

describe.each(ERAS)('in the %s era', (era) => {
  describe.each(OPERATIONS)('the redacted answer to %s', (method, params, result) => {
    it.each(Object.keys(REPLIES))('holds nothing of %s', async (shape) => {
      reply = (answers) => REPLIES[shape]?.(answers, result)
      const peer = await connect(era, gateway.url)
      const before = recorder.calls(method).length
      const answer = await peer.request(method, params)
      // a 404 means a lost session, and the call is sent again
      expect(recorder.calls(method).length).toBeGreaterThan(before)
      expect(answer.response?.id).toBe(1)
      expect(answer.text).not.toContain('SECRET')
      expect(gateway.logged()).not.toContain('SECRET')
    })
  })
})
