// A client on stdin and stdout, line by line: both eras, hostile lines, cancelling, what is bounded, and the end.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { deny, type Hooks } from '../../src/plugin.ts'
import { INITIALIZED, initialize, isAnswer, pipeTo } from '../support/lines.ts'
import { modernRequest, type RpcMessage } from '../support/rpc.ts'
import { textOf } from './peers.ts'
import { type Answers, echo, type Recorder, type Sent, startRecorder } from './recorder.ts'
import { runGateway, type Started, server } from './running.ts'

let recorder: Recorder
let gateway: Started | undefined
let held: Answers[]

beforeEach(async () => {
  held = []
  recorder = await startRecorder({
    tools: ['echo', 'hold', 'talk', 'large'],
    call(received, answers) {
      const { name } = received.message.params ?? {}
      if (name === 'hold') held.push(answers)
      else if (name === 'large')
        answers.result({ content: [{ type: 'text', text: 'x'.repeat(1024 * 1024) }] })
      else if (name === 'talk') answers.events(progressOf(received.message))
      else echo(received, answers)
    },
  })
})
afterEach(async () => {
  await gateway?.stop({ now: true })
  gateway = undefined
  await recorder.close()
})

const progressOf = ({ id, params }: Sent) => [
  {
    method: 'notifications/progress',
    params: { ...(params?._meta as object | undefined), progress: 1 },
  },
  { id, result: { content: [] } },
]

async function start(hooks?: Hooks, config: object = {}) {
  const entries = hooks ? [{ name: 'mine', hooks }] : []
  gateway = await runGateway({ servers: [server('rec', recorder.url)], ...config }, entries)
  return pipeTo(gateway.gateway)
}

async function open(hooks?: Hooks, version?: string) {
  const client = await start(hooks)
  client.send(initialize(version), INITIALIZED)
  await client.line((line) => isAnswer(line, 'open'))
  return client
}

const modern = (method: string, params?: Record<string, unknown>, id: string | number = 1) =>
  modernRequest(method, params, { id }).body
const code = (message: unknown) => (message as RpcMessage).error?.data?.code

describe('a client of the legacy era', () => {
  it('opens the one session of the process and calls in it', async () => {
    const client = await start()
    client.send(initialize('2025-06-18'))
    const opened = await client.line((line) => isAnswer(line, 'open'))
    expect(opened).toMatchObject({
      result: { protocolVersion: '2025-06-18', serverInfo: { name: 'portcullis' } },
    })
    const args = { name: 'rec__echo', arguments: { a: 1 } }
    expect(textOf(await client.request(2, 'tools/call', args))).toBe('{"a":1}')
    expect(await client.request('ping', 'ping')).toEqual({ jsonrpc: '2.0', id: 'ping', result: {} })
  })

  it('may send what follows initialize without waiting for its answer', async () => {
    const client = await start({
      session_pre_open: () => new Promise((resolve) => setTimeout(resolve, 50)),
    })
    client.send(initialize(), INITIALIZED, { jsonrpc: '2.0', id: 7, method: 'tools/list' })
    const list = (await client.line((line) => isAnswer(line, 7))) as RpcMessage
    expect(list.result?.tools).toHaveLength(4)
    expect(client.lines.map((line) => (line as RpcMessage).id)).toEqual(['open', 7])
  })

  it('is refused a second initialize, and everything before the first', async () => {
    const client = await start()
    const early = (await client.request(1, 'tools/list')) as RpcMessage
    expect([code(early), early.error?.message]).toEqual([
      'SESSION_REQUIRED',
      expect.stringMatching(/^no session is open; send initialize/),
    ])
    client.send({ jsonrpc: '2.0', method: 'notifications/roots/list_changed' })
    client.send(initialize())
    await client.line((line) => isAnswer(line, 'open'))
    expect(code(await client.request(2, 'initialize', initialize().params))).toBe(
      'WIRE_INVALID_REQUEST',
    )
    // a notification is never answered
    expect(client.lines).toHaveLength(3)
  })

  it('may try again when a policy refused the session', async () => {
    let refused = 0
    const client = await start({
      session_pre_open: () =>
        refused++ === 0 ? deny({ code: 'NOT_YET', reason: 'too early' }) : undefined,
    })
    client.send(initialize())
    expect(code(await client.line((line) => isAnswer(line, 'open')))).toBe('NOT_YET')
    const again = await client.request(2, 'initialize', initialize().params)
    expect(again.result).toBeDefined()
    expect((await client.request(3, 'tools/list')).result).toBeDefined()
  })

  it('hears what a server says on its own account, after it knows that it has a session', async () => {
    const client = await open()
    await expect.poll(() => recorder.streams() + recorder.listens()).toBeGreaterThan(0)
    recorder.announce({ method: 'notifications/tools/list_changed' })
    await client.line((line) => (line as RpcMessage).method === 'notifications/tools/list_changed')
  })

  it('gets progress before the answer, each on a line of its own', async () => {
    const client = await open()
    const params = { name: 'rec__talk', arguments: {}, _meta: { progressToken: 'mine' } }
    await client.request(2, 'tools/call', params)
    expect(client.lines.slice(1)).toMatchObject([
      { method: 'notifications/progress', params: { progressToken: 'mine', progress: 1 } },
      { id: 2, result: { content: [] } },
    ])
  })
})

