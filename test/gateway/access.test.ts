// Permission decisions on the MCP plane: asked once a name is resolved and again when a policy changed it, before anything reaches a server.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { AuditEvent } from '../../src/audit/record.ts'
import type { PointName } from '../../src/plugin.ts'
import { ask, type Hooks, patch } from '../../src/plugin.ts'
import { openSession, type RpcAnswer, rpc } from '../support/rpc.ts'
import { callAnswering } from './answering.ts'
import { type Events, openEvents } from './events.ts'
import { bearer, type Guarded, guarded, no, YES } from './guarded.ts'
import { connect, ERAS, type Peer } from './peers.ts'
import { ABLE } from './questioner.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { runGateway, type Started, server } from './running.ts'

let recorder: Recorder
let started: Started
let identity: Guarded
/** What the entry after that does: it asks. */
let asks = false
let act: ((point: PointName, payload: never) => unknown) | undefined

const HOOKED = ['tool_pre_invoke', 'prompt_pre_fetch', 'resource_pre_fetch', 'resource_pre_subscribe'] as const // biome-ignore format: one list

beforeAll(async () => {
  recorder = await startRecorder({
    instructions: 'use it well',
    capabilities: { tools: {}, prompts: {}, resources: { subscribe: true }, completions: {} },
    tools: ['open', 'secret'],
    list: (method) =>
      ({
        'prompts/list': { prompts: [{ name: 'open' }, { name: 'secret' }] },
        'resources/list': {
          resources: [
            { uri: 'test://open', name: 'open' },
            { uri: 'test://secret', name: 'secret' },
          ],
        },
        'resources/templates/list': {
          resourceTemplates: [
            { uriTemplate: 'test://open/{id}', name: 'open' },
            { uriTemplate: 'test://secret/{id}', name: 'secret' },
          ],
        },
      })[method],
    call(received, answers) {
      if (received.message.method === 'completion/complete')
        return answers.result({ completion: { values: ['done'] } })
      if (received.message.method === 'prompts/get') return answers.result({ messages: [] })
      if (received.message.method === 'resources/read')
        return answers.result({ contents: [{ uri: 'test://open', text: 'done' }] })
      answers.result({ content: [{ type: 'text', text: 'done' }] })
    },
  })
  identity = guarded()
  const hooks = Object.fromEntries(
    HOOKED.map((point) => [point, (payload: never) => act?.(point, payload)]),
  ) as Hooks
  const config = {
    servers: [server('rec', recorder.url, { tenant: 'acme' })],
    virtual_servers: [{ name: 'part', path: '/part', tools: ['rec__*'], resources: ['**'] }],
    audit: { sinks: [{ type: 'log' }] },
  }
  const question: Hooks = {
    tool_pre_invoke: () => (asks ? ask({ message: 'sure?' }) : undefined),
  }
  const entries = [
    { name: 'acts', hooks },
    { name: 'asks', hooks: question },
  ]
  started = await runGateway(config, entries, { identity: identity.room })
})
afterAll(async () => {
  await started?.stop({ now: true })
  await recorder?.close()
})

const noSecrets: Guarded['rule'] = (_, __, { name }) =>
  name?.includes('secret') ? no('secrets are secret') : YES

beforeEach(() => {
  identity.rule = noSecrets
  identity.asked.length = 0
  act = undefined
  asks = false
})

const CALL = ['tools/call', { name: 'rec__secret', arguments: {} }] as const
const PROMPT = ['prompts/get', { name: 'rec__secret' }] as const
const READ = ['resources/read', { uri: 'test://secret' }] as const
const COMPLETE_PROMPT = [
  'completion/complete',
  { ref: { type: 'ref/prompt', name: 'rec__secret' }, argument: { name: 'a', value: 'b' } },
] as const
const COMPLETE_RESOURCE = [
  'completion/complete',
  { ref: { type: 'ref/resource', uri: 'test://secret/{id}' }, argument: { name: 'id', value: '' } },
] as const
type Sent = readonly [method: string, params: Record<string, unknown>]

