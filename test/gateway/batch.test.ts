// Batches of revision 2025-03-26: where they are taken, how they are answered, and that every element is a call like any other.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/base/json.ts'
import { deny, type Hooks, patch } from '../../src/plugin.ts'
import { initialize, isAnswer, type Line, pipeTo } from '../support/lines.ts'
import { modernRequest, openSession, type RpcMessage, rpc } from '../support/rpc.ts'
import { textOf } from './peers.ts'
import { type Answers, echo, type Recorder, startRecorder } from './recorder.ts'
import { runGateway, type Started, server } from './running.ts'

let recorder: Recorder
let gateway: Started
let held: Answers[]

beforeEach(async () => {
  held = []
  recorder = await startRecorder({
    tools: ['echo', 'hold', 'talk', 'large'],
    call(received, answers) {
      const { id, params } = received.message
      const { name } = params ?? {}
      if (name === 'hold') held.push(answers)
      else if (name === 'large')
        answers.result({ content: [{ type: 'text', text: 'x'.repeat(60_000) }] })
      else if (name === 'talk')
        answers.events([
          {
            method: 'notifications/progress',
            params: { ...(params?._meta as object), progress: 1 },
          },
          { id, result: { content: [] } },
        ])
      else echo(received, answers)
    },
  })
})
afterEach(async () => {
  await gateway?.stop({ now: true })
  await recorder.close()
})

async function start(hooks?: Hooks, config: object = {}) {
  const servers = [server('rec', recorder.url)]
  gateway = await runGateway({ servers, ...config }, hooks ? [{ name: 'mine', hooks }] : [])
}

/** A server that says how long its answers are, which is what lets the gateway pass them on as they come. */
async function startLarge(): Promise<{ url: string } & AsyncDisposable> {
  const results: Readonly<Record<string, object>> = {
    initialize: { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: {} },
    'tools/list': { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] },
    'tools/call': { content: [{ type: 'text', text: 'x'.repeat(300_000) }] },
  }
  const http = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { id, method } = (text === '' ? {} : JSON.parse(text)) as { id?: number; method?: string }
    if (request.method !== 'POST') return void response.writeHead(405).end()
    if (id === undefined) return void response.writeHead(202).end()
    const result = results[method ?? '']
    if (result === undefined) return void response.writeHead(400).end()
    const body = JSON.stringify({ jsonrpc: '2.0', id, result })
    response.setHeader('content-type', 'application/json').setHeader('content-length', body.length)
    response.end(body)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      http.close()
    },
  }
}

const ping = (id: string | number) => ({ jsonrpc: '2.0', id, method: 'ping' })
const call = (id: string | number, name = 'echo', more: object = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: `rec__${name}`, arguments: { id }, ...more },
})
const NOTE = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'none' } }
const codeOf = (message: RpcMessage | undefined) => message?.error?.data?.code

/** A session of the revision that has batches; its clients know no version header. */
async function session(): Promise<Record<string, string>> {
  const { headers } = await openSession(gateway.url, { version: '2025-03-26' })
  return { 'mcp-session-id': headers['mcp-session-id'] ?? '' }
}
const post = async (batch: unknown, headers?: Record<string, string>) =>
  rpc(gateway.url, batch, headers ?? (await session()))

