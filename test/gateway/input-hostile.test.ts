// Servers and clients that do not keep to the rules of asking: nothing hangs, nothing leaks, nobody is answered for another.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deny } from '../../src/plugin.ts'
import { modernRequest, type RpcMessage } from '../support/rpc.ts'
import { callAnswering, messagesOf, reply } from './answering.ts'
import { connect, ERAS, type Peer, textOf } from './peers.ts'
import { ABLE, ASK, TOLD } from './questioner.ts'
import { type Answers, type Received, type Recorder, startRecorder } from './recorder.ts'
import { runGateway, type Started, server } from './running.ts'

const TOOLS = [
  'endless',
  'nothing',
  'unknown',
  'list',
  'stolen-key',
  'proto',
  'once',
  'waits',
  'withdraws',
  'answers-early',
  'twice',
  'flood',
  'after',
  'hang',
  'progress',
]
const done = (what: unknown = 'done') => ({
  content: [{ type: 'text', text: JSON.stringify(what) }],
})
const needs = (inputRequests: unknown, requestState?: unknown) => ({
  resultType: 'input_required',
  inputRequests,
  ...(requestState === undefined ? {} : { requestState }),
})

let recorders: Record<'legacy' | 'modern', Recorder>
let gateway: Started
/** What the legacy server was answered, by the id of its request. */
const told = new Map<string, RpcMessage[]>()
let waiting: ((answer: RpcMessage) => void) | undefined
let refuses = false

function modern({ message: { params } }: Received, answers: Answers): unknown {
  const given = params?.inputResponses as Record<string, unknown> | undefined
  switch (params?.name) {
    case 'endless':
      return answers.result(needs({ q: ASK.elicit }, 'again'))
    case 'nothing':
      return answers.result(needs(undefined))
    case 'unknown':
      return answers.result(needs({ q: { method: 'tools/call', params: { name: 'x' } } }))
    case 'list':
      return answers.result(needs([ASK.elicit]))
    case 'stolen-key':
      return answers.result(needs({ 'portcullis/confirmation': ASK.elicit }))
    case 'proto': {
      if (given) return answers.raw(`{"jsonrpc":"2.0","id":"$id","result":${text(given)}}`)
      const request = JSON.stringify(ASK.elicit)
      return answers.raw(
        `{"jsonrpc":"2.0","id":"$id","result":{"resultType":"input_required","inputRequests":{"__proto__":${request}}}}`,
      )
    }
    default:
      return answers.result(given ? done(given) : needs({ q: ASK.elicit, r: ASK.roots }, 'own'))
  }
}

const text = (value: unknown) => JSON.stringify({ resultType: 'complete', ...done(value) })

function legacy({ message }: Received, answers: Answers): unknown {
  const { id, method, params } = message
  if (method === undefined) {
    const answer = message as RpcMessage
    told.set(String(id), [...(told.get(String(id)) ?? []), answer])
    waiting?.(answer)
    return answers.raw('', 202)
  }
  const ask = (key: string) => answers.events([{ id: key, ...ASK.elicit }], { open: true })
  const end = (what: unknown) => answers.events([{ id, result: done(what) }])
  const tag = String((params?.arguments as { tag?: string } | undefined)?.tag)
  const onAnswer = (act: (answer: RpcMessage) => void) => {
    waiting = act
  }
  switch (params?.name) {
    case 'endless': {
      let count = 0
      ask(`endless-${count}`)
      return onAnswer(() => ask(`endless-${++count}`))
    }
    case 'waits':
      return ask(`waits-${tag}`)
    case 'withdraws':
      ask(`withdrawn-${tag}`)
      setTimeout(() => {
        const taken = { requestId: `withdrawn-${tag}`, reason: 'no more' }
        answers.events([{ method: 'notifications/cancelled', params: taken }], { open: true })
        setTimeout(() => end('went on'), 300)
      }, 200)
      return undefined
    case 'answers-early':
      ask(`early-${tag}`)
      setTimeout(() => end('early'), 200)
      return undefined
    case 'twice':
      ask(`twice-${tag}`)
      ask(`twice-${tag}`)
      return onAnswer(({ error }) => !error && end('once'))
    case 'flood': {
      let refused = 0
      for (let index = 0; index < 100; index++) ask(`flood-${tag}-${index}`)
      return onAnswer(({ error }) => {
        if (error) refused++
        if (refused === 36) end(refused)
      })
    }
    case 'hang':
      return undefined
    case 'progress': {
      const meta = params?._meta as { progressToken: unknown } | undefined
      const progressToken = meta?.progressToken
      ask(`progress-${tag}`)
      return onAnswer(() => {
        const progress = { progressToken, progress: 2 }
        answers.events([{ method: 'notifications/progress', params: progress }], { open: true })
        end('told')
      })
    }
    case 'after':
      end('answered')
      setTimeout(() => recorders.legacy.announceLast({ id: `after-${tag}`, ...ASK.elicit }), 50)
      return undefined
    default:
      ask(`q-${tag}`)
      return onAnswer(({ result, error }) => end(result ?? error))
  }
}

