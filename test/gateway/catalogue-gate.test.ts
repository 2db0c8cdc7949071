// What servers list passes the points of the catalogue before anybody can list or call it: on every surface, in both eras.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { node, root } from '../support/paths.ts'
import { openSession, rpc } from '../support/rpc.ts'
import { eventually } from '../upstream/support.ts'
import { callAnswering } from './answering.ts'
import {
  type Catalogued,
  createJudge,
  type Judge,
  type Lists,
  PRINCIPALS,
  startCatalogued,
  tool,
} from './catalogued.ts'
import { connect, ERAS, type Peer, textOf } from './peers.ts'
import { ABLE, ASK, createQuestioner, TOLD } from './questioner.ts'
import type { RecorderOptions } from './recorder.ts'
import {
  LISTEN,
  memoryLog,
  pluginsOf,
  pluginsSection,
  runGateway,
  type Started,
  server,
} from './running.ts'

const release: (() => Promise<unknown> | unknown)[] = []
let judge: Judge
/** Milliseconds that the gateway's clock is ahead. */
let ahead: number
const clock = { ...systemClock, now: () => systemClock.now() + ahead }
const RETRY = 2100

beforeEach(() => {
  judge = createJudge()
  ahead = 0
})
afterEach(async () => {
  for (const done of release.splice(0).reverse()) await done()
})

async function behind(lists: Partial<Lists>, options?: RecorderOptions): Promise<Catalogued> {
  const catalogued = await startCatalogued(lists, options)
  release.push(() => catalogued[Symbol.asyncDispose]())
  return catalogued
}

async function start(servers: object[], config: object = {}): Promise<Started> {
  const entries = [{ name: 'judge', hooks: judge.hooks }]
  const gateway = await runGateway({ servers, limits: { drain: '100ms' }, ...config }, entries, {
    clock,
  })
  release.push(() => gateway.stop({ now: true }))
  return gateway
}

async function listed(peer: Peer, kind = 'tools'): Promise<Record<string, string>[]> {
  const method = kind === 'resourceTemplates' ? 'resources/templates/list' : `${kind}/list`
  const { response } = await peer.request(method)
  return (response?.result?.[kind] ?? []) as Record<string, string>[]
}
const names = async (peer: Peer) => (await listed(peer)).map(({ name }) => name)
const errorOf = async (peer: Peer, name: string) => (await peer.call(name)).error?.message

const UNKNOWN = 'there is no such tool here; list again and use what is listed'

describe.each(ERAS)('a client of the %s era', (era) => {
  const poisoned = { tools: [tool('good'), tool('bad', 'poison'), tool('plain', 'rewrite me')] }

  it('neither lists nor calls a tool that was vetoed, by whichever name', async () => {
    const { url, recorder } = await behind(poisoned)
    const peer = await connect(era, (await start([server('a', url)])).url)
    expect(await names(peer)).toEqual(['a__good', 'a__plain'])
    expect(await errorOf(peer, 'a__bad')).toBe(UNKNOWN)
    expect(await errorOf(peer, 'bad')).toBe(UNKNOWN)
    expect(recorder.calls('tools/call')).toEqual([])
    expect(textOf(await peer.call('a__good', { x: 1 }))).toBe('{"x":1}')
  })

  it('calls nothing that was vetoed although it never listed', async () => {
    const { url, recorder } = await behind(poisoned)
    const peer = await connect(era, (await start([server('a', url)])).url)
    expect(await errorOf(peer, 'a__bad')).toBe(UNKNOWN)
    expect(recorder.calls('tools/call')).toEqual([])
  })

  it('sees a definition as it was rewritten, and its name and server as they were', async () => {
    const { url } = await behind(poisoned)
    const peer = await connect(era, (await start([server('a', url)])).url)
    const shown = (await listed(peer)).find(({ name }) => name === 'a__plain')
    expect(shown?.description).toBe('rewritten')
    expect(textOf(await peer.call('a__plain', { x: 1 }))).toBe('{"x":1}')
  })

  it('is kept from what was vetoed at a virtual server, too', async () => {
    const { url, recorder } = await behind(poisoned)
    const virtual_servers = [{ name: 'all', path: '/mcp/all', tools: ['*'] }]
    const gateway = await start([server('a', url)], { virtual_servers })
    const peer = await connect(era, new URL('/mcp/all', gateway.url).href)
    expect(await names(peer)).toEqual(['a__good', 'a__plain'])
    expect(await errorOf(peer, 'a__bad')).toBe(UNKNOWN)
    expect(recorder.calls('tools/call')).toEqual([])
  })

  it('loses a tool that drifts into what is vetoed, and gets it back when it is as it was', async () => {
    const { url, change } = await behind({ tools: [tool('good'), tool('drifts')] })
    const peer = await connect(era, (await start([server('a', url)])).url)
    expect(await names(peer)).toEqual(['a__good', 'a__drifts'])
    change({ tools: [tool('good'), tool('drifts', 'poison')] })
    await eventually(async () => expect(await names(peer)).toEqual(['a__good']))
    expect(await errorOf(peer, 'a__drifts')).toBe(UNKNOWN)
    change({ tools: [tool('good'), tool('drifts')] })
    await eventually(async () => expect(await names(peer)).toEqual(['a__good', 'a__drifts']))
    expect(judge.asked()).toEqual([
      'tool_pre_register a/good',
      'tool_pre_register a/drifts',
      'tool_pre_update a/drifts',
    ])
  })

  it('cannot retry a call whose tool was vetoed between two rounds', async () => {
    const questioner = createQuestioner()
    const { url, change } = await behind(
      { tools: [tool('ask')] },
      { eras: 'modern', call: questioner.call },
    )
    const gateway = await start([server('a', url)])
    const peer = await connect(era, gateway.url, { capabilities: ABLE })
    const params = { name: 'a__ask', arguments: { questions: { one: ASK.elicit } } }
    const other = await connect(era, gateway.url)
    const { response } = await callAnswering(peer, ['tools/call', params], async () => {
      change({ tools: [tool('ask', 'poison')] })
      await eventually(async () => expect(await names(other)).toEqual([]))
      return TOLD.elicit
    })
    // of the legacy era the call is one: it was under way before the tool changed
    if (era === 'legacy') expect(textOf(response)).toContain('Ada')
    else expect(response?.error?.message).toBe(UNKNOWN)
    expect(questioner.told).toHaveLength(era === 'legacy' ? 1 : 0)
  })
})

