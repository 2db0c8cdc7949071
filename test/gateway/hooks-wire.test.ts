// docs/pipeline.md section 3, "what was inspected is what is sent": compared byte for byte with what a recording server received.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { patch } from '../../src/plugin.ts'
import { modernRequest, rpc } from '../support/rpc.ts'
import { connect, ERAS, type Peer, textOf } from './peers.ts'
import { echo, type Recorder, startRecorder } from './recorder.ts'
import { type CodeEntry, runGateway, type Started, server } from './running.ts'

const RESULT =
  '{"result":{"content":[{"type":"text","text":"\\u00e9 and é","annotations":{"priority":0.10}}],"x-unknown" : [1.50,12345678901234567890] ,"resultType":"complete","_meta":{"vendor":{"a":1}}} , "jsonrpc":"2.0","id":"$id"}'

let recorder: Recorder
let gateway: Started
let patched: CodeEntry

beforeAll(async () => {
  recorder = await startRecorder({
    tools: ['echo', 'odd', 'renamed'],
    call: (received, answers) =>
      received.message.params?.name === 'odd' ? answers.raw(RESULT) : echo(received, answers),
  })
  // reads the arguments of `renamed` and `patched` calls only
  patched = {
    name: 'patches',
    hooks: {
      tool_pre_invoke: ({ name, exposedName, arguments: args }) => {
        if (name === 'renamed') return patch({ name: 'echo' })
        if (exposedName === 'rec__echo' && args?.read !== undefined) return void args.big
        return args?.patch === undefined ? undefined : patch({ arguments: { ...args, patch: 2 } })
      },
      tool_post_invoke: ({ result, exposedName }) =>
        exposedName === 'rec__odd' && result?.content[0]?.text === 'never'
          ? patch({ isError: true })
          : undefined,
    },
  }
  gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [patched])
})
afterAll(async () => {
  await gateway?.stop({ now: true })
  await recorder?.close()
})

const sent = () => recorder.calls('tools/call').at(-1)?.raw ?? ''