beforeAll(async () => {
  recorders = {
    legacy: await startRecorder({ eras: 'legacy', tools: TOOLS, call: legacy }),
    modern: await startRecorder({ eras: 'modern', tools: TOOLS, call: modern }),
  }
  gateway = await runGateway(
    {
      servers: [
        server('legacy', recorders.legacy.url),
        server('modern', recorders.modern.url),
        server('shared', recorders.legacy.url, { pool: { per: 'shared' } }),
        server('tenants', recorders.legacy.url, { pool: { per: 'tenant' } }),
      ],
      limits: { request_timeout: '3s', ask: '1500ms' },
    },
    [
      {
        name: 'refuses',
        hooks: {
          tool_pre_invoke: () => (refuses ? deny({ code: 'NO', reason: 'no' }) : undefined),
        },
      },
    ],
  )
})
afterAll(async () => {
  await gateway?.stop({ now: true })
  await Promise.all([recorders?.legacy.close(), recorders?.modern.close()])
})

/** What a client was asked, and its next try with a yes. */
function pendingOf(response: RpcMessage | undefined) {
  const { requestState = '', inputRequests = {} } = (response?.result ?? {}) as {
    requestState?: string
    inputRequests?: object
  }
  const key = Object.keys(inputRequests)[0] ?? ''
  return { requestState, key, more: { requestState, inputResponses: { [key]: TOLD.elicit } } }
}

let tags = 0
const CLIENT = 'io.modelcontextprotocol/clientInfo'
const call = (name: string, tag: unknown = ++tags) =>
  ['tools/call', { name, arguments: { tag: String(tag) } }] as const
const able = (era: Peer['era'], client?: string) =>
  connect(era, gateway.url, {
    capabilities: ABLE,
    ...(client ? { client: { name: client, version: '1' } } : {}),
  })
const yes = () => TOLD.elicit
const codeOf = (message: RpcMessage | undefined) => message?.error?.data?.code

describe.each(ERAS)('a %s client', (era) => {
  it('is cut off from a modern server that asks again and again', async () => {
    const { asked, response } = await callAnswering(await able(era), call('modern__endless'), yes)
    expect([asked.length, codeOf(response)]).toEqual([16, 'UPSTREAM_PROTOCOL'])
  })

  it.each(['nothing', 'unknown', 'list', 'stolen-key'])(
    'is not asked what a modern server may not ask: %s',
    async (tool) => {
      const { asked, response } = await callAnswering(await able(era), call(`modern__${tool}`), yes)
      expect([asked, codeOf(response)]).toEqual([[], 'UPSTREAM_PROTOCOL'])
    },
  )

  it('answers a question under any key, also one that objects have of their own', async () => {
    const { asked, response } = await callAnswering(await able(era), call('modern__proto'), yes)
    expect(asked.length).toBe(1)
    expect(textOf(response)).toBe(`{"__proto__":${JSON.stringify(TOLD.elicit)}}`)
  })

  it.each(['shared', 'tenants'])(
    'is not asked by a server over a connection it does not have to itself: %s',
    async (name) => {
      const tag = ++tags
      const { asked, response } = await callAnswering(
        await able(era),
        call(`${name}__once`, tag),
        yes,
      )
      expect([asked, JSON.parse(textOf(response))]).toMatchObject([[], { code: -32601 }])
      expect(recorders.legacy.calls('initialize').length).toBeGreaterThan(0)
    },
  )

  it('is asked once by a server that gives two questions one id', async () => {
    const { response } = await callAnswering(await able(era, 'twice'), call('legacy__twice'), yes)
    expect(textOf(response)).toBe('"once"')
  })

  it('is not flooded with questions', async () => {
    const { response, asked } = await callAnswering(
      await able(era, 'flood'),
      call('legacy__flood'),
      () => new Promise((resolve) => setTimeout(resolve, 10)),
    )
    expect(textOf(response)).toBe('36')
    expect(asked.length).toBeLessThanOrEqual(64)
  })
})