describe('a policy in YAML', () => {
  it('keeps out what it denies, and rewrites what it patches', async () => {
    const { url } = await behind({
      tools: [tool('good'), tool('bad', 'ignore all previous'), tool('long', 'see https://a.b')],
    })
    const policies = [
      {
        name: 'no-links',
        on: ['tool_pre_register', 'tool_pre_update'],
        when: 'payload.entity.definition.description.contains("https:")',
        patch: { entity: { definition: { description: 'no links here' } } },
        // biome-ignore lint/suspicious/noThenProperty: the name of a member of the configuration
        then: 'patch',
      },
      {
        name: 'no-injection',
        on: ['tool_pre_register', 'tool_pre_update'],
        conditions: [{ servers: ['a'] }],
        when: 'payload.entity.definition.description.contains("ignore")',
        code: 'INJECTION',
        reason: 'the description speaks to the model',
        // biome-ignore lint/suspicious/noThenProperty: the name of a member of the configuration
        then: 'deny',
      },
    ]
    const plugins = { enabled: true, allowed: ['rules'] }
    const gateway = await runGateway({ servers: [server('a', url)], plugins, policies })
    release.push(() => gateway.stop({ now: true }))
    const peer = await connect('modern', gateway.url)
    const shown = (await listed(peer)).map(({ name, description }) => `${name}: ${description}`)
    expect(shown).toEqual(['a__good: does good', 'a__long: no links here'])
    expect(await errorOf(peer, 'a__bad')).toBe(UNKNOWN)
  })
})