describe('a client of the modern era', () => {
  it('needs no session and sends no headers', async () => {
    const client = await start()
    client.send(modern('server/discover'), modern('tools/call', { name: 'rec__echo' }, 2))
    expect(await client.line((line) => isAnswer(line, 1))).toMatchObject({
      result: { supportedVersions: ['2026-07-28'], resultType: 'complete' },
    })
    expect(textOf((await client.line((line) => isAnswer(line, 2))) as RpcMessage)).toBe('{}')
    expect([...(gateway?.gateway.state().runtime.upstreams.keys() ?? [])]).toEqual(['rec'])
  })

  it('is refused an unknown version and a missing member of _meta, by the id of its request', async () => {
    const client = await start()
    const request = modern('tools/list', { _meta: { [`${KEY}protocolVersion`]: '2999-01-01' } }, 5)
    client.send(request)
    expect(await client.line((line) => isAnswer(line, 5))).toMatchObject({
      error: { code: -32022, data: { supported: ['2026-07-28'] } },
    })
    client.send({
      jsonrpc: '2.0',
      id: 6,
      method: 'tools/list',
      params: { _meta: { [`${KEY}protocolVersion`]: '2026-07-28' } },
    })
    expect(await client.line((line) => isAnswer(line, 6))).toMatchObject({
      error: { code: -32602 },
    })
  })

  it('may share the process with the other era: each message says which it is of', async () => {
    const client = await open()
    client.send(modern('tools/list', {}, 'm'))
    const answer = (await client.line((line) => isAnswer(line, 'm'))) as RpcMessage
    expect(answer.result).toMatchObject({ resultType: 'complete' })
    expect((await client.request('l', 'tools/list')).result).not.toHaveProperty('resultType')
  })

  it('is answered for each request that session_pre_open refuses', async () => {
    const client = await start({ session_pre_open: () => deny({ code: 'OUT', reason: 'no' }) })
    client.send(modern('tools/list', {}, 3))
    expect(await client.line((line) => isAnswer(line, 3))).toMatchObject({
      error: { code: -31001, data: { code: 'OUT' } },
    })
  })
})

const KEY = 'io.modelcontextprotocol/'