describe('a legacy client', () => {
  it('is told when a server takes its question back', async () => {
    const peer = await able('legacy')
    const { messages } = await callAnswering(peer, call('legacy__withdraws'), () => undefined)
    const [asked, taken, end] = messages
    expect([taken?.method, taken?.params?.requestId]).toEqual([
      'notifications/cancelled',
      asked?.id,
    ])
    expect(textOf(end)).toBe('"went on"')
  })

  it('may answer twice, late, or what nobody asked, to no effect', async () => {
    const peer = await able('legacy')
    const tag = ++tags
    const [method, params] = call('legacy__once', tag)
    for await (const message of messagesOf(peer, { jsonrpc: '2.0', id: 'a', method, params })) {
      if (message.method === undefined) continue
      const statuses = await Promise.all(
        [999, message.id, message.id].map((id) => reply(peer, id, TOLD.elicit)),
      )
      expect(statuses.map(({ status }) => status)).toEqual([202, 202, 202])
    }
    expect(told.get(`q-${tag}`)?.length).toBe(1)
  })

  it('that ends its session withdraws what it is asked, and its connection is closed', async () => {
    const peer = await able('legacy')
    const tag = ++tags
    const ended = callAnswering(peer, call('legacy__waits', tag), async () => {
      await fetch(peer.url, { method: 'DELETE', headers: peer.headers })
      return undefined
    }).catch(() => undefined)
    await ended
    await expect
      .poll(() => recorders.legacy.calls('notifications/cancelled').length)
      .toBeGreaterThan(0)
  })
})

describe('a modern client of a legacy server', () => {
  let peer: Peer
  let clients = 0
  // a connection of its own for each, as a question that no stream ties to a call needs a call to be alone
  const begin = async (name: string, tag: unknown = ++tags) => {
    peer = await able('modern', `client ${++clients}`)
    const [method, params] = call(name, tag)
    const { response } = await peer.request(method, params)
    const { requestState, key, more: answer } = pendingOf(response)
    const retry = async (more: object = {}) =>
      (await peer.request(method, { ...params, requestState, ...more })).response
    return { retry, key, tag, answer }
  }
  const cancelled = () => recorders.legacy.calls('notifications/cancelled').length

  it('goes on with the call that is held for it, once', async () => {
    const { retry, answer } = await begin('legacy__once')
    expect(JSON.parse(textOf(await retry(answer)))).toEqual(TOLD.elicit)
    expect(codeOf(await retry(answer))).toBe('WIRE_BAD_STATE')
  })

  it('is asked again for what it left out, and what nobody asked is ignored', async () => {
    const { retry, key } = await begin('legacy__once')
    const inputResponses = { other: TOLD.elicit, [key]: { action: 'maybe' } }
    const again = await retry({ inputResponses })
    expect(again?.result?.inputRequests).toHaveProperty(key)
    const requestState = again?.result?.requestState
    const end = await retry({ requestState, inputResponses: { [key]: TOLD.elicit } })
    expect(JSON.parse(textOf(end))).toEqual(TOLD.elicit)
  })

  it('that never comes back has its call given up after limits.ask', async () => {
    const before = cancelled()
    const { retry, answer, tag } = await begin('legacy__waits')
    await expect.poll(cancelled, { timeout: 4000 }).toBe(before + 1)
    // the server is not left with an open question either
    expect(told.get(`waits-${tag}`)?.[0]?.error?.message).toBe('the client gave no answer')
    expect(codeOf(await retry(answer))).toBe('WIRE_BAD_STATE')
  })

  it('can be asked after many calls that were given up', async () => {
    peer = await able('modern', 'forgetful')
    const before = cancelled()
    const forgotten = Array.from({ length: 70 }, async () => {
      const [method, params] = call('legacy__waits')
      await peer.request(method, params)
    })
    await Promise.all(forgotten)
    await expect.poll(cancelled, { timeout: 6000 }).toBeGreaterThanOrEqual(before + 64)
    const { response } = await callAnswering(peer, call('legacy__once'), yes)
    expect(JSON.parse(textOf(response))).toEqual(TOLD.elicit)
  })

  it('whose next try a policy refuses has its call ended at the server', async () => {
    const { retry, answer } = await begin('legacy__waits')
    const before = cancelled()
    refuses = true
    expect(textOf(await retry(answer))).toContain('(NO)')
    refuses = false
    await expect.poll(cancelled).toBe(before + 1)
    expect(codeOf(await retry(answer))).toBe('WIRE_BAD_STATE')
  })

  it('gets the result when its server did not wait for the answer', async () => {
    const { retry } = await begin('legacy__answers-early')
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(textOf(await retry())).toBe('"early"')
  })

  it('goes on when its server takes the question back', async () => {
    const { retry, answer } = await begin('legacy__withdraws')
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(textOf(await retry(answer))).toBe('"went on"')
  })

  it('is not shown what a server asks when none of its calls is held', async () => {
    const tag = ++tags
    await (await able('modern', 'late')).request(...call('legacy__after', tag))
    await expect
      .poll(() => told.get(`after-${tag}`)?.[0]?.error?.code, { timeout: 3000 })
      .toBe(-32601)
  })

  it.each(['at first', 'at the next try'])(
    'that goes away %s while its server works has its call cancelled',
    async (when) => {
      const before = cancelled()
      peer = await able('modern', `impatient ${when}`)
      const first = when === 'at first'
      const tool = first ? 'legacy__hang' : 'legacy__waits'
      const [method, params] = call(tool)
      let more = {}
      if (!first) {
        const { response } = await peer.request(method, params)
        more = pendingOf(response).more
      }
      const made = modernRequest(
        method,
        { ...params, ...more, _meta: { [CLIENT]: { name: `impatient ${when}`, version: '1' } } },
        { capabilities: ABLE },
      )
      const gone = new AbortController()
      const headers = { ...made.headers, 'content-type': 'application/json' }
      const body = JSON.stringify(made.body)
      const sent = fetch(gateway.url, { method: 'POST', headers, body, signal: gone.signal })
      sent.catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(cancelled()).toBe(before)
      gone.abort()
      await expect.poll(cancelled).toBe(before + 1)
    },
  )

  it('is told of progress under the token of its latest try', async () => {
    peer = await able('modern', 'curious')
    const [method, params] = call('legacy__progress')
    const first = await peer.request(method, { ...params, _meta: { progressToken: 'one' } })
    const { more } = pendingOf(first.response)
    const _meta = { progressToken: 'two' }
    const { messages } = await peer.request(method, { ...params, ...more, _meta })
    expect(messages[0]?.params).toEqual({ progressToken: 'two', progress: 2 })
    expect(textOf(messages[1])).toBe('"told"')
  })

  it('is cut off from a server that asks again and again', async () => {
    const { asked, response } = await callAnswering(
      await able('modern', 'endless'),
      call('legacy__endless'),
      yes,
    )
    expect([asked.length, codeOf(response)]).toEqual([16, 'UPSTREAM_PROTOCOL'])
  })
})

