// The table of points held against the gateway: every writable field takes effect, every answer is given, every fault fails closed.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, deny, type Hooks, patch, respond } from '../../src/plugin.ts'
import { declarationOf, type PointName, WIRED_POINTS } from '../../src/points/table.ts'
import { callAnswering } from '../gateway/answering.ts'
import { connect, ERAS, type Peer, textOf } from '../gateway/peers.ts'
import { ABLE, ASK, createQuestioner, TOLD } from '../gateway/questioner.ts'
import { type Recorder, startRecorder } from '../gateway/recorder.ts'
import { runGateway, type Started, server } from '../gateway/running.ts'
import type { RpcAnswer } from '../support/rpc.ts'

const TEXT = (text: string) => [{ type: 'text', text }]

/** How a client reaches each point that stands in the way of a request. */
const CALL = ['tools/call', { name: 'rec__echo', arguments: { a: 1 } }] as const
const PROMPT = ['prompts/get', { name: 'rec__hello', arguments: { a: 'b' } }] as const
const READ = ['resources/read', { uri: 'test://one' }] as const
const COMPLETE = [
  'completion/complete',
  { ref: { type: 'ref/prompt', name: 'rec__hello' }, argument: { name: 'a', value: 'b' } },
] as const
const REQUESTS: Readonly<Partial<Record<PointName, readonly [string, object]>>> = {
  http_pre_request: CALL,
  http_post_request: CALL,
  tool_pre_invoke: CALL,
  tool_post_invoke: CALL,
  prompt_pre_fetch: PROMPT,
  prompt_post_fetch: PROMPT,
  resource_pre_fetch: READ,
  resource_post_fetch: READ,
  argument_pre_complete: COMPLETE,
  argument_post_complete: COMPLETE,
  tool_post_list: ['tools/list', {}],
  prompt_post_list: ['prompts/list', {}],
  resource_post_list: ['resources/list', {}],
}
const FAILING: typeof REQUESTS = {
  tool_post_invoke: ['tools/call', { name: 'rec__echo', arguments: { fail: true } }],
  prompt_post_fetch: ['prompts/get', { name: 'rec__hello', arguments: { fail: 'yes' } }],
  resource_post_fetch: ['resources/read', { uri: 'test://fail' }],
  argument_post_complete: [
    'completion/complete',
    { ref: COMPLETE[1].ref, argument: { name: 'fail', value: '' } },
  ],
}

/** How a call makes its server ask the client something that passes each point. */
const ASKED = {
  completion_pre_request: 'sample',
  completion_post_response: 'sample',
  elicitation_pre_create: 'elicit',
  elicitation_post_response: 'elicit',
  roots_post_list: 'roots',
} as const satisfies Partial<Record<PointName, keyof typeof ASK>>
type AskedPoint = keyof typeof ASKED
const asking = (key: keyof typeof ASK) =>
  ['tools/call', { name: 'rec__ask', arguments: { questions: { [key]: ASK[key] } } }] as const

const questioner = createQuestioner()
let recorder: Recorder
let gateway: Started
/** What the plugin does at its next turns; nothing unless a test says so. */
let act: ((point: PointName, payload: never) => unknown) | undefined