describe('subscriptions/listen', () => {
  it('is acknowledged and told, holds no generation, and nothing answers it once it is cancelled', async () => {
    const client = await start()
    client.send(modern('subscriptions/listen', { notifications: { toolsListChanged: true } }, 's'))
    const own = (line: unknown) =>
      (line as RpcMessage).params?._meta !== undefined &&
      (line as RpcMessage).method?.startsWith('notifications/') === true
    expect(await client.line(own)).toMatchObject({
      method: 'notifications/subscriptions/acknowledged',
      params: {
        notifications: { toolsListChanged: true },
        _meta: { [`${KEY}subscriptionId`]: 's' },
      },
    })
    await gateway?.gateway.state().runtime.drained()
    const told = (line: unknown) =>
      (line as RpcMessage).method === 'notifications/tools/list_changed'
    await expect.poll(() => recorder.streams() + recorder.listens()).toBe(1)
    recorder.announce({ method: 'notifications/tools/list_changed' })
    expect(await client.line(told)).toMatchObject({
      params: { _meta: { [`${KEY}subscriptionId`]: 's' } },
    })
    const { id: _, ...cancel } = modern('notifications/cancelled', { requestId: 's' })
    client.send(cancel)
    client.send(modern('tools/list', {}, 'after'))
    await client.line((line) => isAnswer(line, 'after'))
    recorder.announce({ method: 'notifications/tools/list_changed' })
    client.send(modern('tools/list', {}, 'later'))
    await client.line((line) => isAnswer(line, 'later'))
    expect(client.lines.filter((line) => isAnswer(line, 's'))).toEqual([])
    expect(client.lines.filter(told)).toHaveLength(1)
  })

  it('ends with a result when the gateway drains', async () => {
    const client = await start()
    client.send(modern('subscriptions/listen', { notifications: { toolsListChanged: true } }, 's'))
    await client.line((line) => (line as RpcMessage).method?.endsWith('/acknowledged') === true)
    gateway?.gateway.drain()
    expect(await client.line((line) => isAnswer(line, 's'))).toMatchObject({
      result: { resultType: 'complete', _meta: { [`${KEY}subscriptionId`]: 's' } },
    })
  })
})

describe('policies', () => {
  it('see the surface stdio and decide as everywhere', async () => {
    const surfaces: string[] = []
    const client = await open({
      tool_pre_invoke: (_, { surface }) => {
        surfaces.push(surface)
        return deny({ code: 'NO', reason: 'not here' })
      },
    })
    const answer = await client.request(2, 'tools/call', { name: 'rec__echo', arguments: {} })
    expect(textOf(answer)).toBe('blocked by policy: not here (NO)')
    expect(surfaces).toEqual(['stdio'])
    expect(recorder.calls('tools/call')).toEqual([])
  })

  it('are told once that the session has ended, when the client closes its side', async () => {
    const ended: string[] = []
    const client = await open({ session_post_close: ({ cause }) => void ended.push(cause) })
    client.end()
    await client.connection.over
    client.connection.end()
    await gateway?.observed()
    expect(ended).toEqual(['client'])
  })
})

describe('cancelling', () => {
  it.each([
    ['legacy', { method: 'tools/call', params: { name: 'rec__hold', arguments: {} } }],
    ['modern', modern('tools/call', { name: 'rec__hold', arguments: {} }, 9)],
  ] as const)(
    'by id gives a call of the %s era up, upstream too, and nothing answers it',
    async (era, call) => {
      const client = await open()
      client.send({ ...call, jsonrpc: '2.0', id: 9 })
      await expect.poll(() => held.length).toBe(1)
      const cancelled = {
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
        params: { requestId: 9 },
      }
      const { id: _, ...asModern } = modern('notifications/cancelled', { requestId: 9 })
      client.send(era === 'legacy' ? cancelled : asModern)
      if (era === 'modern') await held[0]?.closed
      else await expect.poll(() => recorder.calls('notifications/cancelled').length).toBe(1)
      await client.request('after', 'ping')
      expect(client.lines.filter((line) => isAnswer(line, 9))).toEqual([])
    },
  )

  it('happens to everything in flight when the connection is ended', async () => {
    const client = await open()
    client.send(modern('tools/call', { name: 'rec__hold', arguments: {} }, 9))
    await expect.poll(() => held.length).toBe(1)
    client.connection.end()
    await held[0]?.closed
    await client.connection.idle()
  })
})