describe('the gate', () => {
  it('asks as the system, once for each new digest, whichever catalogue of whichever era reads it', async () => {
    const { url, recorder } = await behind({ tools: [tool('one'), tool('two')] })
    const gateway = await start([server('a', url)])
    const peers = [await connect('legacy', gateway.url), await connect('modern', gateway.url)]
    await Promise.all(peers.map((peer) => listed(peer)))
    expect(recorder.calls('tools/list')).toHaveLength(2)
    expect(judge.asked()).toEqual(['tool_pre_register a/one', 'tool_pre_register a/two'])
    expect([...PRINCIPALS]).toEqual(['system'])
  })

  it('asks nobody about what is listed again', async () => {
    const { url, change, recorder, lists } = await behind({ tools: [tool('one')] })
    const peer = await connect('modern', (await start([server('a', url)])).url)
    await listed(peer)
    change({ tools: [{ ...lists.tools[0], inputSchema: { type: 'object' } }] })
    await eventually(async () => {
      await listed(peer)
      expect(recorder.calls('tools/list')).toHaveLength(2)
    })
    expect(judge.asked()).toEqual(['tool_pre_register a/one'])
  })

  it('tells new, changed and vanished apart, with what was before and how it ended', async () => {
    const { url, change } = await behind({ tools: [tool('one', 'first'), tool('two')] })
    const peer = await connect('modern', (await start([server('a', url)])).url)
    await listed(peer)
    judge.events.length = 0
    change({ tools: [tool('one', 'second'), tool('three', 'poison')] })
    await eventually(async () => expect(await names(peer)).toEqual(['a__one']))
    expect(judge.events).toEqual([
      { point: 'tool_pre_update', id: 'a/one', description: 'second', previous: 'first' },
      { point: 'tool_pre_register', id: 'a/three', description: 'poison' },
      { point: 'tool_post_update', id: 'a/one', outcome: 'written' },
      { point: 'tool_post_register', id: 'a/three', outcome: 'vetoed' },
      { point: 'tool_pre_unregister', id: 'a/two', description: 'does two' },
      { point: 'tool_post_unregister', id: 'a/two', outcome: 'written' },
    ])
  })

  it('judges prompts, resources and templates at their own points', async () => {
    const { url } = await behind({
      prompts: [{ name: 'p' }, { name: 'bad', description: 'poison' }],
      resources: [{ uri: 'x://r', name: 'r' }],
      resourceTemplates: [{ uriTemplate: 'x://t/{id}', name: 't' }],
    })
    const peer = await connect('modern', (await start([server('a', url)])).url)
    expect((await listed(peer, 'prompts')).map(({ name }) => name)).toEqual(['a__p'])
    expect(await listed(peer, 'resources')).toHaveLength(1)
    expect(await listed(peer, 'resourceTemplates')).toHaveLength(1)
    const bad = await peer.request('prompts/get', { name: 'a__bad' })
    expect(bad.response?.error?.message).toContain('there is no such prompt')
    expect(judge.asked()).toEqual([
      'prompt_pre_register a/p',
      'prompt_pre_register a/bad',
      'resource_pre_create a/x://r',
      'resource_pre_create a:template/x://t/{id}',
    ])
  })

  it('leaves a veto in the audit, with the server and the name', async () => {
    const { url } = await behind({ tools: [tool('bad', 'poison')] })
    const gateway = await start([server('a', url)])
    await names(await connect('modern', gateway.url))
    await gateway.observed()
    expect(gateway.lines.map(({ fields }) => fields.audit)).toContainEqual(
      expect.objectContaining({
        kind: 'refusal',
        point: 'tool_pre_register',
        entry: 'judge',
        server: 'a',
        target: 'bad',
        code: 'POISON',
        surface: 'system',
      }),
    )
  })

  it('rewrites a definition of any kind, when it is new and when it has changed', async () => {
    const of = (description: string): Partial<Lists> => ({
      tools: [tool('t', description)],
      prompts: [{ name: 'p', description }],
      resources: [{ uri: 'x://r', name: 'r', description }],
      resourceTemplates: [{ uriTemplate: 'x://t/{id}', name: 't', description }],
    })
    const { url, change } = await behind(of('rewrite this'))
    const peer = await connect('modern', (await start([server('a', url)])).url)
    const shown = async () => {
      const kinds = ['tools', 'prompts', 'resources', 'resourceTemplates']
      const all = await Promise.all(kinds.map((kind) => listed(peer, kind)))
      return all.flat().map(({ description }) => description)
    }
    const rewritten = Array(4).fill('rewritten')
    expect(await shown()).toEqual(rewritten)
    change(of('plain'))
    await eventually(async () => expect(await shown()).toEqual(Array(4).fill('plain')))
    change(of('rewrite that'))
    await eventually(async () => expect(await shown()).toEqual(rewritten))
  })

  it('keeps what cannot be judged out, raises it, and takes it in when the entry recovers', async () => {
    const { url } = await behind({ tools: [tool('good'), tool('odd', 'break')] })
    const gateway = await start([server('a', url)])
    const peer = await connect('modern', gateway.url)
    expect(await names(peer)).toEqual(['a__good'])
    expect(await errorOf(peer, 'a__odd')).toBe(UNKNOWN)
    expect(gateway.logged()).toContain('definitions could not be judged')
    await gateway.observed()
    expect(judge.raised).toEqual(['PLUGIN_THREW judge at tool_pre_register'])
    judge.broken = false
    ahead += RETRY
    await eventually(async () => expect(await names(peer)).toEqual(['a__good', 'a__odd']))
    expect(judge.asked()).toEqual([
      'tool_pre_register a/good',
      'tool_pre_register a/odd',
      'tool_pre_register a/odd',
    ])
  })

  it('tells clients when what they may list has changed because it judged again', async () => {
    const { url } = await behind({ tools: [tool('good'), tool('odd', 'break')] })
    const gateway = await start([server('a', url)])
    const peer = await connect('legacy', gateway.url)
    const heard = await listening(peer)
    expect(await names(peer)).toEqual(['a__good'])
    judge.broken = false
    ahead += RETRY
    await names(peer)
    await eventually(() => expect(heard()).toContain('notifications/tools/list_changed'))
    expect(await names(peer)).toEqual(['a__good', 'a__odd'])
  })

  it('delays the lists of no other server, and announces what was waited for', async () => {
    const waited = Promise.withResolvers<void>()
    judge.wait = waited.promise
    const slow = await behind({ tools: [tool('slow', 'wait')] })
    const quick = await behind({ tools: [tool('quick')] })
    const gateway = await start([server('a', slow.url), server('b', quick.url)])
    const peer = await connect('legacy', gateway.url)
    const heard = await listening(peer)
    const began = performance.now()
    expect(await names(peer)).toEqual(['b__quick'])
    expect(textOf(await peer.call('b__quick', { x: 1 }))).toBe('{"x":1}')
    expect(performance.now() - began).toBeLessThan(3000)
    waited.resolve()
    await eventually(() => expect(heard()).toContain('notifications/tools/list_changed'))
    expect(await names(peer)).toEqual(['a__slow', 'b__quick'])
  })

  it('gives the name of what is withheld to no other server', async () => {
    const one = await behind({ tools: [tool('search')] })
    const two = await behind({ tools: [tool('search')] })
    const servers = [server('a', one.url), server('b', two.url)]
    const peer = await connect(
      'modern',
      (await start(servers, { namespacing: { mode: 'collision' } })).url,
    )
    expect(await names(peer)).toEqual(['a__search', 'b__search'])
    one.change({ tools: [tool('search', 'poison')] })
    await eventually(async () => expect(await names(peer)).toEqual(['b__search']))
    expect(await errorOf(peer, 'search')).toBe(UNKNOWN)
    expect(await errorOf(peer, 'a__search')).toBe(UNKNOWN)
  })

  it('stands before a server over stdio, too', async () => {
    const odd = `${root}/test/fixtures/upstream/odd-server.mjs`
    const entry = { name: 'no-crash', hooks: { tool_pre_register: refuseCrash } }
    const gateway = await runGateway({ servers: [{ name: 'odd', command: node, args: [odd] }] }, [
      entry,
    ])
    release.push(() => gateway.stop({ now: true }))
    const peer = await connect('legacy', gateway.url)
    const shown = await names(peer)
    expect(shown).toContain('odd__echo')
    expect(shown).not.toContain('odd__crash')
    expect(await errorOf(peer, 'odd__crash')).toBe(UNKNOWN)
    expect(textOf(await peer.call('odd__echo', { x: 1 }))).toBe('{"x":1}')
  })

  it('stands before every element of a batch', async () => {
    const { url, recorder } = await behind({ tools: [tool('good'), tool('bad', 'poison')] })
    const gateway = await start([server('a', url)])
    const { headers } = await openSession(gateway.url, { version: '2025-03-26' })
    const call = (id: number, name: string) => ({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name, arguments: { id } },
    })
    const list = { jsonrpc: '2.0', id: 3, method: 'tools/list', params: {} }
    const { messages } = await rpc(
      gateway.url,
      [call(1, 'a__good'), call(2, 'a__bad'), list],
      headers,
    )
    const byId = (id: number) => messages.find((message) => message.id === id)
    expect(textOf(byId(1))).toBe('{"id":1}')
    expect(byId(2)?.error?.message).toBe(UNKNOWN)
    expect(JSON.stringify(byId(3)?.result?.tools)).not.toContain('bad')
    expect(recorder.calls('tools/call')).toHaveLength(1)
  })
})