describe('a batch', () => {
  it('is answered with one array, in its order, each by its id', async () => {
    await start()
    const answer = await post([call(2), ping('one'), NOTE, call(3)])
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(JSON.parse(answer.text)).toHaveLength(3)
    expect(answer.messages.map(({ id }) => id)).toEqual([2, 'one', 3])
    expect(answer.messages.map(textOf)).toEqual(['{"id":2}', '', '{"id":3}'])
  })

  it('is taken with the header of its revision and without', async () => {
    await start()
    const headers = await session()
    expect((await post([ping(1)], headers)).status).toBe(200)
    const named = { ...headers, 'mcp-protocol-version': '2025-03-26' }
    expect((await post([ping(1)], named)).status).toBe(200)
  })

  it('of notifications and answers only is taken with 202 and no body', async () => {
    await start()
    const reply = { jsonrpc: '2.0', id: 99, result: {} }
    const answer = await post([NOTE, reply])
    expect([answer.status, answer.text]).toEqual([202, ''])
  })

  it('is answered with events, one for each message, when a server has something to say before', async () => {
    await start()
    const answer = await post([
      call(1, 'talk', { _meta: { progressToken: 'p' } }),
      call(2, 'talk', { _meta: { progressToken: 'q' } }),
    ])
    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    expect(answer.text).not.toContain('[{')
    const said = answer.messages.map(({ method, id, params }) => method ? params?.progressToken : id) // biome-ignore format: one line
    expect(said.toSorted()).toEqual([1, 2, 'p', 'q'])
  })

  it('is answered with events when the client takes nothing else', async () => {
    await start()
    const headers = { ...(await session()), accept: 'text/event-stream' }
    const answer = await post([ping(1), ping(2)], headers)
    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    expect(answer.messages.map(({ id }) => id)).toEqual([1, 2])
  })

  it('with results so large that each would be passed on in pieces is answered whole', async () => {
    await using large = await startLarge()
    gateway = await runGateway({ servers: [server('rec', large.url)] })
    const headers = await session()
    const alone = await post(call(1), headers)
    expect(alone.headers.get('content-length')).toBe(String(alone.text.length))
    const { messages } = await post([call(1), ping(2), call(3)], headers)
    expect(messages.map(({ id }) => id)).toEqual([1, 2, 3])
    expect([messages[0], messages[2]].map((message) => textOf(message).length)).toEqual([
      300_000, 300_000,
    ])
  })

  it('reaches the server byte for byte, element by element', async () => {
    await start()
    const odd = `{ "jsonrpc":"2.0","id":1, "method":"tools\\/call","params":{"name":"rec__echo","arguments":{"n":1.00,"s":"a,]}\\"[{"}} }`
    const answer = await post(`[ ${odd} ,\n${JSON.stringify(ping(2))}]`)
    expect(answer.messages).toHaveLength(2)
    const [sent] = recorder.calls('tools/call')
    expect(sent?.raw).toContain('"arguments":{"n":1.00,"s":"a,]}\\"[{"}} }')
    expect(sent?.raw).toContain('"method":"tools\\/call"')
  })
})

describe('policies', () => {
  it('deny the elements of a batch one by one', async () => {
    await start({
      tool_pre_invoke: ({ arguments: args }) =>
        args?.id === 2 ? deny({ code: 'NO', reason: 'not two' }) : undefined,
    })
    const { messages } = await post([call(1), call(2), call(3)])
    expect(messages.map(textOf)).toEqual([
      '{"id":1}',
      'blocked by policy: not two (NO)',
      '{"id":3}',
    ])
    expect(recorder.calls('tools/call')).toHaveLength(2)
  })

  it('change one element and leave the others as they came', async () => {
    await start({
      tool_pre_invoke: ({ arguments: args }) =>
        args?.id === 2 ? patch({ arguments: { id: 'two' } }) : undefined,
    })
    const { messages } = await post([call(1), call(2)])
    expect(messages.map(textOf)).toEqual(['{"id":1}', '{"id":"two"}'])
  })

  it('see the batch once as a request over HTTP, and each element with an id of its own', async () => {
    const seen: string[] = []
    const ids = new Set<string>()
    await start({
      http_pre_request: ({ method }) => void (method === 'POST' && seen.push('http')),
      tool_pre_invoke: (_, { requestId, labels }) => {
        ids.add(requestId)
        seen.push(`tool ${[...labels].join()}`)
      },
    })
    const headers = await session()
    seen.length = 0
    await post([call(1), call(2), NOTE], headers)
    expect(seen).toEqual(['http', 'tool ', 'tool '])
    expect(ids.size).toBe(2)
  })

  it('that label a request over HTTP label every element of its batch', async () => {
    const labels: string[] = []
    await start({
      http_pre_request: (_, context) => context.addLabel('marked'),
      tool_pre_invoke: (_, context) => void labels.push(...context.labels),
    })
    await post([call(1), call(2)])
    expect(labels).toEqual(['marked', 'marked'])
  })
})