describe('a question of a server', () => {
  const QUESTION = {
    id: 'q1',
    method: 'elicitation/create',
    params: { message: 'who?', requestedSchema: { type: 'object', properties: {} } },
  }

  /** A call in whose stream the server asks, and waits. */
  async function asked(version?: string) {
    recorder = await replaceRecorder()
    const client = await start()
    client.send(initialize(version, 'lines', { elicitation: {} }), INITIALIZED)
    await client.line((line) => isAnswer(line, 'open'))
    const params = { name: 'rec__ask', arguments: {} }
    client.send({ jsonrpc: '2.0', id: 2, method: 'tools/call', params })
    const question = await client.line((line) => 'method' in line)
    expect(question).toMatchObject({ method: 'elicitation/create', params: { message: 'who?' } })
    return { client, id: (question as RpcMessage).id }
  }
  async function replaceRecorder(): Promise<Recorder> {
    await recorder.close()
    return startRecorder({
      eras: 'legacy',
      tools: ['ask'],
      call: ({ message }, answers) =>
        message.method === 'tools/call' && answers.events([QUESTION], { open: true }),
    })
  }
  const toServer = () =>
    recorder.seen.map(({ raw }) => JSON.parse(raw) as RpcMessage).find(({ id, method }) => id === 'q1' && method === undefined) // biome-ignore format: one line

  it.each([
    ['alone', undefined],
    ['in a batch', '2025-03-26'],
  ])('is answered %s, and the answer reaches the server', async (_how, version) => {
    const { client, id } = await asked(version)
    const answer = { jsonrpc: '2.0', id, result: { action: 'decline' } }
    client.send(version === undefined ? answer : [answer])
    await expect.poll(toServer).toMatchObject({ result: { action: 'decline' } })
    client.connection.end()
  })

  it('ends when the client says nothing any more', async () => {
    const { client } = await asked()
    client.end()
    await expect.poll(toServer).toMatchObject({ error: {} })
    client.connection.end()
  })
})

describe('a hostile line', () => {
  it.each([
    ['no JSON', '{"jsonrpc":', 'WIRE_PARSE', undefined],
    ['no UTF-8', '\ud800{', 'WIRE_PARSE', undefined],
    ['two messages', '{"jsonrpc":"2.0","id":1,"method":"ping"} {}', 'WIRE_PARSE', undefined],
    ['a number', '1', 'WIRE_INVALID_REQUEST', undefined],
    [
      'a duplicate member',
      '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
      'WIRE_DUPLICATE_MEMBER',
      undefined,
    ],
    ['a null id', '{"jsonrpc":"2.0","id":null,"method":"ping"}', 'WIRE_INVALID_REQUEST', undefined],
    ['another version', '{"jsonrpc":"1.0","id":4,"method":"ping"}', 'WIRE_INVALID_REQUEST', 4],
    [
      'params that are no object',
      '{"jsonrpc":"2.0","id":5,"method":"ping","params":1}',
      'WIRE_INVALID_REQUEST',
      5,
    ],
    [
      'an unknown method',
      '{"jsonrpc":"2.0","id":6,"method":"no/such"}',
      'WIRE_METHOD_NOT_FOUND',
      6,
    ],
    [
      'a method of objects',
      '{"jsonrpc":"2.0","id":7,"method":"__proto__"}',
      'WIRE_METHOD_NOT_FOUND',
      7,
    ],
    [
      'nesting',
      `{"jsonrpc":"2.0","id":8,"method":"ping","params":{"a":${'['.repeat(200_000)}`,
      'WIRE_TOO_DEEP',
      undefined,
    ],
    ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', 'WIRE_BATCH', undefined],
  ] as const)(
    '%s is answered with an error, and the next line is taken',
    async (_what, line, expected, id) => {
      // biome-ignore format: a table
      const client = await open()
      client.send(line)
      const answer = (await client.line((each) => code(each) === expected)) as RpcMessage
      expect(answer.id).toBe(id)
      expect((await client.request('after', 'ping')).result).toEqual({})
    },
  )

  it('that is too long is answered by its id where that can be read, and never held', async () => {
    const client = await start(undefined, { limits: { body: '64KiB' } })
    const filler = 'x'.repeat(70_000)
    client.send(`{"jsonrpc":"2.0","id":41,"method":"ping","params":{"a":"${filler}"}}`)
    client.send(`{"method":"ping","params":{"a":"${filler}"},"jsonrpc":"2.0","id":42}`)
    client.send(`{"method":"ping","params":{"a":"${filler}","id":43}}`)
    await client.line((line) => code(line) === 'WIRE_TOO_LARGE' && !('id' in line))
    expect(client.lines.map((line) => [code(line), (line as RpcMessage).id])).toEqual([
      ['WIRE_TOO_LARGE', 41],
      ['WIRE_TOO_LARGE', 42],
      ['WIRE_TOO_LARGE', undefined],
    ])
  })

  it('empty, with a carriage return, or in pieces is none', async () => {
    const client = await open()
    client.input.write('\n\r\n{"jsonrpc":"2.0","id":2,')
    await new Promise((resolve) => setTimeout(resolve, 10))
    client.input.write('"method":"ping"}\r\n')
    await client.line((line) => isAnswer(line, 2))
    expect(client.lines).toHaveLength(2)
  })

  it('with an id that is still in flight is refused', async () => {
    const client = await open()
    const call = { jsonrpc: '2.0', id: 9, method: 'tools/call', params: { name: 'rec__hold' } }
    client.send({ ...call, params: { ...call.params, arguments: {} } })
    await expect.poll(() => held.length).toBe(1)
    expect(code(await client.request(9, 'ping'))).toBe('WIRE_INVALID_REQUEST')
  })
})