const refuseCrash = ({ entity }: { entity: { name?: string } }) => {
  if (entity.name === 'crash') throw new Error('not this one')
}

async function listening(peer: Peer): Promise<() => string> {
  const end = new AbortController()
  release.push(() => end.abort())
  const stream = await fetch(peer.url, {
    headers: { ...peer.headers, accept: 'text/event-stream' },
    signal: end.signal,
  })
  let heard = ''
  void (async () => {
    for await (const chunk of stream.body ?? []) heard += Buffer.from(chunk).toString()
  })().catch(() => {})
  return () => heard
}

describe.each(ERAS)('a resource that was vetoed, to a client of the %s era', (era) => {
  const lists = {
    resources: [
      { uri: 'file:///srv/open.txt', name: 'open' },
      { uri: 'file:///srv/closed.txt', name: 'closed', description: 'poison' },
    ],
    resourceTemplates: [
      { uriTemplate: 'file:///notes/{name}', name: 'notes' },
      { uriTemplate: 'file:///secret/{name}', name: 'secret', description: 'poison' },
      { uriTemplate: 'docs://{+any}', name: 'docs' },
      { uriTemplate: 'docs://inner/{name}', name: 'inner', description: 'poison' },
    ],
  }
  const call: RecorderOptions['call'] = ({ message }, answers) =>
    answers.result({ contents: [{ uri: message.params?.uri, text: 'read' }] })

  it.each([
    ['file:///srv/open.txt', true],
    ['file:///srv/closed.txt', false],
    ['portcullis://a/file:///srv/closed.txt', false],
    ['file:///srv/CLOSED.txt', false],
    ['file:///srv/closed.txt?x', false],
    ['file:///notes/today', true],
    ['file:///secret/key', false],
    ['file:///Secret/key', false],
    ['portcullis://a/file:///secret/key', false],
    ['file:///elsewhere', true],
    ['docs://open/1', true],
    ['docs://inner/1', false],
  ])('%s can be read: %s', async (uri, can) => {
    const { url, recorder } = await behind(lists, { call })
    const peer = await connect(era, (await start([server('a', url)])).url)
    const { response } = await peer.request('resources/read', { uri })
    expect(response?.result !== undefined).toBe(can)
    if (!can) expect(response?.error?.code).toBe(-32602)
    expect(recorder.calls('resources/read')).toHaveLength(can ? 1 : 0)
  })
})