describe('a batch is refused as a whole, and nothing in it is done,', () => {
  const refused = async (batch: unknown, headers?: Record<string, string>) => {
    const { status, response } = await post(batch, headers)
    expect(recorder.calls('tools/call')).toEqual([])
    return [status, response?.error?.code, codeOf(response)]
  }

  it.each(['2024-11-05', '2025-06-18', '2025-11-25'])(
    'in a session of %s, with its header and without',
    async (version) => {
      await start()
      const { headers } = await openSession(gateway.url, { version })
      const { 'mcp-session-id': id = '' } = headers
      for (const sent of [headers, { 'mcp-session-id': id }])
        expect(await refused([call(1)], sent)).toEqual([400, -32600, 'WIRE_BATCH'])
      const other = { ...headers, 'mcp-protocol-version': '2025-03-26' }
      expect(await refused([call(1)], other)).toEqual([400, -32600, 'WIRE_BATCH'])
    },
  )

  it('in the modern era and under the header of another revision', async () => {
    await start()
    const headers = await session()
    for (const version of ['2026-07-28', '2025-11-25', '2025-03-27'])
      expect(await refused([call(1)], { ...headers, 'mcp-protocol-version': version })).toEqual([
        400,
        -32600,
        'WIRE_BATCH',
      ])
  })

  it('without a session, and with an unknown one as every message is', async () => {
    await start()
    expect(await refused([initialize('2025-03-26')], {})).toEqual([400, -32600, 'WIRE_BATCH'])
    expect(await refused([call(1)], { 'mcp-session-id': 'unknown' })).toEqual([
      404,
      -32600,
      'SESSION_UNKNOWN',
    ])
  })

  it.each([
    ['empty', '[]', 'WIRE_INVALID_REQUEST'],
    ['empty but for white space', '[ \n ]', 'WIRE_INVALID_REQUEST'],
    ['with the same id twice', [call(1), ping(2), call(1)], 'WIRE_INVALID_REQUEST'],
    [
      'with more than 32 elements',
      Array.from({ length: 33 }, (_, id) => call(id)),
      'WIRE_INVALID_REQUEST',
    ],
    ['without its end', `[${JSON.stringify(call(1))}`, 'WIRE_PARSE'],
    ['with a comma too many', `[${JSON.stringify(call(1))},]`, 'WIRE_PARSE'],
    [
      'with a duplicate member anywhere',
      `[${JSON.stringify(call(1))},{"a":{"b":1,"b":2}}]`,
      'WIRE_DUPLICATE_MEMBER',
    ],
  ])('%s', async (_what, batch, code) => {
    // biome-ignore format: a table
    await start()
    const [status, , found] = await refused(batch)
    expect([status, found]).toEqual([400, code])
  })
})

describe('an element is refused by itself,', () => {
  it.each([
    ['a number', 1, 'WIRE_INVALID_REQUEST', undefined],
    ['a batch', [ping(5)], 'WIRE_INVALID_REQUEST', undefined],
    ['initialize', { ...initialize('2025-03-26'), id: 5 }, 'WIRE_BATCH', 5],
    ['of the modern era', modernRequest('tools/list', {}, { id: 5 }).body, 'WIRE_BATCH', 5],
    ['of another JSON-RPC', { jsonrpc: '1.0', id: 5, method: 'ping' }, 'WIRE_INVALID_REQUEST', 5],
    [
      'with a null id',
      { jsonrpc: '2.0', id: null, method: 'ping' },
      'WIRE_INVALID_REQUEST',
      undefined,
    ],
    ['in another spelling', { ...ping(5), Params: {} }, 'WIRE_CASE_VARIANT', undefined],
    ['unknown', { ...ping(5), method: 'no/such' }, 'WIRE_METHOD_NOT_FOUND', 5],
  ])('%s, and the others are answered', async (_what, element, code, id) => {
    // biome-ignore format: a table
    await start()
    const { status, messages } = await post([ping(1), element, call(2)])
    expect(status).toBe(200)
    expect(messages.map(codeOf)).toEqual([undefined, code, undefined])
    expect(messages.map((message) => message.id)).toEqual([1, id, 2])
    expect(textOf(messages[2])).toBe('{"id":2}')
  })

  it('when its id is in flight in another request of the session', async () => {
    await start()
    const headers = await session()
    const first = post([call(1, 'hold')], headers)
    await expect.poll(() => held.length).toBe(1)
    const { messages } = await post([ping(1), ping(2)], headers)
    expect(messages.map(codeOf)).toEqual(['WIRE_INVALID_REQUEST', undefined])
    held[0]?.result({ content: [] })
    expect((await first).messages).toHaveLength(1)
  })

  it('when the answers together are larger than limits.response', async () => {
    await start(undefined, { limits: { response: '150KiB' } })
    const { messages } = await post([call(1, 'large'), call(2, 'large'), call(3, 'large')])
    expect(messages.map(codeOf).filter((code) => code === 'UPSTREAM_TOO_LARGE')).toHaveLength(1)
    expect(messages.filter(({ result }) => result)).toHaveLength(2)
  })
})