const OPERATIONS: readonly (readonly [title: string, right: string, name: string, sent: Sent])[] = [
  ['tools/call', 'mcp:tool.call', 'secret', CALL],
  ['prompts/get', 'mcp:prompt.get', 'secret', PROMPT],
  ['resources/read', 'mcp:resource.read', 'test://secret', READ],
  ['completion/complete of a prompt', 'mcp:prompt.get', 'secret', COMPLETE_PROMPT],
  ['completion/complete of a template', 'mcp:resource.read', 'test://secret/{id}', COMPLETE_RESOURCE],
] // biome-ignore format: a table

/** What is asked of the server for somebody. */
const reached = () => recorder.seen.filter(({ message }) => /\/(call|get|read|complete|subscribe)$/.test(message.method ?? '')).length // biome-ignore format: one expression

function expectDenied({ status, response }: RpcAnswer, reason = 'secrets are secret'): void {
  expect(status).toBe(403)
  expect(response?.error).toEqual({
    code: -31001,
    message: `blocked by policy: ${reason}`,
    data: { code: 'AUTH_DENIED', reason, requestId: expect.any(String) },
  })
}

describe.each(ERAS)('in the %s era', (era) => {
  let peer: Peer
  beforeAll(async () => {
    peer = await connect(era, started.url, { headers: bearer('ann') })
  })
  const send = ([method, params]: Sent, more: object = {}) =>
    peer.request(method, { ...params, ...more })

  it.each(OPERATIONS)(
    '%s needs %s: without it -31001 and 403, and the server is not asked',
    async (_, right, name, sent) => {
      const before = reached()
      expectDenied(await send(sent))
      expect(identity.asked).toEqual([`ann ${right} ${name}`])
      expect(reached()).toBe(before)
    },
  )

  it.each(OPERATIONS)('%s with %s is answered by the server', async (_, right, name, sent) => {
    identity.rule = (_principal, action) => (action === right ? YES : no())
    const { status, response } = await send(sent)
    expect([status, response?.error]).toEqual([200, undefined])
    expect(identity.asked).toEqual([`ann ${right} ${name}`])
  })

  it('the rules are told whose the server is', async () => {
    const targets: unknown[] = []
    identity.rule = (_principal, _action, target) => {
      targets.push(target)
      return YES
    }
    await send(CALL)
    expect(targets).toEqual([{ kind: 'tool', server: 'rec', name: 'secret', tenant: 'acme' }])
  })

  it.each([
    ['tools/list', 'mcp:tool.list', ['rec__open']],
    ['prompts/list', 'mcp:prompt.list', ['rec__open']],
    ['resources/list', 'mcp:resource.list', ['open']],
    ['resources/templates/list', 'mcp:resource.list', ['open']],
  ])('%s shows what %s is there for, and is private', async (method, right, names) => {
    const { response } = await send([method, {}])
    const result = response?.result as Record<string, unknown>
    const [items] = Object.values(result).filter(Array.isArray)
    expect(items?.map(({ name }) => name)).toEqual(names)
    expect(identity.asked.map((asked) => asked.split(' ')[1])).toEqual([right, right])
    if (era === 'modern') expect(result).toMatchObject({ cacheScope: 'private', ttlMs: 0 })
  })

  it('a tool that is in no list cannot be called by somebody who knows its name', async () => {
    const listed = await send(['tools/list', {}])
    expect(JSON.stringify(listed.response?.result)).not.toContain('secret')
    expectDenied(await send(CALL))
  })

  const RENAMES: readonly (readonly [PointName, Sent, object])[] = [
    ['tool_pre_invoke', ['tools/call', { name: 'rec__open' }], { name: 'secret' }],
    ['prompt_pre_fetch', ['prompts/get', { name: 'rec__open' }], { name: 'secret' }],
    ['resource_pre_fetch', ['resources/read', { uri: 'test://open' }], { uri: 'test://secret' }],
  ]
  it.each(RENAMES)(
    'a rename at %s to what is forbidden is denied before the server is asked',
    async (point, sent, fields) => {
      act = (at) => (at === point ? patch(fields) : undefined)
      const before = reached()
      expectDenied(await send(sent))
      expect(reached()).toBe(before)
      expect(identity.asked.map((asked) => asked.split(' ').at(-1))).toEqual([
        String(Object.values(sent[1])[0]).replace('rec__', ''),
        Object.values(fields)[0],
      ])
    },
  )

  it.each(RENAMES)('a rename at %s to what is allowed goes on', async (point, sent, fields) => {
    identity.rule = () => YES
    act = (at) => (at === point ? patch(fields) : undefined)
    const { response } = await send(sent)
    expect(response?.error).toBeUndefined()
    expect(identity.asked).toHaveLength(2)
    expect(recorder.seen.at(-1)?.message.params).toMatchObject(fields)
  })

  it('a rename does not open what the caller may not do by its own name', async () => {
    act = (at) => (at === 'tool_pre_invoke' ? patch({ name: 'open' }) : undefined)
    expectDenied(await send(CALL))
    expect(identity.asked).toHaveLength(1)
  })

  it('nobody is asked to confirm a call that was renamed to something forbidden', async () => {
    const able = await connect(era, started.url, { capabilities: ABLE, headers: bearer('ann') })
    act = (at) => (at === 'tool_pre_invoke' ? patch({ name: 'secret' }) : undefined)
    asks = true
    const { asked, response } = await callAnswering(
      able,
      ['tools/call', { name: 'rec__open' }],
      () => ({ action: 'accept', content: {} }),
    )
    expect(asked).toEqual([])
    expect(response?.error?.data?.code).toBe('AUTH_DENIED')
  })

  it('a right that is lost between question and answer denies the confirmed call', async () => {
    const able = await connect(era, started.url, { capabilities: ABLE, headers: bearer('ann') })
    act = (at) => (at === 'tool_pre_invoke' ? ask({ message: 'sure?' }) : undefined)
    const before = reached()
    const { asked, response } = await callAnswering(
      able,
      ['tools/call', { name: 'rec__open' }],
      () => {
        identity.rule = () => no('not any more')
        return { action: 'accept', content: {} }
      },
    )
    expect(asked).toHaveLength(1)
    // the legacy era's call was permitted when it came; the modern one comes again, and is asked about again
    const denied = era === 'modern'
    expect(response?.error?.data?.reason).toBe(denied ? 'not any more' : undefined)
    expect(reached()).toBe(before + (denied ? 0 : 1))
  })

  it('too little scope is 403 with what would have done', async () => {
    identity.rule = () => no('scope missing', { scopes: ['tools', 'tools:call'] })
    const answer = await send(CALL)
    expectDenied(answer, 'scope missing')
    expect(answer.headers.get('www-authenticate')).toBe(
      'Bearer resource_metadata="https://gate.test/.well-known/oauth-protected-resource/api/mcp", error="insufficient_scope", scope="tools tools:call"',
    )
  })

  it('whoever is nobody in particular is told to come with credentials', async () => {
    const anonymous = await connect(era, started.url)
    const { status, headers, response } = await anonymous.request(...CALL)
    expect([status, response?.error?.code, response?.error?.data?.code]).toEqual([
      401,
      -31001,
      'AUTH_REQUIRED',
    ])
    expect(headers.get('www-authenticate')).toBe(
      'Bearer resource_metadata="https://gate.test/.well-known/oauth-protected-resource/api/mcp"',
    )
  })

  it('on a virtual server the same is asked', async () => {
    const part = await connect(era, new URL('/part', started.url).href, { headers: bearer('ann') })
    expectDenied(await part.request(...CALL))
    const { response } = await part.request('tools/list')
    expect(JSON.stringify(response?.result)).toContain('rec__open')
    expect(JSON.stringify(response?.result)).not.toContain('secret')
  })

  it('what a server says of itself is told to whoever may use something of it', async () => {
    const told = async (rule: Guarded['rule']) => {
      identity.rule = rule
      const { response } =
        era === 'modern'
          ? await peer.request('server/discover')
          : (await openSession(started.url, { headers: bearer('ann') })).initialize
      return response?.result?.instructions
    }
    expect(await told(noSecrets)).toBe('use it well')
    expect(await told((_, action) => (action === 'mcp:prompt.list' ? YES : no()))).toBe('use it well') // biome-ignore format: one expectation
    expect(await told((_, action) => (action.endsWith('.list') ? no() : YES))).toBeUndefined()
  })

  it('a fault of the rules fails closed', async () => {
    identity.rule = () => {
      throw new Error('broken')
    }
    const before = reached()
    expect((await send(CALL)).response?.error).toMatchObject({ code: -32603 })
    expect((await send(['tools/list', {}])).response?.error).toMatchObject({ code: -32603 })
    expect(reached()).toBe(before)
  })
})