describe('what is bounded', () => {
  it('no more than 256 requests are worked on, and the rest is read when some are done', async () => {
    const client = await open()
    const call = (id: number) => ({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name: 'rec__hold', arguments: {} },
    })
    for (let id = 0; id < 400; id++) client.send(call(id))
    const inflight = () => gateway?.gateway.state().runtime
    expect(inflight()).toBeDefined()
    await expect.poll(() => client.input.isPaused()).toBe(true)
    expect(client.lines).toHaveLength(1)
    client.connection.end()
    await client.connection.idle()
  })

  it('a client that does not read is not read from either, and gets everything once it does', async () => {
    const client = await open()
    client.output.pause()
    const call = (id: number) => ({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name: 'rec__large', arguments: {} },
    })
    for (let id = 0; id < 12; id++) {
      client.send(call(id))
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
    await expect.poll(() => client.input.isPaused()).toBe(true)
    expect(recorder.calls('tools/call').length).toBeLessThan(12)
    client.output.resume()
    await expect.poll(() => client.lines.length, { timeout: 10_000 }).toBe(13)
  })

  it('a client that reads no more is the end: nobody waits for an answer', async () => {
    const client = await open()
    client.output.destroy()
    client.send({ jsonrpc: '2.0', id: 1, method: 'ping' })
    await client.connection.gone
    await client.connection.over
  })
})

describe('subscriptions/listen', () => {
  const LISTEN = modern(
    'subscriptions/listen',
    { notifications: { toolsListChanged: true } },
    'sub',
  )

  it('stands, is told of changes, holds no generation, and ends by its id', async () => {
    const client = await start()
    client.send(LISTEN)
    await client.line((line) => JSON.stringify(line).includes('subscriptions/acknowledged'))
    await (gateway as Started).gateway.state().runtime.drained()
    await expect.poll(() => recorder.streams() + recorder.listens()).toBeGreaterThan(0)
    recorder.announce({ method: 'notifications/tools/list_changed' })
    await client.line((line) => (line as RpcMessage).method?.endsWith('list_changed') ?? false)
    const { id: _, ...cancel } = modern('notifications/cancelled', { requestId: 'sub' })
    client.send(cancel)
    await client.connection.idle()
  })

  it('does not hold up the end: it is answered when the gateway drains', async () => {
    const client = await start()
    client.send(LISTEN)
    await client.line((line) => JSON.stringify(line).includes('subscriptions/acknowledged'))
    client.end()
    await client.connection.over
    gateway?.gateway.drain()
    await client.line((line) => isAnswer(line, 'sub'))
    await client.connection.idle()
  })
})

describe('the end of the input', () => {
  it('answers what came before it, also a last line without its end', async () => {
    const client = await open()
    client.input.end('{"jsonrpc":"2.0","id":"last","method":"ping"}')
    await client.line((line) => isAnswer(line, 'last'))
    await client.connection.over
    await client.connection.idle()
  })

  it('after a shutdown every request is refused by its id', async () => {
    const client = await open()
    await gateway?.stop({ now: true })
    gateway = undefined
    const answer = await client.request(3, 'ping')
    expect(code(answer)).toBe('SHUTTING_DOWN')
  })
})
