// The verdict `ask` in both eras: a person is asked after the guards, and only a yes to exactly this payload lets the call go on.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ask, deny, type PluginContext, patch } from '../../src/plugin.ts'
import { type Answering, callAnswering, lastRequest } from './answering.ts'
import { connect, ERAS, type Peer, textOf } from './peers.ts'
import { ABLE, ASK, createQuestioner, type Question, TOLD } from './questioner.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { runGateway, type Started, server } from './running.ts'

const PAIRS = ERAS.flatMap((client) => ERAS.map((behind) => [client, behind] as const))
const LIMIT = 1200

let recorders: Record<'legacy' | 'modern' | 'shared', Recorder>
let gateway: Started
let order: string[] = []
let turn = 0

beforeAll(async () => {
  const start = async (eras: 'legacy' | 'modern', name: string = eras) => {
    const questioner = createQuestioner()
    return startRecorder({
      eras,
      tools: ['ask'],
      capabilities: { tools: {}, prompts: {}, resources: {} },
      list: (method) =>
        ({
          'prompts/list': { prompts: [{ name: `${name}-p` }] },
          'resources/list': { resources: [{ uri: `test://${name}`, name: 'r' }] },
        })[method],
      call(received, answers) {
        const { method } = received.message
        if (method === 'prompts/get') return answers.result({ messages: [] })
        if (method === 'resources/read') return answers.result({ contents: [] })
        order.push('server')
        questioner.call(received, answers)
      },
    })
  }
  recorders = {
    legacy: await start('legacy'),
    modern: await start('modern'),
    shared: await start('legacy', 'shared'),
  }
  const asks = () => ask({ message: 'Really?' })
  gateway = await runGateway(
    {
      servers: [
        server('legacy', recorders.legacy.url),
        server('modern', recorders.modern.url),
        server('shared', recorders.shared.url, { pool: { per: 'shared' } }),
      ],
      virtual_servers: [{ name: 'part', path: '/part', tools: ['*'] }],
      limits: { request_timeout: '400ms', dispatch: { data: '300ms' }, ask: `${LIMIT}ms` },
    },
    [
      {
        name: 'patches',
        priority: 1,
        hooks: {
          tool_pre_invoke: ({ arguments: given }) => {
            turn++
            return patch({
              arguments: { ...given, stamp: given?.unsteady === true ? turn : 'steady' },
            })
          },
        },
      },
      {
        name: 'asks',
        priority: 2,
        hooks: { tool_pre_invoke: asks, prompt_pre_fetch: asks, resource_pre_fetch: asks },
      },
      {
        name: 'guards',
        mode: 'guard',
        hooks: {
          tool_pre_invoke: ({ arguments: given }, _: PluginContext) => {
            order.push('guard')
            return given?.guarded === true ? deny({ code: 'GUARDED', reason: 'no' }) : undefined
          },
        },
      },
    ],
  )
})
afterAll(async () => {
  await gateway?.stop({ now: true })
  await Promise.all(Object.values(recorders ?? {}).map((recorder) => recorder.close()))
})
beforeEach(() => {
  order = []
})

const call = (name: string, args: object = {}) =>
  ['tools/call', { name: `${name}__ask`, arguments: args }] as const
const says = (action: string): Answering => {
  return () => {
    order.push('person')
    return { action, ...(action === 'accept' ? { content: {} } : {}) }
  }
}
const never: Answering = () => {
  throw new Error('was asked')
}