describe('following resources', () => {
  it('resources/subscribe needs mcp:resource.subscribe, and again for what a policy made of the URI', async () => {
    const peer = await connect('legacy', started.url, { headers: bearer('ann') })
    identity.asked.length = 0
    expectDenied(await peer.request('resources/subscribe', { uri: 'test://secret' }))
    act = (at) => (at === 'resource_pre_subscribe' ? patch({ uri: 'test://secret' }) : undefined)
    expectDenied(await peer.request('resources/subscribe', { uri: 'test://open' }))
    expect(recorder.calls('resources/subscribe')).toEqual([])
    expect(identity.asked).toEqual([
      'ann mcp:resource.subscribe test://secret',
      'ann mcp:resource.subscribe test://open',
      'ann mcp:resource.subscribe test://secret',
    ])
  })

  it('each resource of a subscriptions/listen needs it', async () => {
    const peer = await connect('modern', started.url, { headers: bearer('ann') })
    const filter = (...uris: string[]) => ({ notifications: { resourceSubscriptions: uris } })
    const listen = (...uris: string[]) => peer.request('subscriptions/listen', filter(...uris))
    expectDenied(await listen('test://open', 'test://secret'))
    act = (at, payload: { uri?: string }) =>
      at === 'resource_pre_subscribe' && payload.uri ? patch({ uri: 'test://secret' }) : undefined
    expectDenied(await listen('test://open'))
  })
})