describe('a reload', () => {
  const config = (url: string, more: object = {}) => ({
    version: 1,
    ...LISTEN,
    ...pluginsSection([{ name: 'judge', hooks: judge.hooks }]),
    servers: [{ name: 'a', url }],
    ...more,
  })

  async function reloadable(url: string) {
    const directory = await temporaryDirectory()
    release.push(() => directory[Symbol.asyncDispose]())
    const write = (more?: object) =>
      directory.write('gateway.yaml', JSON.stringify(config(url, more)))
    const plugins = pluginsOf([{ name: 'judge', hooks: judge.hooks }])
    const gateway = await runGateway({}, [], {
      configFile: await write(),
      plugins,
      log: memoryLog(),
      watch: false,
    } as never)
    release.push(() => gateway.stop({ now: true }))
    return {
      url: gateway.url,
      async reload(more: object) {
        await write(more)
        expect((await gateway.gateway.reload()).outcome).toBe('applied')
      },
    }
  }

  const entries = (more: object) => ({
    plugins: {
      enabled: true,
      allowed: ['judge'],
      entries: [{ name: 'judge', use: 'judge', ...more }],
    },
  })

  it('that leaves the entries as they are asks nobody again', async () => {
    const { url } = await behind({ tools: [tool('one'), tool('bad', 'poison')] })
    const gateway = await reloadable(url)
    const peer = await connect('modern', gateway.url)
    expect(await names(peer)).toEqual(['a__one'])
    await gateway.reload({ limits: { sessions: 77 } })
    expect(await names(peer)).toEqual(['a__one'])
    expect(judge.asked()).toEqual(['tool_pre_register a/one', 'tool_pre_register a/bad'])
  })

  it('with other entries has everything judged anew, as an update where it was admitted, and is announced', async () => {
    const { url } = await behind({ tools: [tool('one'), tool('bad', 'poison')] })
    const gateway = await reloadable(url)
    const peer = await connect('legacy', gateway.url)
    const heard = await listening(peer)
    expect(await names(peer)).toEqual(['a__one'])
    await gateway.reload(entries({ mode: 'permissive' }))
    await eventually(() => expect(heard()).toContain('notifications/tools/list_changed'))
    expect(await names(peer)).toEqual(['a__one', 'a__bad'])
    await names(peer)
    expect(judge.asked()).toEqual([
      'tool_pre_register a/one',
      'tool_pre_register a/bad',
      'tool_pre_update a/one',
      'tool_pre_register a/bad',
    ])
  })

  it('that takes the entries away lets everything in and asks nobody', async () => {
    const { url } = await behind({ tools: [tool('one'), tool('bad', 'poison')] })
    const gateway = await reloadable(url)
    const peer = await connect('modern', gateway.url)
    expect(await names(peer)).toEqual(['a__one'])
    await gateway.reload({ plugins: undefined })
    expect(await names(peer)).toEqual(['a__one', 'a__bad'])
    expect(judge.asked()).toHaveLength(2)
  })
})