beforeAll(async () => {
  recorder = await startRecorder({
    capabilities: { tools: {}, prompts: {}, resources: {}, completions: {} },
    tools: ['echo', 'other', 'work', 'hang', 'ask'],
    list: (method) =>
      ({
        'prompts/list': { prompts: [{ name: 'hello' }, { name: 'other' }] },
        'resources/list': { resources: [{ uri: 'test://one', name: 'one' }] },
      })[method],
    call: (received, answers) => {
      const { message } = received
      const params = (message.params ?? {}) as {
        name?: string
        uri?: string
        arguments?: { fail?: unknown }
        argument?: { name: string }
        _meta?: { progressToken?: unknown }
      }
      if (params.name === 'hang') return
      if (params.name === 'ask' || message.method === undefined)
        return questioner.call(received, answers)
      if (params.name === 'work') {
        const { progressToken } = params._meta ?? {}
        const progress = { progressToken, progress: 1, message: 'secret' }
        const result = { content: [], resultType: 'complete' }
        return answers.events([
          { method: 'notifications/progress', params: progress },
          { id: message.id, result },
        ])
      }
      const fails = params.arguments?.fail || params.argument?.name === 'fail'
      if (fails || params.uri === 'test://fail')
        return answers.error({ code: -32000, message: 'it failed', data: { why: 'because' } })
      if (message.method === 'completion/complete')
        return answers.result({ completion: { values: ['a', 'b'], hasMore: false } })
      if (message.method === 'prompts/get')
        return answers.result({
          description: 'a prompt',
          messages: [{ role: 'user', content: { type: 'text', text: 'hello' } }],
        })
      if (message.method === 'resources/read')
        return answers.result({ contents: [{ uri: 'test://one', text: 'one' }] })
      answers.result({ content: TEXT('done'), structuredContent: { a: 1 } })
    },
  })
  const hooks = Object.fromEntries(
    WIRED_POINTS.filter((point) => !/^(plugin|config)_/.test(point)).map((point) => [
      point,
      (payload: never) => act?.(point, payload),
    ]),
  ) as Hooks
  gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [{ name: 'acts', hooks }])
})
afterAll(async () => {
  await gateway?.stop({ now: true })
  await recorder?.close()
})

async function request(peer: Peer, [method, params]: readonly [string, object]) {
  act = undefined
  return peer.request(method, params as Record<string, unknown>)
}

/** The same request, with something happening at one point. */
async function requestWith(
  peer: Peer,
  sent: readonly [string, object],
  at: PointName,
  what: (payload: never) => unknown,
): Promise<RpcAnswer> {
  act = (point, payload) => (point === at ? what(payload) : undefined)
  try {
    return await peer.request(sent[0], sent[1] as Record<string, unknown>)
  } finally {
    act = undefined
  }
}

type Row = readonly [point: PointName, field: string, value: unknown]

/** What the server is sent instead. */
const INPUTS: readonly Row[] = [
  ['tool_pre_invoke', 'name', 'other'],
  ['tool_pre_invoke', 'arguments', { b: 2 }],
  ['prompt_pre_fetch', 'name', 'other'],
  ['prompt_pre_fetch', 'arguments', { c: 'd' }],
  ['resource_pre_fetch', 'uri', 'test://two'],
  ['argument_pre_complete', 'argument', { name: 'a', value: 'changed' }],
]
/** What the client gets instead. */
const OUTPUTS: readonly Row[] = [
  ['tool_post_invoke', 'content', TEXT('changed')],
  ['tool_post_invoke', 'structuredContent', { b: 2 }],
  ['tool_post_invoke', 'isError', true],
  ['tool_post_invoke', '_meta', { changed: true }],
  ['prompt_post_fetch', 'messages', []],
  ['prompt_post_fetch', 'description', 'changed'],
  ['prompt_post_fetch', '_meta', { changed: true }],
  ['resource_post_fetch', 'contents', [{ uri: 'test://one', text: 'changed' }]],
  ['resource_post_fetch', '_meta', { changed: true }],
]
const ERRORS: readonly Row[] = [
  ['tool_post_invoke', 'error', { message: 'changed' }],
  ['prompt_post_fetch', 'error', { message: 'changed', data: { b: 2 } }],
  ['resource_post_fetch', 'error', { data: { c: 3 } }],
  ['argument_post_complete', 'error', { message: 'changed', data: { d: 4 } }],
]
const LISTS: readonly Row[] = [
  ['tool_post_list', 'items', 'tools'],
  ['prompt_post_list', 'items', 'prompts'],
  ['resource_post_list', 'items', 'resources'],
]
/** What the client is asked instead; the schema of a form is called otherwise on the wire. */
const QUESTIONS = [
  ['completion_pre_request', 'messages', [{ role: 'user', content: TEXT('changed')[0] }]],
  ['completion_pre_request', 'modelPreferences', { hints: [{ name: 'small' }] }],
  ['completion_pre_request', 'systemPrompt', 'changed'],
  ['completion_pre_request', 'tools', [{ name: 'own', inputSchema: { type: 'object' } }]],
  ['completion_pre_request', 'maxTokens', 3],
  ['elicitation_pre_create', 'message', 'changed'],
  ['elicitation_pre_create', 'schema', { type: 'object', properties: {} }],
] as const satisfies readonly Row[]
/** What the server is told instead. */
const REPLIES = [
  ['completion_post_response', 'content', { type: 'text', text: 'changed' }],
  ['elicitation_post_response', 'content', { name: 'changed' }],
  [
    'roots_post_list',
    'items',
    [{ server: 'rec', item: { ...TOLD.roots.roots[0], description: 'changed' } }],
  ],
] as const satisfies readonly Row[]
const OTHERS: readonly Row[] = [
  ['http_pre_request', 'headers', undefined],
  ['http_post_request', 'headers', undefined],
  ['tool_pre_invoke', 'headers', undefined],
  ['session_pre_open', 'capabilities', undefined],
  ['notification_pre_forward', 'params', undefined],
  // test/gateway/stream-points.test.ts
  ['stream_message', 'message', undefined],
  ['argument_post_complete', 'values', undefined],
  // test/gateway/auth-points.test.ts
  ['auth_post_check', 'decision', undefined],
  // no request of a client reaches them: gateway/catalogue-gate.test.ts
  ['tool_pre_register', 'entity', undefined],
  ['tool_pre_update', 'entity', undefined],
  ['prompt_pre_register', 'entity', undefined],
  ['prompt_pre_update', 'entity', undefined],
  ['resource_pre_create', 'entity', undefined],
  ['resource_pre_update', 'entity', undefined],
  // nor these: registry/write.test.ts
  ...(
    [
      'server_pre_register',
      'server_pre_update',
      'server_pre_unregister',
      'auth_pre_create',
      'auth_pre_update',
      'auth_pre_delete',
      'federation_pre_create',
      'federation_pre_update',
      'federation_pre_delete',
    ] as const
  ).map((point) => [point, 'entity', undefined] as const),
  // of one era each: gateway/subscribe.test.ts and gateway/listen.test.ts
  ['resource_pre_subscribe', 'uri', undefined],
  ['resource_pre_subscribe', 'filter', undefined],
]

