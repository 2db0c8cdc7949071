// Virtual servers: each shows and serves what its patterns select, and nothing else can be reached through it by any spelling.
import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { patch } from '../../src/plugin.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { openSession, rpc } from '../support/rpc.ts'
import { eventually } from '../upstream/support.ts'
import { connect, ERAS, type Peer, textOf } from './peers.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import {
  type CodeEntry,
  LISTEN,
  memoryLog,
  pluginsOf,
  pluginsSection,
  runGateway,
  type Started,
  server,
} from './running.ts'

const ALL = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true },
  logging: {},
}

/** A server that offers two of everything and says what it was asked for. */
function offering(
  name: string,
  uris: readonly string[],
  templates: readonly string[],
  capabilities: object = ALL,
): Promise<Recorder> {
  const named = (names: readonly string[]) => names.map((name) => ({ name, inputSchema: {} }))
  return startRecorder({
    capabilities,
    instructions: `how to use ${name}`,
    list: (method) =>
      ({
        'tools/list': { tools: named(['read_one', 'read_two', 'write']) },
        'prompts/list': { prompts: named(['ask', 'secret']) },
        'resources/list': { resources: uris.map((uri) => ({ uri, name: uri })) },
        'resources/templates/list': {
          resourceTemplates: templates.map((uriTemplate) => ({ uriTemplate, name: uriTemplate })),
        },
      })[method],
    call({ message: { method, params } }, answers) {
      const text = `${params?.name ?? params?.uri}`
      if (method === 'tools/call') answers.result({ content: [{ type: 'text', text }] })
      else if (method === 'prompts/get') answers.result({ messages: [], description: text })
      else answers.result({ contents: [{ uri: text, text }] })
    },
  })
}

let a: Recorder
let b: Recorder
beforeEach(async () => {
  a = await offering(
    'a',
    ['file:///pub/a', 'file:///secret/a', 'file:///pub/both'],
    ['note://{id}'],
  )
  b = await offering('b', ['file:///pub/both', 'file:///secret/b'], ['file:///{+path}'])
})
afterEach(async () => {
  await a.close()
  await b.close()
})

const ANALYST = {
  name: 'analyst',
  path: '/mcp/analyst',
  tools: ['a__read_*'],
  prompts: ['b__ask'],
  resources: ['file:///pub/*'],
}

const start = (virtual: object[], entries: readonly CodeEntry[] = [], more: object = {}) =>
  runGateway(
    { servers: [server('a', a.url), server('b', b.url)], virtual_servers: virtual, ...more },
    entries,
  )

const at = ({ url }: Started, path: string) => new URL(path, url).href
const errorOf = async (peer: Peer, method: string, params: Record<string, unknown>) => {
  const { response } = await peer.request(method, params)
  const { requestId: _, ...data } = response?.error?.data ?? {}
  return { ...response?.error, data }
}
const listed = async (peer: Peer, method: string, member: string, key: string) => {
  const result = (await peer.request(method)).response?.result
  return ((result?.[member] ?? []) as Record<string, string>[]).map((item) => item[key])
}