describe.each(PAIRS)('a %s client of a %s server', (era, behind) => {
  let peer: Peer
  beforeAll(async () => {
    peer = await connect(era, gateway.url, { capabilities: ABLE })
  })
  const sent = () => recorders[behind].calls('tools/call')

  it('is asked after the guards and before the server, and a yes lets exactly that payload through', async () => {
    const { response, asked } = await callAnswering(peer, call(behind, { a: 1 }), says('accept'))
    expect(textOf(response)).toBe('{}')
    expect(asked.map(({ method, params }) => [method, params?.message])).toEqual([
      ['elicitation/create', 'Really?'],
    ])
    const again = era === 'modern' ? ['guard'] : []
    expect(order).toEqual(['guard', 'person', ...again, 'server'])
    expect(sent().at(-1)?.message.params?.arguments).toEqual({ a: 1, stamp: 'steady' })
  })

  it.each(['decline', 'cancel'])('that says %s is denied with ASK_DECLINED', async (action) => {
    const before = sent().length
    const { response } = await callAnswering(peer, call(behind), says(action))
    expect(textOf(response)).toContain('(ASK_DECLINED)')
    expect([response?.result?.isError, sent().length]).toEqual([true, before])
  })

  it('is not asked about what a guard refuses', async () => {
    const { response } = await callAnswering(peer, call(behind, { guarded: true }), never)
    expect(textOf(response)).toContain('(GUARDED)')
  })

  it('that has no forms is denied with ASK_UNAVAILABLE', async () => {
    const less = await connect(era, gateway.url, {
      client: { name: 'pages only', version: '1' },
      capabilities: { elicitation: { url: {} } },
    })
    const { response } = await callAnswering(less, call(behind), never)
    expect(textOf(response)).toContain('(ASK_UNAVAILABLE)')
  })

  it('has time of its own: more than a call or a dispatch has', async () => {
    const slowly = async () => {
      await new Promise((resolve) => setTimeout(resolve, LIMIT / 2))
      return { action: 'accept', content: {} }
    }
    expect(textOf((await callAnswering(peer, call(behind), slowly)).response)).toBe('{}')
  })

  it('is asked by its server, too, once it has said yes', async () => {
    const questions = { q: ASK.sample }
    const both = (question: Question) =>
      question.method === 'elicitation/create' ? { action: 'accept', content: {} } : TOLD.sample
    const { response, asked } = await callAnswering(peer, call(behind, { questions }), both)
    expect(JSON.parse(textOf(response))).toEqual({ q: TOLD.sample })
    expect(asked.map(({ method }) => method)).toEqual([
      'elicitation/create',
      'sampling/createMessage',
    ])
  })

  it.each([
    ['prompts/get', { name: `${behind}__${behind}-p` }],
    ['resources/read', { uri: `test://${behind}` }],
  ] as const)('is asked on %s', async (method, params) => {
    const yes = await callAnswering(peer, [method, params], says('accept'))
    expect([yes.asked.length, yes.response?.error]).toEqual([1, undefined])
    const no = await callAnswering(peer, [method, params], says('decline'))
    expect(no.response?.error).toMatchObject({ code: -31001, data: { code: 'ASK_DECLINED' } })
  })
})

describe('in the legacy era', () => {
  it('no answer within limits.ask is a denial with ASK_DECLINED, and the question is withdrawn', async () => {
    const peer = await connect('legacy', gateway.url, { capabilities: ABLE })
    const began = performance.now()
    const { response, messages } = await callAnswering(peer, call('modern'), () => undefined)
    expect(performance.now() - began).toBeGreaterThan(LIMIT - 100)
    expect(textOf(response)).toContain('(ASK_DECLINED)')
    expect(messages.map(({ method }) => method)).toEqual([
      'elicitation/create',
      'notifications/cancelled',
      undefined,
    ])
    expect(order).not.toContain('server')
  })

  it('an answer that is none, and an error, are no yes', async () => {
    const peer = await connect('legacy', gateway.url, { capabilities: ABLE })
    for (const answer of [{ action: 'yes' }, {}, { code: -32000, message: 'no' }]) {
      const { response } = await callAnswering(peer, call('legacy'), () => answer)
      expect(textOf(response)).toContain('(ASK_UNAVAILABLE)')
    }
    expect(order).not.toContain('server')
  })

  it('a call that is cancelled while the person thinks never reaches its server', async () => {
    const peer = await connect('legacy', gateway.url, { capabilities: ABLE })
    const sending = callAnswering(peer, call('legacy'), async () => {
      await peer.notify('notifications/cancelled', { requestId: lastRequest() })
      return { action: 'accept', content: {} }
    })
    expect((await sending).response?.error?.data?.code).toBe('DISPATCH_ABORTED')
    expect(order).not.toContain('server')
  })
})