describe('a subscription that is open already', () => {
  const UPDATE = { method: 'notifications/resources/updated', params: { uri: 'test://open' } }
  const told = (events: Events) =>
    events.messages().filter(({ method }) => method === UPDATE.method).length

  it('of the legacy era tells nothing any more once the right is gone', async () => {
    const peer = await connect('legacy', started.url, { headers: bearer('ann') })
    const stream = await openEvents(started.url, { headers: peer.headers })
    await peer.request('resources/subscribe', { uri: 'test://open' })
    await expect.poll(() => recorder.streams()).toBeGreaterThan(0)
    recorder.announce(UPDATE)
    await expect.poll(() => told(stream)).toBe(1)
    const before = identity.asked.length
    identity.rule = () => no('not any more')
    recorder.announce(UPDATE)
    await expect.poll(() => identity.asked.length).toBe(before + 1)
    identity.rule = () => YES
    recorder.announce(UPDATE)
    await expect.poll(() => told(stream)).toBe(2)
    expect(identity.asked.slice(before)).toEqual([
      'ann mcp:resource.subscribe test://open',
      'ann mcp:resource.subscribe test://open',
    ])
    stream.leave()
  })
})

describe('where a denial has no status of its own', () => {
  it('in a batch each element is denied by itself', async () => {
    const { headers } = await openSession(started.url, {
      version: '2025-03-26',
      headers: bearer('ann'),
    })
    const element = (id: number, name: string) => ({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name },
    })
    const { status, messages } = await rpc(
      started.url,
      [element(1, 'rec__secret'), element(2, 'rec__open')],
      headers,
    )
    expect(status).toBe(200)
    expect(messages.map(({ id, error }) => [id, error?.data?.code])).toEqual([
      [1, 'AUTH_DENIED'],
      [2, undefined],
    ])
  })

  it('a client that takes nothing but streams gets the status, too, while no stream has begun', async () => {
    const peer = await connect('legacy', started.url, {
      headers: { ...bearer('ann'), accept: 'text/event-stream' },
    })
    const { status, response } = await peer.request(...CALL)
    expect([status, response?.error?.data?.code]).toEqual([403, 'AUTH_DENIED'])
  })
})

describe('what is told of it', () => {
  it('a denial by the rules is audited with right, target and reason, and once', async () => {
    const peer = await connect('modern', started.url, { headers: bearer('ann') })
    const before = started.lines.length
    await peer.request(...CALL)
    await started.observed()
    const audited = started.lines.slice(before).map(({ fields }) => fields.audit as AuditEvent)
    expect(audited.filter((event) => event?.kind === 'decision')).toMatchObject([
      {
        code: 'AUTH_DENIED',
        reason: 'secrets are secret',
        server: 'rec',
        target: 'secret',
        action: 'mcp:tool.call',
        principal: { id: 'ann' },
      },
    ])
  })
})
