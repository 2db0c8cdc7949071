// What changes between a client of one era and a server of the other, and what does not: lists, calls, reads, prompts, errors, `_meta`, headers, logs.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, ERAS, type Peer } from './peers.ts'
import { type Answers, type Received, type Recorder, startRecorder } from './recorder.ts'
import { runGateway, type Started, server } from './running.ts'

const META = 'io.modelcontextprotocol/'
const tool = {
  name: 'work',
  title: 'Work',
  inputSchema: {
    type: 'object',
    properties: {
      region: { type: 'string', 'x-mcp-header': 'Region' },
      big: { type: 'integer', 'x-mcp-header': 'Big' },
    },
  },
  outputSchema: { type: 'object' },
  annotations: { readOnlyHint: true },
  _meta: { own: 1 },
}
const LOG = (level: string) => ({ method: 'notifications/message', params: { level, data: level } })

function call({ message: { id, method, params } }: Received, answers: Answers): unknown {
  const given = params?.arguments as { code?: number; log?: true; odd?: true } | undefined
  if (given?.code !== undefined)
    return answers.error({ code: given.code, message: 'no', data: { why: 1 } })
  if (given?.log)
    return answers.events([
      LOG('debug'),
      LOG('error'),
      { id, result: { content: [], resultType: 'complete' } },
    ])
  if (String(params?.uri).startsWith('test://code/'))
    return answers.error({ code: Number(String(params?.uri).slice(12)), message: 'no' })
  if (method === 'resources/read')
    return answers.result({ contents: [{ uri: params?.uri, text: 'one' }], _meta: { own: 2 } })
  if (method === 'prompts/get')
    return answers.result({ messages: [], description: 'd', _meta: { own: 3 } })
  answers.result({
    content: [{ type: 'text', text: 'x', _meta: { a: 1 }, other: true }],
    structuredContent: { x: 1 },
    _meta: { own: 4 },
    unknown: { member: 1 },
  })
}

let recorders: Record<'legacy' | 'modern', Recorder>
let gateway: Started
beforeAll(async () => {
  const start = (eras: 'legacy' | 'modern') =>
    startRecorder({
      eras,
      capabilities: { tools: {}, prompts: {}, resources: {}, logging: {} },
      tools: [tool],
      list: (method) =>
        ({
          'prompts/list': { prompts: [{ name: 'p', title: 'P' }] },
          'resources/list': { resources: [{ uri: `test://${eras}`, name: 'r' }] },
          'resources/templates/list': {
            resourceTemplates: [{ uriTemplate: 'test://code/{code}', name: 't' }],
          },
        })[method],
      call,
    })
  recorders = { legacy: await start('legacy'), modern: await start('modern') }
  gateway = await runGateway({
    servers: [server('legacy', recorders.legacy.url), server('modern', recorders.modern.url)],
  })
})
afterAll(async () => {
  await gateway?.stop({ now: true })
  await Promise.all([recorders?.legacy.close(), recorders?.modern.close()])
})

const other = (era: Peer['era']) => (era === 'legacy' ? 'modern' : 'legacy')

type Codes = Readonly<Record<Peer['era'], (readonly [code: number, as: number])[]>>
const READ_ERRORS: Codes = {
  legacy: [
    [-32602, -32002],
    [-32603, -32603],
  ],
  modern: [
    [-32002, -32602],
    [-32602, -32602],
  ],
}
const CALL_ERRORS: Codes = {
  legacy: [
    [-32020, -32603],
    [-32021, -32603],
    [-32022, -32603],
    [-32602, -32602],
    [-32000, -32000],
  ],
  modern: [
    [-32042, -32603],
    [-32002, -32602],
    [-32000, -32000],
    [7, 7],
  ],
}