describe('in the modern era', () => {
  let peer: Peer
  beforeAll(async () => {
    peer = await connect('modern', gateway.url, { capabilities: ABLE })
  })
  const KEY = 'portcullis/confirmation'
  const yes = { action: 'accept', content: {} }
  const question = async (args: object = {}, name = 'modern') => {
    const [method, params] = call(name, args)
    const { response } = await peer.request(method, params)
    return response?.result as { requestState: string; inputRequests: Record<string, Question> }
  }
  const retry = async (args: object, more: object, name = 'modern', by = peer) =>
    (await by.request('tools/call', { name: `${name}__ask`, arguments: args, ...more })).response

  it('a payload that differs at the next try is asked about again, and in the end cut off', async () => {
    const { response, asked } = await callAnswering(
      peer,
      call('modern', { unsteady: true }),
      says('accept'),
    )
    expect(asked.length).toBe(16)
    expect(response?.error?.data?.code).toBe('UPSTREAM_PROTOCOL')
    expect(order).not.toContain('server')
  })

  it('a yes to nothing, or without the state it belongs to, is asked about', async () => {
    for (const more of [
      { inputResponses: { [KEY]: yes } },
      { requestState: (await question()).requestState },
      { requestState: (await question()).requestState, inputResponses: { other: yes } },
      { requestState: (await question()).requestState, inputResponses: { [KEY]: { yes: 1 } } },
    ])
      expect(await retry({}, more)).toMatchObject({ result: { resultType: 'input_required' } })
    expect(order).not.toContain('server')
  })

  it('a yes to other arguments, or for another server, is no yes', async () => {
    const { requestState } = await question({ a: 1 })
    const more = { requestState, inputResponses: { [KEY]: yes } }
    expect((await retry({ a: 2 }, more))?.error?.data?.code).toBe('WIRE_BAD_STATE')
    expect((await retry({ a: 1 }, more, 'legacy'))?.error?.data?.code).toBe('WIRE_BAD_STATE')
    expect(order).not.toContain('server')
    expect(textOf(await retry({ a: 1 }, more))).toBe('{}')
  })

  it('a yes on the whole is no yes on a virtual server, where other policies may ask', async () => {
    const { requestState } = await question()
    const more = { requestState, inputResponses: { [KEY]: yes } }
    const url = new URL('/part', gateway.url).href
    const there = await connect('modern', url, { capabilities: ABLE })
    expect((await retry({}, more, 'modern', there))?.error?.data?.code).toBe('WIRE_BAD_STATE')
    expect(order).not.toContain('server')
    expect(textOf(await retry({}, more))).toBe('{}')
  })

  it('a yes that comes after limits.ask is worth nothing', async () => {
    const { requestState } = await question()
    await new Promise((resolve) => setTimeout(resolve, LIMIT + 50))
    const late = await retry({}, { requestState, inputResponses: { [KEY]: yes } })
    expect(late?.error?.data?.code).toBe('WIRE_BAD_STATE')
    expect(order).not.toContain('server')
  })

  it('a server nobody can be asked by is called after a yes, too', async () => {
    const { requestState } = await question({}, 'shared')
    const response = await retry({}, { requestState, inputResponses: { [KEY]: yes } }, 'shared')
    expect(textOf(response)).toBe('{}')
    const sent = recorders.shared.calls('tools/call').at(-1)?.message.params
    expect(sent).not.toHaveProperty('inputResponses')
    expect(sent).not.toHaveProperty('requestState')
  })
})