describe('cancelling', () => {
  it('an element leaves the others their answers', async () => {
    await start()
    const headers = await session()
    const sent = post([call(1, 'hold'), call(2)], headers)
    await expect.poll(() => held.length).toBe(1)
    await post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }, headers) // biome-ignore format: one line
    expect((await sent).messages.map(({ id }) => id)).toEqual([2])
  })
})

it('the messages of a batch on its stream are each judged as part of their own call', async () => {
  const seen: unknown[] = []
  await start({
    tool_pre_invoke: ({ name }, ctx) => (name === 'talk' ? ctx.addLabel('hot') : undefined),
    stream_message({ message }, { labels, method }) {
      const what = (message as RpcMessage).method ?? (message as RpcMessage).id
      seen.push([what, method, [...labels]])
      return what === 2 ? deny({ code: 'NO', reason: 'no' }) : undefined
    },
  })
  const talk = call(2, 'talk', { _meta: { progressToken: 'p' } })
  const { messages } = await post([call(1), talk, ping(3)])
  expect(seen).toEqual([
    ['notifications/progress', 'notifications/progress', ['hot']],
    [1, 'tools/call', []],
    [2, 'tools/call', ['hot']],
    [3, 'ping', []],
  ])
  // as the denial of a tool, which a model can act on
  expect(messages.find(({ id }) => id === 2)?.result).toMatchObject({ isError: true })
})

describe('a batch whose stream is refused gives up its calls at the server', () => {
  const isCancelled = () => {
    const named = ({ message }: { message: { params?: object } }) => message.params as JsonObject
    const hold = recorder.calls('tools/call').find((sent) => named(sent).name === 'hold')
    const ids = recorder.calls('notifications/cancelled').map((sent) => named(sent).requestId)
    return hold?.message.id !== undefined && ids.includes(hold.message.id)
  }
  const work = () => [call(1, 'hold'), call(2, 'talk', { _meta: { progressToken: 'p' } })]

  it('at its opening: the refusal is the answer to the whole', async () => {
    await start({ stream_pre_open: () => deny({ code: 'NO', reason: 'no streams' }) })
    const { status, response } = await post(work())
    expect([status, codeOf(response)]).toEqual([403, 'NO'])
    await expect.poll(isCancelled).toBe(true)
  })

  it('while it is open: it ends', async () => {
    const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 50))
    await start({ stream_message: slow }, { limits: { holdback: '1KiB' } })
    const talk = call(2, 'talk', { _meta: { progressToken: 'p'.repeat(2000) } })
    const { status, messages } = await post([call(1, 'hold'), talk])
    expect([status, messages]).toEqual([200, []])
    await expect.poll(isCancelled).toBe(true)
  })
})

describe('on stdio', () => {
  async function open(version = '2025-03-26') {
    await start()
    const client = pipeTo(gateway.gateway)
    client.send(initialize(version))
    await client.line((line) => isAnswer(line, 'open'))
    return client
  }

  it('a batch is answered with one array on one line', async () => {
    const client = await open()
    client.send([call(1), NOTE, ping(2)])
    const answers = (await client.line(Array.isArray)) as RpcMessage[]
    expect(answers.map(({ id }) => id)).toEqual([1, 2])
    client.send([NOTE])
    await client.request(3, 'ping')
    expect(client.lines.filter(Array.isArray)).toHaveLength(1)
  })

  it.each(['2024-11-05', '2025-06-18', '2025-11-25'])(
    'a batch is refused in %s',
    async (version) => {
      const client = await open(version)
      client.send([call(1)])
      await client.line((line: Line) => codeOf(line as RpcMessage) === 'WIRE_BATCH')
      expect(recorder.calls('tools/call')).toEqual([])
    },
  )
})