it('every writable field of every fired point has a row here', () => {
  const rows = [...INPUTS, ...OUTPUTS, ...ERRORS, ...LISTS, ...QUESTIONS, ...REPLIES, ...OTHERS]
  const fields = WIRED_POINTS.flatMap((point) =>
    Object.keys(declarationOf(point).writable).map((field) => `${point} ${field}`),
  )
  expect(rows.map(([point, field]) => `${point} ${field}`).toSorted()).toEqual(fields.toSorted())
})

describe.each(ERAS)('in the %s era', (era) => {
  let peer: Peer
  /** A client that can be asked everything. */
  let able: Peer
  beforeAll(async () => {
    peer = await connect(era, gateway.url, { capabilities: { roots: {} } })
    able = await connect(era, gateway.url, { capabilities: ABLE })
  })

  /** A call whose server asks one thing, with something happening at one point. */
  async function askedWith(at: AskedPoint, what?: (payload: never) => unknown) {
    const key = ASKED[at]
    act = what && ((point, payload) => (point === at ? what(payload) : undefined))
    const before = questioner.told.length
    const answered = await callAnswering(able, asking(key), () => TOLD[key])
    act = undefined
    const told = questioner.told.slice(before).at(-1)?.[key] as Record<string, unknown> | undefined
    return { ...answered, told }
  }
  const no = () => deny({ code: 'NO', reason: 'no' })
  const lastParams = () => recorder.seen.at(-1)?.message.params

  it.each(INPUTS)(
    'a patch at %s of %s is what the server is sent, and nothing else changes',
    async (point, field, value) => {
      const sent = REQUESTS[point] as readonly [string, object]
      await request(peer, sent)
      const usual = lastParams()
      await requestWith(peer, sent, point, () => patch({ [field]: value }))
      expect(lastParams()).toEqual({ ...usual, [field]: value })
      expect(usual?.[field]).not.toEqual(value)
    },
  )

  it.each(OUTPUTS)(
    'a patch at %s of %s is what the client gets, and nothing else changes',
    async (point, field, value) => {
      const sent = REQUESTS[point] as readonly [string, object]
      const usual = (await request(peer, sent)).response?.result
      const { response } = await requestWith(peer, sent, point, () => patch({ [field]: value }))
      expect(response?.result).toEqual({ ...usual, [field]: value })
      expect(usual?.[field]).not.toEqual(value)
    },
  )

  it.each(ERRORS)(
    'a patch at %s of %s changes the error of the server, and nothing else',
    async (point, field, value) => {
      const sent = FAILING[point] as readonly [string, object]
      const usual = (await request(peer, sent)).response?.error
      expect(usual).toMatchObject({ code: -32000, message: 'it failed' })
      const { response } = await requestWith(peer, sent, point, () => patch({ [field]: value }))
      expect(response?.error).toEqual({ ...usual, ...(value as object) })
    },
  )

  it.each(LISTS)(
    'a patch at %s of %s is what the client lists: %s',
    async (point, field, member) => {
      const sent = REQUESTS[point] as readonly [string, object]
      const usual = (await request(peer, sent)).response?.result?.[member as string] as object[]
      const { response } = await requestWith(peer, sent, point, (payload) => {
        const { items } = payload as { items: readonly { server: string; item: object }[] }
        const last = items.slice(-1)
        return patch({
          [field]: last.map(({ server: owner, item }) => ({
            server: owner,
            item: { ...item, description: 'changed' },
          })),
        })
      })
      expect(response?.result?.[member as string]).toEqual([
        { ...usual.at(-1), description: 'changed' },
      ])
    },
  )

  it.each(QUESTIONS)(
    'a patch at %s of %s is what the client is asked, and nothing else changes',
    async (point, field, value) => {
      const usual = (await askedWith(point)).asked[0]?.params
      const { asked, told } = await askedWith(point, () => patch({ [field]: value } as never))
      const member = field === 'schema' ? 'requestedSchema' : field
      expect(asked[0]?.params).toEqual({ ...usual, [member]: value })
      expect(told).toEqual(TOLD[ASKED[point]])
    },
  )

  it.each(REPLIES)(
    'a patch at %s of %s is what the server is told, and nothing else changes',
    async (point, field, value) => {
      const { told } = await askedWith(point, () => patch({ [field]: value } as never))
      const changed =
        point === 'roots_post_list'
          ? { roots: [{ ...TOLD.roots.roots[0], description: 'changed' }] }
          : { [field]: value }
      expect(told).toEqual({ ...TOLD[ASKED[point]], ...changed })
    },
  )

  it.each([
    ['completion_pre_request', { ...TOLD.sample, model: 'policy' }],
    ['elicitation_pre_create', { action: 'accept', content: { name: 'policy' } }],
  ] as const)(
    'a respond at %s is what the server is told, and the client is not asked',
    async (point, answer) => {
      const { asked, told } = await askedWith(point, () => respond(answer as never))
      expect([asked, told]).toEqual([[], answer])
    },
  )

  it.each([
    ['completion_post_response', { ...TOLD.sample, model: 'policy' }],
    ['elicitation_post_response', { action: 'cancel' }],
  ] as const)(
    'a respond at %s is what the server is told instead of what the client said',
    async (point, answer) => {
      const { asked, told } = await askedWith(point, () => respond(answer as never))
      expect([asked.length, told]).toEqual([1, answer])
    },
  )

  it.each([
    ['elicitation_pre_create', 0],
    ['elicitation_post_response', 1],
  ] as const)(
    'a denial at %s tells the server that it was declined; questions put: %d',
    async (point, put) => {
      const { asked, told, response } = await askedWith(point, no)
      expect([asked.length, told]).toEqual([put, { action: 'decline' }])
      expect(response?.result).not.toHaveProperty('isError')
    },
  )

  it.each([
    ['completion_pre_request', 0],
    ['completion_post_response', 1],
    ['roots_post_list', 1],
  ] as const)(
    'a denial at %s is an error to the server of the legacy era, and the end of the call in the modern one; questions put: %d',
    async (point, put) => {
      const { asked, told, response } = await askedWith(point, no)
      expect(asked.length).toBe(put)
      if (era === 'legacy')
        expect(told).toEqual({
          error: {
            code: -31001,
            message: 'blocked by policy: no',
            data: { code: 'NO', reason: 'no' },
          },
        })
      else {
        expect(told).toBeUndefined()
        expect(response?.result).toMatchObject({ isError: true, resultType: 'complete' })
        expect(textOf(response)).toBe('blocked by policy: no (NO)')
      }
    },
  )

  it.each(Object.keys(ASKED) as AskedPoint[])(
    'a fault at %s fails closed: neither side gets what the other said',
    async (point) => {
      const { asked, told, response } = await askedWith(point, () => {
        throw new Error('broken')
      })
      expect(asked.length).toBe(/_pre_/.test(point) ? 0 : 1)
      const error = { code: -32603, data: { code: 'PLUGIN_THREW' } }
      if (era === 'legacy') expect(told).toMatchObject({ error })
      else expect([told, response?.error]).toMatchObject([undefined, error])
    },
  )

  it('a patch at http_pre_request of headers is what the gateway goes on with', async () => {
    const answer = await requestWith(peer, CALL, 'http_pre_request', (payload) => {
      const { headers } = payload as { headers: object }
      return patch({ headers: { ...headers, accept: 'text/event-stream' } })
    })
    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    expect((await request(peer, CALL)).headers.get('content-type')).toBe('application/json')
  })

  it('a patch at http_post_request of headers is what the client gets', async () => {
    const answer = await requestWith(peer, CALL, 'http_post_request', (payload) => {
      const { headers } = payload as { headers: object }
      return patch({ headers: { ...headers, 'x-added': 'yes' } })
    })
    expect(answer.headers.get('x-added')).toBe('yes')
  })

  it('a patch at tool_pre_invoke of headers is what the server gets', async () => {
    await requestWith(peer, CALL, 'tool_pre_invoke', () => patch({ headers: { 'x-added': 'yes' } }))
    expect(recorder.calls('tools/call').at(-1)?.headers['x-added']).toBe('yes')
    await request(peer, CALL)
    expect(recorder.calls('tools/call').at(-1)?.headers).not.toHaveProperty('x-added')
  })

  it('a patch at argument_post_complete of values is what the client gets, and nothing else changes', async () => {
    const { response } = await requestWith(peer, COMPLETE, 'argument_post_complete', () =>
      patch({ values: ['changed'] }),
    )
    expect(response?.result?.completion).toEqual({ values: ['changed'], hasMore: false })
  })

  it('a respond at argument_pre_complete is what the client gets, and the server is not asked', async () => {
    await request(peer, COMPLETE)
    const before = recorder.seen.length
    const { response } = await requestWith(peer, COMPLETE, 'argument_pre_complete', () =>
      respond({ values: ['from a policy'] }),
    )
    expect(response?.result?.completion).toEqual({ values: ['from a policy'] })
    expect(recorder.seen.length).toBe(before)
  })

  it('a patch at session_pre_open of capabilities is what the client can from then on', async () => {
    const LESS = { experimental: {} }
    const client = { name: 'capable', version: '1' }
    const closed: unknown[] = []
    act = (point, payload) => {
      if (point === 'session_pre_open') return patch({ capabilities: LESS })
      if (point === 'session_post_close')
        closed.push((payload as { capabilities: unknown }).capabilities)
      return undefined
    }
    const capabilities = { experimental: { one: {} }, sampling: {} }
    const other = await connect(era, gateway.url, { client, capabilities })
    await other.call('rec__echo')
    const meta = recorder.calls('tools/call').at(-1)?.message.params?._meta
    if (era === 'modern') {
      expect(meta).toHaveProperty(['io.modelcontextprotocol/clientCapabilities'], LESS)
    } else {
      await fetch(gateway.url, { method: 'DELETE', headers: other.headers })
      await gateway.observed()
      expect(closed).toEqual([LESS])
    }
    act = undefined
  })

  it('a patch at notification_pre_forward of params is what the client gets', async () => {
    const sent = ['tools/call', { name: 'rec__work', _meta: { progressToken: 't' } }] as const
    const { messages } = await requestWith(peer, sent, 'notification_pre_forward', (payload) => {
      const { params } = payload as { params: object }
      return patch({ params: { ...params, message: 'changed' } })
    })
    expect(messages[0]?.params).toEqual({ progressToken: 't', progress: 1, message: 'changed' })
  })

  const ANSWERS: readonly (readonly [PointName, object])[] = [
    ['tool_pre_invoke', { content: TEXT('from a policy') }],
    [
      'prompt_pre_fetch',
      { messages: [{ role: 'user', content: { type: 'text', text: 'from a policy' } }] },
    ],
    ['resource_pre_fetch', { contents: [{ uri: 'test://one', text: 'from a policy' }] }],
  ]
  it.each(ANSWERS)(
    'a respond at %s is what the client gets, and the server is not asked',
    async (point, answer) => {
      const sent = REQUESTS[point] as readonly [string, object]
      await request(peer, sent)
      const before = recorder.seen.length
      const { response } = await requestWith(peer, sent, point, () => respond(answer as never))
      expect(response?.result).toMatchObject(answer)
      expect(recorder.seen.length).toBe(before)
    },
  )

  it('a respond at http_pre_request is the whole response', async () => {
    const answer = await requestWith(peer, CALL, 'http_pre_request', () =>
      respond({ status: 203, headers: { 'x-own': 'yes' }, body: { own: true } }),
    )
    expect([answer.status, answer.headers.get('x-own'), answer.text]).toEqual([
      203,
      'yes',
      '{"own":true}',
    ])
  })

  it.each(['tool_pre_invoke', 'prompt_pre_fetch', 'resource_pre_fetch'] as const)(
    'an ask at %s is a denial with ASK_UNAVAILABLE, and the server is not asked',
    async (point) => {
      const sent = REQUESTS[point] as readonly [string, object]
      await request(peer, sent)
      const before = recorder.seen.length
      const answer = await requestWith(peer, sent, point, () => ask({ message: 'sure?' }))
      expect(answer.text).toContain('ASK_UNAVAILABLE')
      expect(recorder.seen.length).toBe(before)
    },
  )

  it.each(Object.entries(REQUESTS))(
    'a fault at %s fails closed: -32603, nothing of the result',
    async (point, sent) => {
      const answer = await requestWith(peer, sent, point as PointName, () => {
        throw new Error('broken')
      })
      expect(answer.response?.error).toMatchObject({ code: -32603, data: { code: 'PLUGIN_THREW' } })
      expect(answer.response).not.toHaveProperty('result')
      expect(answer.status).toBe(point.startsWith('http_') ? 500 : 200)
    },
  )

  it('a fault at session_pre_open opens nothing', async () => {
    act = (point) => {
      if (point === 'session_pre_open') throw new Error('broken')
    }
    const client = { name: 'unlucky', version: '1' }
    const opening =
      era === 'modern'
        ? (await connect(era, gateway.url, { client })).request('tools/list')
        : peer.request('initialize', {
            protocolVersion: '2025-11-25',
            capabilities: {},
            clientInfo: client,
          })
    const answer = await opening
    act = undefined
    expect(answer.response?.error).toMatchObject({ code: -32603, data: { code: 'PLUGIN_THREW' } })
    expect(answer.headers.get('mcp-session-id')).toBeNull()
  })

  it('a fault at a point that only tells harms nobody', async () => {
    act = (point) => {
      if (point === 'error_raised' || point === 'session_post_close') throw new Error('broken')
      if (point === 'tool_pre_invoke') throw new Error('first')
    }
    const other = await connect(era, gateway.url)
    expect((await other.call('rec__echo')).error?.code).toBe(-32603)
    if (era === 'legacy') {
      const ended = await fetch(gateway.url, { method: 'DELETE', headers: other.headers })
      expect(ended.status).toBe(200)
    }
    await gateway.observed()
    act = undefined
    expect((await peer.call('rec__echo')).result).toMatchObject({ content: TEXT('done') })
  })
})

it('a patch at notification_pre_forward of params is what the gateway itself goes by: another request is cancelled', async () => {
  act = undefined
  const peer = await connect('legacy', gateway.url)
  const call = peer.request('tools/call', { name: 'rec__hang' }, { id: 'hanging' })
  await expect.poll(() => recorder.calls('tools/call').at(-1)?.message.params?.name).toBe('hang')
  act = (point) =>
    point === 'notification_pre_forward' ? patch({ params: { requestId: 'hanging' } }) : undefined
  await peer.notify('notifications/cancelled', { requestId: 'other' })
  act = undefined
  expect((await call).response?.error?.data?.code).toBe('DISPATCH_ABORTED')
})