describe.each(ERAS)('in the %s era', (era) => {
  let peer: Peer
  beforeAll(async () => {
    peer = await connect(era, gateway.url)
  })

  /** Posts bytes as they are; `META` stands for what the era needs in `_meta`. */
  async function post(raw: string, name = 'rec__echo') {
    const made = modernRequest('tools/call', { name })
    const meta = JSON.stringify(made.body.params?._meta)
    const headers = era === 'modern' ? made.headers : peer.headers
    return rpc(gateway.url, raw.replace('META', era === 'modern' ? meta : '{}'), headers)
  }

  it('only id and name change on the way: all other bytes are the client’s own', async () => {
    const body = (id: string, name: string) =>
      `{ "params" : {"_meta":META,"x-unknown":{"B":1,"a":[1.0,2e3]} , "arguments":{"n":1.50,"u":"\\u00e9é","big":12345678901234567890},"name":${name}},\n "method":"tools/call","x":null ,"id":${id},"jsonrpc":"2.0"}`
    const answer = await post(body('"own id"', '"rec__echo"'))
    expect(answer.status, answer.text).toBe(200)
    const meta = /"_meta":(\{.*?\}),"x-unknown"/.exec(sent())?.[1] ?? ''
    const id = /"id":(\d+)/.exec(sent())?.[1] ?? ''
    expect(sent()).toBe(body(id, '"echo"').replace('META', meta))
    if (era === 'legacy') expect(meta).toBe('{}')
    expect(answer.response?.id).toBe('own id')
  })

  it('unknown members of a result survive, and its bytes are the server’s but for the id', async () => {
    const answer = await peer.request('tools/call', { name: 'rec__odd' }, { id: 'mine' })
    expect(answer.text).toBe(RESULT.replace('"$id"', '"mine"'))
  })

  it('a patch changes the patched field and nothing else', async () => {
    const raw =
      '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"rec__echo","_meta":META,"arguments":{"patch":1},"x-unknown":1.50}}'
    await post(raw)
    expect(sent()).toContain('"arguments":{"patch":2},"x-unknown":1.50}}')
  })

  it('a rename changes name in the body, and the headers say the new one', async () => {
    await peer.call('rec__renamed', { a: 1 })
    const received = recorder.calls('tools/call').at(-1)
    expect(received?.message.params?.name).toBe('echo')
    if (era === 'modern') expect(received?.headers['mcp-name']).toBe('echo')
  })

  it.each([
    [
      'in the envelope',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping","params":{"name":"rec__echo","_meta":META}}',
    ],
    [
      'in params',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rec__echo","name":"x","_meta":META}}',
    ],
    [
      'deep in arguments',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rec__echo","_meta":META,"arguments":{"a":[{"b":1,"b":2}]}}}',
    ],
    [
      'spelled with an escape',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rec__echo","_meta":META,"arguments":{"a":1,"\\u0061":2}}}',
    ],
  ])(
    'duplicate members %s are refused with -32700 and never reach the server',
    async (_where, raw) => {
      const before = recorder.calls('tools/call').length
      const answer = await post(raw)
      expect([answer.status, answer.response?.error?.code]).toEqual([400, -32700])
      expect(answer.response?.error?.data?.code).toBe('WIRE_DUPLICATE_MEMBER')
      expect(recorder.calls('tools/call').length).toBe(before)
    },
  )

  it.each([
    [
      'of the envelope',
      '{"jsonrpc":"2.0","id":1,"Method":"ping","method":"tools/call","params":{"name":"rec__echo","_meta":META}}',
    ],
    [
      'of params',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rec__echo","Name":"x","_meta":META}}',
    ],
    [
      'of params, by a long s',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rec__echo","argument\u017f":{},"_meta":META}}',
    ],
  ])('case variants %s are refused with -32700', async (_where, raw) => {
    const answer = await post(raw)
    expect([answer.status, answer.response?.error?.code]).toEqual([400, -32700])
    expect(answer.response?.error?.data?.code).toBe('WIRE_CASE_VARIANT')
  })

  it('inside arguments case variants are data', async () => {
    const response = await peer.call('rec__echo', { name: 1, Name: 2, NAME: 3 })
    expect(JSON.parse(textOf(response))).toEqual({ name: 1, Name: 2, NAME: 3 })
  })

  it('an integer beyond 2^53 that a plugin reads is refused at that point; unread it keeps its digits', async () => {
    const raw = (args: string) =>
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rec__echo","_meta":META,"arguments":${args}}}`
    const before = recorder.calls('tools/call').length
    const refused = await post(raw('{"read":1,"big":9007199254740993}'))
    expect(refused.response?.error).toMatchObject({ code: -32603, data: { code: 'NUMBER_UNSAFE' } })
    expect(recorder.calls('tools/call').length).toBe(before)
    await post(raw('{"big":9007199254740993}'))
    expect(sent()).toContain('"arguments":{"big":9007199254740993}')
  })

  it('the client’s Authorization, cookies and session never reach the server', async () => {
    const secrets = {
      authorization: 'Bearer client-token-123456',
      cookie: 'sid=client-cookie',
      'proxy-authorization': 'Basic Y2xpZW50',
      'x-api-key': 'client-key',
      'x-forwarded-for': '10.1.2.3',
    }
    await peer.request('tools/call', { name: 'rec__echo' }, { headers: secrets })
    const { headers = {} } = recorder.calls('tools/call').at(-1) ?? {}
    const text = JSON.stringify(headers)
    for (const secret of Object.values(secrets)) expect(text).not.toContain(secret)
    if (era === 'legacy') expect(text).not.toContain(peer.headers['mcp-session-id'])
    expect(gateway.logged()).not.toMatch(/client-token-123456|client-cookie|client-key/)
  })

  it('progress carries the client’s own token back, and the server sees another', async () => {
    const { messages } = await progressOf(peer)
    expect(messages.map(({ params }) => params?.progressToken)).toEqual(['mine', undefined])
  })

  async function progressOf(from: Peer) {
    await using rec = await startRecorder({
      tools: ['work'],
      call: ({ message }, answers) => {
        const token = (message.params?._meta as { progressToken?: unknown } | undefined)
          ?.progressToken
        const progress = {
          method: 'notifications/progress',
          params: { progressToken: token, progress: 1 },
        }
        const result = { content: [], ...(from.era === 'modern' ? { resultType: 'complete' } : {}) }
        answers.events([progress, { id: message.id, result }])
      },
    })
    await using other = await runGateway({ servers: [server('rec', rec.url)] })
    const peerThere = await connect(from.era, other.url)
    const answer = await peerThere.request('tools/call', {
      name: 'rec__work',
      _meta: { progressToken: 'mine' },
    })
    const there = rec.calls('tools/call').at(-1)?.message.params?._meta as {
      progressToken: unknown
    }
    expect(there.progressToken).toBeDefined()
    expect(there.progressToken).not.toBe('mine')
    return answer
  }
})