describe('a requestState', () => {
  const retry = async (peer: Peer, tag: string, requestState: unknown) =>
    (
      await peer.request('tools/call', {
        name: 'modern__once',
        arguments: { tag },
        requestState,
        inputResponses: { q: TOLD.elicit, r: TOLD.roots },
      })
    ).response
  const begin = async (peer: Peer, tag: string) =>
    (await peer.request(...call('modern__once', tag))).response?.result?.requestState as string

  it('is opaque, says nothing, and is not the server’s', async () => {
    const state = await begin(await able('modern'), 'secret-tag')
    const plain = Buffer.from(state, 'base64url').toString('latin1')
    for (const part of ['secret', 'own', 'modern', 'principal', 'elicitation'])
      expect(plain).not.toContain(part)
  })

  it('comes back to the server as the server made it, with the answers', async () => {
    const peer = await able('modern')
    const state = await begin(peer, 'x')
    expect(JSON.parse(textOf(await retry(peer, 'x', state)))).toEqual({
      q: TOLD.elicit,
      r: TOLD.roots,
    })
    expect(recorders.modern.calls('tools/call').at(-1)?.message.params?.requestState).toBe('own')
  })

  it('that was changed, cut, made up or given to another call is refused before the server is asked', async () => {
    const peer = await able('modern')
    const state = await begin(peer, 'x')
    const middle = state.length >> 1
    const flipped = `${state.slice(0, middle)}${state[middle] === 'A' ? 'B' : 'A'}${state.slice(middle + 1)}`
    const before = recorders.modern.calls('tools/call').length
    for (const wrong of [
      flipped,
      state.slice(0, -4),
      `${state}A`,
      `${state}=`,
      '',
      'own',
      7,
      null,
      {},
    ])
      expect(codeOf(await retry(peer, 'x', wrong))).toBe('WIRE_BAD_STATE')
    expect(codeOf(await retry(peer, 'y', state))).toBe('WIRE_BAD_STATE')
    expect(recorders.modern.calls('tools/call').length).toBe(before)
  })

  it('is worth nothing after limits.ask', async () => {
    const peer = await able('modern')
    const state = await begin(peer, 'x')
    await new Promise((resolve) => setTimeout(resolve, 1600))
    expect(codeOf(await retry(peer, 'x', state))).toBe('WIRE_BAD_STATE')
  })

  it('is unknown to the legacy era', async () => {
    const peer = await able('legacy')
    expect(codeOf(await retry(peer, 'x', 'y'))).toBe('WIRE_INVALID_PARAMS')
  })
})