describe.each(ERAS)('for a %s client a virtual server', (era) => {
  it('lists what its patterns select', async () => {
    await using gateway = await start([ANALYST])
    const peer = await connect(era, at(gateway, '/mcp/analyst'))
    expect(await listed(peer, 'tools/list', 'tools', 'name')).toEqual([
      'a__read_one',
      'a__read_two',
    ])
    expect(await listed(peer, 'prompts/list', 'prompts', 'name')).toEqual(['b__ask'])
    expect(await listed(peer, 'resources/list', 'resources', 'uri')).toEqual(['file:///pub/a'])
    expect(
      await listed(peer, 'resources/templates/list', 'resourceTemplates', 'uriTemplate'),
    ).toEqual([])
    const whole = await connect(era, gateway.url)
    expect(await listed(whole, 'tools/list', 'tools', 'name')).toHaveLength(6)
  })

  it('serves what it lists', async () => {
    await using gateway = await start([ANALYST])
    const peer = await connect(era, at(gateway, '/mcp/analyst'))
    expect(textOf(await peer.call('a__read_one'))).toBe('read_one')
    expect((await peer.request('prompts/get', { name: 'b__ask' })).response?.result).toMatchObject({
      description: 'ask',
    })
    const read = await peer.request('resources/read', { uri: 'file:///pub/a' })
    expect(read.response?.result?.contents).toEqual([
      { uri: 'file:///pub/a', text: 'file:///pub/a' },
    ])
  })

  it('answers for what it does not select as for what does not exist', async () => {
    await using gateway = await start([ANALYST])
    const peer = await connect(era, at(gateway, '/mcp/analyst'))
    const nothing = await errorOf(peer, 'tools/call', { name: 'a__nothing', arguments: {} })
    expect(nothing).toMatchObject({ code: -32602, data: { code: 'WIRE_UNKNOWN_TARGET' } })
    for (const name of ['a__write', 'b__read_one', 'write', 'read_one'])
      expect(await errorOf(peer, 'tools/call', { name, arguments: {} })).toEqual(nothing)
    const none = await errorOf(peer, 'prompts/get', { name: 'b__nothing' })
    expect(await errorOf(peer, 'prompts/get', { name: 'b__secret' })).toEqual(none)
    expect(await errorOf(peer, 'prompts/get', { name: 'a__ask' })).toEqual(none)
    expect([...a.calls('tools/call'), ...b.calls('tools/call')]).toEqual([])
  })

  it('serves no URI that it does not select, however it is spelled', async () => {
    await using gateway = await start([
      { ...ANALYST, resources: ['file:///pub/*', 'portcullis://a/**'] },
    ])
    const peer = await connect(era, at(gateway, '/mcp/analyst'))
    for (const uri of [
      'file:///secret/a',
      'portcullis://a/file:///secret/a',
      'portcullis://b/file:///pub/both',
      'portcullis://b/file:///pub/x',
      'portcullis://b/file:///secret/b',
      'file:///secret/b',
      // what two servers list goes by its prefix, and a template must not lead round it
      'file:///pub/both',
      'file:///pub/../secret/b',
      'file:///pub/%2e%2e/secret/b',
      'FILE:///secret/a',
      'note://1',
    ])
      expect(await errorOf(peer, 'resources/read', { uri }), uri).toMatchObject({
        code: -32602,
        data: { uri },
      })
    expect([...a.calls('resources/read'), ...b.calls('resources/read')]).toEqual([])
    const read = async (uri: string) =>
      (await peer.request('resources/read', { uri })).response?.result?.contents
    expect(await read('portcullis://a/file:///pub/both')).toMatchObject([
      { text: 'file:///pub/both' },
    ])
    // what fits a template and is selected itself is served
    expect(await read('file:///pub/new')).toMatchObject([{ text: 'file:///pub/new' }])
  })

  it('refuses what a policy renames to something it does not select', async () => {
    const renames: CodeEntry = {
      name: 'renames',
      hooks: {
        tool_pre_invoke: ({ name }) => patch({ name: name === 'read_one' ? 'write' : 'read_one' }),
        resource_pre_fetch: () => patch({ uri: 'file:///secret/a' }),
      },
    }
    await using gateway = await start([ANALYST], [renames])
    const peer = await connect(era, at(gateway, '/mcp/analyst'))
    expect(await errorOf(peer, 'tools/call', { name: 'a__read_one' })).toMatchObject({
      code: -32602,
    })
    expect(await errorOf(peer, 'resources/read', { uri: 'file:///pub/a' })).toMatchObject({
      code: -32602,
    })
    expect([...a.calls('tools/call'), ...a.calls('resources/read')]).toEqual([])
    // within what it selects, and on the gateway as a whole, policies do what they always could
    expect(textOf(await peer.call('a__read_two'))).toBe('read_one')
    const whole = await connect(era, gateway.url)
    expect(textOf(await whole.call('a__read_one'))).toBe('write')
  })

  it('advertises what something of is selected, and says what it is for', async () => {
    const { capabilities, instructions } = await opened(era, {
      tools: ['b__write'],
      description: 'for analysts',
    })
    expect(Object.keys(capabilities)).toEqual(['tools', 'logging'])
    // of the servers it selects something of, and of no other
    expect(instructions).toBe('for analysts\n\nhow to use b')
    const other = await opened(era, { resources: ['note://*'], tools: ['a__nothing'] })
    expect(Object.keys(other.capabilities)).toEqual(['resources', 'logging'])
    expect(other.instructions).toBe('how to use a')
    const nothing = await opened(era, { tools: ['nobody__has_it'] })
    expect([nothing.capabilities, nothing.instructions]).toEqual([{}, undefined])
  })

  async function opened(era: Peer['era'], of: object) {
    await using gateway = await start([{ name: 'v', path: '/v', ...of }])
    const url = at(gateway, '/v')
    const result =
      era === 'legacy'
        ? (await openSession(url)).initialize.response?.result
        : (await (await connect(era, url)).request('server/discover')).response?.result
    return result as { capabilities: object; instructions?: string }
  }

  it('pages through what it selects, with cursors of its own', async () => {
    const many = await startRecorder({
      tools: Array.from({ length: 600 }, (_, index) => `t${index}`),
    })
    await using gateway = await runGateway({
      servers: [server('m', many.url)],
      virtual_servers: [
        { name: 'odd', path: '/odd', tools: ['*1', '*3', '*5', '*7', '*9'] },
        { name: 'even', path: '/even', tools: ['*'] },
      ],
    })
    const peer = await connect(era, at(gateway, '/odd'))
    const names: string[] = []
    let cursor: string | undefined
    do {
      const { result } = (await peer.request('tools/list', cursor ? { cursor } : {})).response ?? {}
      names.push(...((result?.tools ?? []) as { name: string }[]).map(({ name }) => name))
      cursor = result?.nextCursor as string | undefined
      if (cursor) {
        const even = await connect(era, at(gateway, '/even'))
        expect(await errorOf(even, 'tools/list', { cursor })).toMatchObject({ code: -32602 })
      }
    } while (cursor)
    expect(names).toHaveLength(300)
    expect(new Set(names).size).toBe(300)
    await many.close()
  })

  it('is seen by policies, conditions and the audit', async () => {
    const seen: unknown[] = []
    const entry: CodeEntry = {
      name: 'sees',
      hooks: { tool_pre_invoke: (_, ctx) => void seen.push([ctx.surface, ctx.virtualServer]) },
    }
    await using directory = await temporaryDirectory()
    const file = `${directory.path}/audit.jsonl`
    await using gateway = await start([ANALYST], [entry], {
      audit: { sinks: [{ type: 'file', path: file }] },
      plugins: {
        ...(pluginsSection([entry]) as { plugins: object }).plugins,
        allowed: ['sees', 'rules'],
      },
      policies: [
        {
          name: 'not-two',
          on: ['tool_pre_invoke'],
          when: 'virtualServer == "analyst" && payload.name == "read_two"',
          // biome-ignore lint/suspicious/noThenProperty: the word of the configuration
          then: 'deny',
          code: 'NO_TWO',
          reason: 'not here',
        },
      ],
    })
    const peer = await connect(era, at(gateway, '/mcp/analyst'))
    const whole = await connect(era, gateway.url)
    await peer.call('a__read_one')
    await whole.call('a__read_two')
    expect(seen).toEqual([
      ['http', 'analyst'],
      ['http', undefined],
    ])
    expect(textOf(await peer.call('a__read_two'))).toContain('NO_TWO')
    await gateway.observed()
    await eventually(async () => {
      const records = (await readFile(file, 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
      const refused = records.find(({ kind }) => kind === 'refusal')
      expect(refused).toMatchObject({ virtualServer: 'analyst', code: 'NO_TWO', surface: 'http' })
    })
  })
})

it('a session is known on the virtual server it was opened on, and nowhere else', async () => {
  await using gateway = await start([ANALYST, { ...ANALYST, name: 'other', path: '/other' }])
  const url = at(gateway, '/mcp/analyst')
  const { headers } = await openSession(url)
  const ask = (target: string, method = 'POST') =>
    rpc(target, { jsonrpc: '2.0', id: 1, method: 'ping' }, headers, { method })
  expect((await ask(url)).status).toBe(200)
  for (const target of [gateway.url, at(gateway, '/other')]) {
    for (const method of ['POST', 'GET', 'DELETE']) {
      const { status, response } = await ask(target, method)
      expect([status, response?.error?.data?.code]).toEqual([404, 'SESSION_UNKNOWN'])
    }
  }
  const { headers: whole } = await openSession(gateway.url)
  const crossed = await rpc(url, { jsonrpc: '2.0', id: 1, method: 'tools/list' }, whole)
  expect(crossed.status).toBe(404)
  expect((await ask(url)).status).toBe(200)
})

it('a server that is down is missed only where something of it could be selected', async () => {
  await b.close()
  await using gateway = await start([ANALYST, { name: 'b', path: '/b', tools: ['b__*'] }])
  const code = async (path: string) => {
    const peer = await connect('legacy', at(gateway, path))
    return (await errorOf(peer, 'tools/call', { name: 'b__read_one' })).data.code
  }
  expect(await code('/mcp/analyst')).toBe('WIRE_UNKNOWN_TARGET')
  expect(await code('/b')).toBe('UPSTREAM_UNAVAILABLE')
})

it('a change of lists is told to those who could see it', async () => {
  await using gateway = await start([
    { name: 'tools', path: '/tools', tools: ['*'] },
    { name: 'prompts', path: '/prompts', prompts: ['*'] },
  ])
  const streams = await Promise.all(
    ['/tools', '/prompts'].map((path) => openStream(at(gateway, path))),
  )
  a.announce({ method: 'notifications/prompts/list_changed' })
  await eventually(() => expect(streams[1]?.text()).toContain('prompts/list_changed'))
  a.announce({ method: 'notifications/tools/list_changed' })
  await eventually(() => expect(streams[0]?.text()).toContain('tools/list_changed'))
  expect(streams[0]?.text()).not.toContain('prompts/list_changed')
  expect(streams[1]?.text()).not.toContain('tools/list_changed')
  for (const stream of streams) stream.close()
})

async function openStream(url: string) {
  const { headers } = await openSession(url)
  const end = new AbortController()
  const answer = await fetch(url, {
    headers: { ...headers, accept: 'text/event-stream' },
    signal: end.signal,
  })
  let text = ''
  let ended = false
  void (async () => {
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>)
      text += Buffer.from(chunk).toString()
  })()
    .catch(() => {})
    .finally(() => {
      ended = true
    })
  return { text: () => text, ended: () => ended, close: () => end.abort(), headers }
}

it('a reload adds, changes and removes them, and those that stay go on', async () => {
  await using directory = await temporaryDirectory()
  const config = (virtual: object[]) => ({
    version: 1,
    ...LISTEN,
    servers: [server('a', a.url)],
    virtual_servers: virtual,
  })
  const write = (virtual: object[]) =>
    directory.write('gateway.yaml', JSON.stringify(config(virtual)))
  const stays = { name: 'stays', path: '/stays', tools: ['a__*'] }
  const goes = { name: 'goes', path: '/goes', tools: ['a__*'] }
  const configFile = await write([stays, goes])
  await using gateway = await runGateway({}, [], { configFile })
  const staying = await openStream(at(gateway, '/stays'))
  const going = await openStream(at(gateway, '/goes'))
  let running = true
  const failures: unknown[] = []
  const load = (async () => {
    while (running) {
      const { status, response } = await rpc(
        at(gateway, '/stays'),
        { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a__read_one' } },
        staying.headers,
      )
      if (status !== 200 || !response?.result) failures.push([status, response])
    }
  })()
  await write([
    { ...stays, tools: ['a__read_one'] },
    { name: 'comes', path: '/comes', tools: ['*'] },
  ])
  expect((await gateway.reload()).outcome).toBe('applied')
  const peer = await connect('legacy', at(gateway, '/comes'))
  expect(textOf(await peer.call('a__write'))).toBe('write')
  running = false
  await load
  expect(failures).toEqual([])
  // the one that is gone is not the whole gateway, and its sessions and streams have ended
  const gone = await rpc(at(gateway, '/goes'), { jsonrpc: '2.0', id: 1, method: 'ping' })
  expect([gone.status, gone.headers.get('content-type')]).toEqual([
    404,
    'application/problem+json; charset=utf-8',
  ])
  await eventually(() => expect(going.ended()).toBe(true))
  await eventually(() => expect(staying.text()).toContain('tools/list_changed'))
  const changed = await rpc(
    at(gateway, '/stays'),
    { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a__write' } },
    staying.headers,
  )
  expect(changed.response?.error?.code).toBe(-32602)
  staying.close()
})

it.each(ERAS)(
  'a %s client follows and completes what is selected, and nothing else',
  async (era) => {
    const own = { ...ALL, resources: { subscribe: true, listChanged: true }, completions: {} }
    const c = await offering('c', ['file:///pub/a', 'file:///secret/a'], [], own)
    await using gateway = await runGateway({
      servers: [server('c', c.url)],
      virtual_servers: [{ ...ANALYST, prompts: ['c__ask'] }],
    })
    const peer = await connect(era, at(gateway, '/mcp/analyst'))
    const argument = { name: 'x', value: '' }
    const complete = (name: string) => ({ ref: { type: 'ref/prompt', name }, argument })
    await peer.request('completion/complete', complete('c__ask'))
    expect(c.calls('completion/complete')).toHaveLength(1)
    const secret = await errorOf(peer, 'completion/complete', complete('c__secret'))
    expect(secret).toMatchObject({ code: -32602, data: { code: 'WIRE_UNKNOWN_TARGET' } })
    expect(c.calls('completion/complete')).toHaveLength(1)
    if (era === 'legacy') {
      await peer.request('resources/subscribe', { uri: 'file:///pub/a' })
      const refused = await errorOf(peer, 'resources/subscribe', { uri: 'file:///secret/a' })
      expect(refused).toMatchObject({ code: -32602 })
      expect(c.calls('resources/subscribe').map(({ message }) => message.params?.uri)).toEqual([
        'file:///pub/a',
      ])
    }
    await c.close()
  },
)

it('a subscription is granted what the virtual server has, and ends with it', async () => {
  await using directory = await temporaryDirectory()
  const write = (virtual: object[]) => {
    const whole = { version: 1, ...LISTEN, servers: [server('a', a.url)], virtual_servers: virtual }
    return directory.write('gateway.yaml', JSON.stringify(whole))
  }
  const configFile = await write([{ name: 'v', path: '/v', tools: ['a__*'] }])
  await using gateway = await runGateway({}, [], { configFile })
  const peer = await connect('modern', at(gateway, '/v'))
  const wanted = { toolsListChanged: true, promptsListChanged: true }
  const listening = peer.request('subscriptions/listen', { notifications: wanted })
  await eventually(() => expect(a.calls('tools/list').length).toBeGreaterThan(0))
  await new Promise((resolve) => setTimeout(resolve, 100))
  await write([])
  expect((await gateway.reload()).outcome).toBe('applied')
  const { messages } = await listening
  expect(messages[0]?.params?.notifications).toEqual({ toolsListChanged: true })
  expect(messages.at(-1)?.result).toMatchObject({ resultType: 'complete' })
})

it('a subscription that is still being judged when its virtual server goes ends, too', async () => {
  await using directory = await temporaryDirectory()
  const asked = Promise.withResolvers<void>()
  const judged = Promise.withResolvers<undefined>()
  const judge: CodeEntry = {
    name: 'judge',
    hooks: {
      resource_pre_subscribe() {
        asked.resolve()
        return judged.promise
      },
    },
  }
  const write = (virtual_servers: object[]) => {
    const servers = [server('a', a.url)]
    const whole = { version: 1, ...LISTEN, ...pluginsSection([judge]), servers, virtual_servers }
    return directory.write('gateway.yaml', JSON.stringify(whole))
  }
  const configFile = await write([{ name: 'v', path: '/v', tools: ['a__*'] }])
  await using gateway = await runGateway({}, [judge], { configFile })
  const peer = await connect('modern', at(gateway, '/v'))
  const notifications = { toolsListChanged: true }
  const listening = peer.request('subscriptions/listen', { notifications })
  await asked.promise
  await write([])
  expect((await gateway.gateway.reload()).outcome).toBe('applied')
  judged.resolve(undefined)
  const { messages } = await listening
  expect(messages.at(-1)?.result).toMatchObject({ resultType: 'complete' })
})

it('an unknown name cannot be mounted', async () => {
  const { createGateway } = await import('../../src/app/gateway.ts')
  const gateway = await createGateway({
    config: { version: 1, virtual_servers: [ANALYST] },
    plugins: pluginsOf([]),
    log: memoryLog(),
  })
  expect(() => gateway.mcp({ virtualServer: 'analist' })).toThrow(/analist/)
  expect(gateway.mcp({ virtualServer: 'analyst' })).toBeTypeOf('function')
  await gateway.close()
})