describe.each(ERAS)('a %s client of a server of the other era', (era) => {
  const behind = other(era)
  const recorder = () => recorders[behind]
  let peer: Peer
  beforeAll(async () => {
    peer = await connect(era, gateway.url, { capabilities: { experimental: { x: {} } } })
  })
  const modernOnly = (cacheable: boolean) =>
    era === 'legacy'
      ? {}
      : {
          resultType: 'complete',
          ...(cacheable ? { ttlMs: 0, cacheScope: 'private' } : {}),
        }

  it('sees its tools, prompts, resources and templates with all that they say', async () => {
    const list = async (method: string, member: string) => {
      const { response } = await peer.request(method)
      expect(response?.result).toMatchObject(era === 'modern' ? modernOnly(true) : {})
      if (era === 'legacy') expect(response?.result).not.toHaveProperty('ttlMs')
      return response?.result?.[member] as Record<string, unknown>[]
    }
    const name = (own: string) => `${behind}__${own}`
    expect(await list('tools/list', 'tools')).toContainEqual({ ...tool, name: name('work') })
    expect(await list('prompts/list', 'prompts')).toContainEqual({ name: name('p'), title: 'P' })
    expect(await list('resources/list', 'resources')).toContainEqual({
      uri: `test://${behind}`,
      name: 'r',
    })
  })

  it('calls: the result comes as it was, with what its own era wants', async () => {
    const { response } = await peer.request('tools/call', { name: `${behind}__work` })
    expect(response?.result).toEqual({
      content: [{ type: 'text', text: 'x', _meta: { a: 1 }, other: true }],
      structuredContent: { x: 1 },
      _meta: { own: 4 },
      unknown: { member: 1 },
      ...modernOnly(false),
    })
  })

  it('reads and gets prompts', async () => {
    const uri = `test://${behind}`
    const read = await peer.request('resources/read', { uri })
    expect(read.response?.result).toEqual({
      contents: [{ uri, text: 'one' }],
      _meta: { own: 2 },
      ...modernOnly(true),
    })
    const got = await peer.request('prompts/get', { name: `${behind}__p` })
    expect(got.response?.result).toEqual({
      messages: [],
      description: 'd',
      _meta: { own: 3 },
      ...modernOnly(false),
    })
  })

  it('is told to its server in the way of the server’s era, and nothing of its own', async () => {
    const _meta = { 'a.test/x': 1, progressToken: 'mine', traceparent: TRACE }
    await peer.request('tools/call', { name: `${behind}__work`, _meta })
    const { message, headers } = recorder().calls('tools/call').at(-1) as Received
    const told = message.params?._meta as Record<string, unknown>
    const { progressToken, ...rest } = told
    expect(progressToken).toBe(message.id)
    const common = { 'a.test/x': 1, traceparent: TRACE }
    if (era === 'modern') {
      expect(rest).toEqual(common)
      expect(headers).not.toHaveProperty('mcp-method')
    } else {
      expect(rest).toEqual({
        ...common,
        [`${META}protocolVersion`]: '2026-07-28',
        [`${META}clientInfo`]: { name: 'portcullis-test', version: '1.0.0' },
        [`${META}clientCapabilities`]: { experimental: { x: {} } },
        [`${META}logLevel`]: 'info',
      })
      expect(headers).toMatchObject({
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'work',
      })
      expect(headers).not.toHaveProperty('mcp-session-id')
    }
  })

  it.each(READ_ERRORS[era])('gets the error %d on resources/read as %d', async (code, as) => {
    const uri = `portcullis://${behind}/test://code/${code}`
    const { response } = await peer.request('resources/read', { uri })
    expect(response?.error).toMatchObject({ code: as, message: 'no' })
  })

  it.each(CALL_ERRORS[era])('gets the error %d on tools/call as %d', async (code, as) => {
    const sent = { name: `${behind}__work`, arguments: { code } }
    const answer = await peer.request('tools/call', sent)
    expect(answer.response?.error).toEqual({ code: as, message: 'no', data: { why: 1 } })
    expect(answer.status).toBe(200)
  })
})

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

describe('a legacy client of a modern server', () => {
  it('has arguments that are repeated in headers repeated for it', async () => {
    const peer = await connect('legacy', gateway.url)
    await peer.call('modern__work', { region: 'eu wést', big: 42 })
    expect(recorders.modern.calls('tools/call').at(-1)?.headers).toMatchObject({
      'mcp-param-region': `=?base64?${Buffer.from('eu wést').toString('base64')}?=`,
      'mcp-param-big': '42',
    })
  })

  it('asks for logs with each request, at the level it has set', async () => {
    const peer = await connect('legacy', gateway.url)
    const key = `${META}logLevel`
    const levelOf = () => {
      const meta = recorders.modern.calls('tools/call').at(-1)?.message.params?._meta
      return (meta as Record<string, unknown> | undefined)?.[key]
    }
    await peer.call('modern__work')
    expect(levelOf()).toBe('info')
    await peer.request('logging/setLevel', { level: 'warning' })
    const { messages } = await peer.request('tools/call', {
      name: 'modern__work',
      arguments: { log: true },
    })
    expect(levelOf()).toBe('warning')
    expect(messages.map(({ params }) => params?.data)).toEqual(['error', undefined])
  })
})

describe('a modern client of a legacy server', () => {
  it('gets logs at the level it asks for, and none when it does not', async () => {
    const peer = await connect('modern', gateway.url)
    const logs = async (_meta: object) =>
      (
        await peer.request('tools/call', {
          name: 'legacy__work',
          arguments: { log: true },
          _meta,
        })
      ).messages.flatMap(({ params }) => params?.data ?? [])
    expect(await logs({})).toEqual([])
    expect(await logs({ [`${META}logLevel`]: 'error' })).toEqual(['error'])
    expect(await logs({ [`${META}logLevel`]: 'debug' })).toEqual(['debug', 'error'])
  })

  it('has its headers checked like at a modern server, and its server gets none of them', async () => {
    const peer = await connect('modern', gateway.url)
    const params = { name: 'legacy__work', arguments: { region: 'eu' } }
    const wrong = await peer.request('tools/call', params, {
      headers: { 'mcp-param-region': 'us' },
    })
    expect(wrong.response?.error?.code).toBe(-32020)
    await peer.request('tools/call', params, { headers: { 'mcp-param-region': 'eu' } })
    const { headers } = recorders.legacy.calls('tools/call').at(-1) as Received
    expect(Object.keys(headers).filter((name) => name.startsWith('mcp-param'))).toEqual([])
  })
})
