// What servers ask their clients, in all four pairs of eras: who is asked, what policies see, ids, progress, cancellation, several rounds.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deny, type PluginContext, type PointName } from '../../src/plugin.ts'
import { callAnswering, messagesOf, reply } from './answering.ts'
import { connect, ERAS, type Peer, textOf } from './peers.ts'
import { ABLE, ASK, createQuestioner, type Questioner, type Questions, TOLD } from './questioner.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { runGateway, type Started, server } from './running.ts'

interface Seen {
  readonly point: PointName
  readonly round: number
  readonly payload: Record<string, unknown>
}

const POINTS = [
  'tool_pre_invoke',
  'tool_post_invoke',
  'completion_pre_request',
  'completion_post_response',
  'elicitation_pre_create',
  'elicitation_post_response',
  'roots_post_list',
] as const

const PAIRS = ERAS.flatMap((client) => ERAS.map((behind) => [client, behind] as const))

interface Side extends AsyncDisposable {
  readonly recorder: Recorder
  readonly questioner: Questioner
}

async function startSide(eras: 'legacy' | 'modern'): Promise<Side> {
  const questioner = createQuestioner()
  const recorder = await startRecorder({ eras, tools: ['ask'], call: questioner.call })
  return { recorder, questioner, [Symbol.asyncDispose]: () => recorder.close() }
}

let sides: Record<'legacy' | 'modern', Side>
let twin: Side
let gateway: Started
let seen: Seen[] = []
let raised: string[] = []

beforeAll(async () => {
  sides = { legacy: await startSide('legacy'), modern: await startSide('modern') }
  twin = await startSide('legacy')
  const hooks = Object.fromEntries(
    POINTS.map((point) => [
      point,
      (payload: Record<string, unknown>, { round }: PluginContext) => {
        seen.push({ point, round, payload: JSON.parse(JSON.stringify(payload)) })
        const text = JSON.stringify(payload)
        if (/_pre_(request|create)$/.test(point) && text.includes('break'))
          throw new Error('broken')
        return /_pre_(request|create)$/.test(point) && text.includes('deny')
          ? deny({ code: 'NO', reason: 'no' })
          : undefined
      },
    ]),
  )
  gateway = await runGateway(
    {
      servers: [
        server('legacy', sides.legacy.recorder.url),
        server('modern', sides.modern.recorder.url),
        server('twin', twin.recorder.url),
      ],
      limits: { request_timeout: '1s', ask: '4s' },
    },
    [
      { name: 'sees', hooks },
      {
        name: 'hears',
        mode: 'audit',
        hooks: { error_raised: ({ code, where }) => void raised.push(`${code} ${where}`) },
      },
    ],
  )
})
afterAll(async () => {
  await gateway?.stop({ now: true })
  await Promise.all(
    [sides?.legacy, sides?.modern, twin].map((side) => side?.[Symbol.asyncDispose]()),
  )
})

const call = (name: string, questions: Questions, more: object = {}) =>
  ['tools/call', { name: `${name}__ask`, arguments: { questions }, ...more }] as const
const rounds = (name: string, list: readonly Questions[]) =>
  ['tools/call', { name: `${name}__ask`, arguments: { rounds: list } }] as const

const answersOf = (question: { readonly method: string }) =>
  Object.entries(ASK).flatMap(([key, { method }]) =>
    method === question.method ? [TOLD[key as keyof typeof TOLD]] : [],
  )[0]

describe.each(PAIRS)('a %s client of a %s server', (era, behind) => {
  let peer: Peer
  beforeAll(async () => {
    peer = await connect(era, gateway.url, { capabilities: ABLE })
  })

  it.each(Object.keys(ASK) as (keyof typeof ASK)[])(
    'is asked for %s, and the server is told what it answered',
    async (key) => {
      const { response, asked } = await callAnswering(
        peer,
        call(behind, { [key]: ASK[key] }),
        answersOf,
      )
      expect(JSON.parse(textOf(response))).toEqual({ [key]: TOLD[key] })
      const { method, params } = ASK[key]
      expect(asked).toEqual([expect.objectContaining({ method })])
      expect(asked[0]?.params ?? {}).toEqual(params)
      expect(response?.result?.resultType).toBe(era === 'modern' ? 'complete' : undefined)
    },
  )

  it('is asked several things at once', async () => {
    const { response, asked } = await callAnswering(peer, call(behind, ASK), answersOf)
    expect(JSON.parse(textOf(response))).toEqual(TOLD)
    expect(asked.length).toBe(3)
  })

  it('is asked in several rounds: pre-points see each, the post-point of the call the complete result', async () => {
    seen = []
    const list: Questions[] = [{ first: ASK.elicit }, { second: ASK.sample }]
    const { response } = await callAnswering(peer, rounds(behind, list), answersOf)
    expect(response?.result).toBeDefined()
    const points = seen.map(({ point, round }) => [point, round])
    const again = era === 'modern'
    expect(points).toEqual([
      ['tool_pre_invoke', 0],
      ['elicitation_pre_create', 0],
      ['elicitation_post_response', again ? 1 : 0],
      ...(again ? [['tool_pre_invoke', 1]] : []),
      ['completion_pre_request', again ? 1 : 0],
      ['completion_post_response', again ? 2 : 0],
      ...(again ? [['tool_pre_invoke', 2]] : []),
      ['tool_post_invoke', again ? 2 : 0],
    ])
  })

  it('declines, and the server is told so', async () => {
    const declines = { action: 'decline' }
    const sent = call(behind, { q: ASK.elicit })
    const { response } = await callAnswering(peer, sent, () => declines)
    expect(JSON.parse(textOf(response))).toEqual({ q: declines })
  })

  it('is asked to open a page', async () => {
    const params = { mode: 'url', message: 'Log in', url: 'https://a.test/', elicitationId: 'e' }
    const question = { method: 'elicitation/create', params }
    seen = []
    const sent = call(behind, { q: question })
    const { asked } = await callAnswering(peer, sent, () => ({ action: 'accept' }))
    expect(asked[0]?.params).toEqual(params)
    expect(seen.find(({ point }) => point === 'elicitation_pre_create')?.payload).toEqual({
      server: behind,
      message: 'Log in',
      url: 'https://a.test/',
    })
  })

  it.each([
    ['sampling', { sampling: {}, roots: {} }, { q: ASK.elicit }],
    ['elicitation by form only', { elicitation: { form: {} } }, urlQuestion()],
    ['elicitation by url only', { elicitation: { url: {} } }, { q: ASK.elicit }],
    ['sampling without tools', { sampling: {} }, toolQuestion({ tools: [] })],
    ['sampling without tools', { sampling: {} }, toolQuestion({ toolChoice: { mode: 'auto' } })],
  ] as const)(
    'that declared %s is not asked what it did not declare',
    async (_, capabilities, questions) => {
      const less = await connect(era, gateway.url, {
        client: { name: `less ${JSON.stringify(capabilities)}`, version: '1' },
        capabilities,
      })
      const { response, asked } = await callAnswering(less, call(behind, questions), () => {
        throw new Error('was asked')
      })
      expect(asked).toEqual([])
      if (behind === 'modern') expect(response?.error?.data?.code).toBe('UPSTREAM_PROTOCOL')
      else expect(JSON.parse(textOf(response))).toMatchObject({ q: { error: { code: -32601 } } })
    },
  )

  const worded = (key: 'elicit' | 'sample', word: string) => {
    const { method, params } = ASK[key]
    const messages = [{ role: 'user', content: { type: 'text', text: word } }]
    return {
      method,
      params: { ...params, ...(key === 'elicit' ? { message: word } : { messages }) },
    }
  }
  const never = () => {
    throw new Error('was asked')
  }

  it('is not asked what a policy refuses for its user, and the server is told that it was declined', async () => {
    const sent = call(behind, { q: worded('elicit', 'deny') })
    const { response, asked } = await callAnswering(peer, sent, never)
    expect([asked, JSON.parse(textOf(response))]).toEqual([[], { q: { action: 'decline' } }])
  })

  it('is not asked what a policy refuses for its model, and the server gets an error or the call ends', async () => {
    const sent = call(behind, { q: worded('sample', 'deny') })
    const { response, asked } = await callAnswering(peer, sent, never)
    expect(asked).toEqual([])
    if (era === 'legacy' && behind === 'legacy')
      expect(JSON.parse(textOf(response))).toMatchObject({ q: { error: { code: -31001 } } })
    else expect(textOf(response)).toBe('blocked by policy: no (NO)')
  })

  it('is not asked when a policy breaks, and the fault keeps its name', async () => {
    raised = []
    const sent = call(behind, { q: worded('elicit', 'break') })
    const { response, asked } = await callAnswering(peer, sent, never)
    expect(asked).toEqual([])
    const error = { code: -32603, data: { code: 'PLUGIN_THREW' } }
    if (era === 'legacy' && behind === 'legacy')
      expect(JSON.parse(textOf(response))).toMatchObject({ q: { error } })
    else expect(response?.error).toMatchObject(error)
    await gateway.observed()
    expect(raised).toEqual(['PLUGIN_THREW sees at elicitation_pre_create'])
  })

  it('takes longer than a call may, because its time stands still meanwhile', async () => {
    const sent = call(behind, { q: ASK.elicit })
    const { response } = await callAnswering(peer, sent, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1500))
      return TOLD.elicit
    })
    expect(JSON.parse(textOf(response))).toEqual({ q: TOLD.elicit })
  })
})

function urlQuestion(): Questions {
  const params = { mode: 'url', message: 'Log in', url: 'https://a.test/', elicitationId: 'e' }
  return { q: { method: 'elicitation/create', params } }
}

function toolQuestion(more: object): Questions {
  return { q: { method: 'sampling/createMessage', params: { ...ASK.sample.params, ...more } } }
}

it('two servers that give their questions one id are told each its own answer', async () => {
  const peer = await connect('legacy', gateway.url, { capabilities: ABLE })
  sides.legacy.questioner.ids.set('here', '1')
  twin.questioner.ids.set('there', '1')
  const form = (message: string) => ({ ...ASK.elicit, params: { ...ASK.elicit.params, message } })
  const ask = (name: string, key: string) =>
    callAnswering(peer, call(name, { [key]: form(key) }), ({ params }) => ({
      action: 'accept',
      content: { name: params?.message },
    }))
  const [here, there] = await Promise.all([ask('legacy', 'here'), ask('twin', 'there')])
  const said = (name: string) => ({ [name]: { action: 'accept', content: { name } } })
  expect(JSON.parse(textOf(here.response))).toEqual(said('here'))
  expect(JSON.parse(textOf(there.response))).toEqual(said('there'))
  const ids = [...here.asked, ...there.asked].map((asked) => (asked as { id?: unknown }).id)
  expect(new Set(ids).size).toBe(2)
})

it('two sessions never see each other’s questions', async () => {
  const peers = await Promise.all(
    [0, 1].map(() => connect('legacy', gateway.url, { capabilities: ABLE })),
  )
  const form = (message: string) => ({ ...ASK.elicit, params: { ...ASK.elicit.params, message } })
  const asked = await Promise.all(
    peers.flatMap((peer, who) =>
      [0, 1, 2].map(async (turn) => {
        const sent = call('legacy', { [`${who}-${turn}`]: form(`for ${who}`) })
        const found = await callAnswering(peer, sent, () => TOLD.elicit)
        return found.asked.map(({ params }) => [who, params?.message])
      }),
    ),
  )
  expect(asked.flat()).toEqual([0, 0, 0, 1, 1, 1].map((who) => [who, `for ${who}`]))
})

it('a session cannot answer what another session is asked', async () => {
  const [asked, other] = await Promise.all(
    [0, 1].map(() => connect('legacy', gateway.url, { capabilities: ABLE })),
  )
  const { response } = await callAnswering(
    asked as Peer,
    call('legacy', { mine: ASK.elicit }),
    async (question) => {
      const { id } = question as unknown as { id: number }
      await reply(other as Peer, id, { action: 'accept', content: { name: 'intruder' } })
      return TOLD.elicit
    },
  )
  expect(JSON.parse(textOf(response))).toEqual({ mine: TOLD.elicit })
})

it('what a client says about its progress reaches the server under the server’s own token', async () => {
  const peer = await connect('legacy', gateway.url, { capabilities: ABLE })
  const params = { ...ASK.sample.params, _meta: { progressToken: 'theirs' } }
  await callAnswering(peer, call('legacy', { q: { ...ASK.sample, params } }), async (question) => {
    const meta = question.params?._meta as { progressToken: unknown } | undefined
    const progressToken = meta?.progressToken
    expect(progressToken).not.toBe('theirs')
    await peer.notify('notifications/progress', { progressToken, progress: 1 })
    await peer.notify('notifications/progress', { progressToken: 'theirs', progress: 2 })
    return TOLD.sample
  })
  await expect
    .poll(() =>
      sides.legacy.recorder.calls('notifications/progress').map(({ message }) => message.params),
    )
    .toEqual([{ progressToken: 'theirs', progress: 1 }])
})

it.each(ERAS)(
  'a question to a legacy client ends with the call it is for (%s server)',
  async (behind) => {
    const peer = await connect('legacy', gateway.url, { capabilities: ABLE })
    const withdrawn: unknown[] = []
    const [method, params] = call(behind, { q: ASK.elicit })
    let asked: unknown
    for await (const message of messagesOf(peer, { jsonrpc: '2.0', id: 'mine', method, params })) {
      if (message.method === 'elicitation/create') {
        asked = message.id
        await peer.notify('notifications/cancelled', { requestId: 'mine' })
      } else if (message.method === 'notifications/cancelled')
        withdrawn.push(message.params?.requestId)
      else expect(message.error?.data?.code).toBe('DISPATCH_ABORTED')
    }
    expect(asked).toBeDefined()
    expect(withdrawn).toEqual([asked])
    const cancelled = () => sides.legacy.recorder.calls('notifications/cancelled').length
    if (behind === 'legacy') await expect.poll(cancelled).toBeGreaterThan(0)
  },
)

it('a client that has no stream to be asked on is told nothing, the server is, and the failure is raised', async () => {
  raised = []
  const headers = { accept: 'application/json' }
  const peer = await connect('legacy', gateway.url, { capabilities: ABLE, headers })
  const { response, asked } = await callAnswering(peer, call('legacy', { q: ASK.elicit }), () => {
    throw new Error('was asked')
  })
  expect(asked).toEqual([])
  expect(JSON.parse(textOf(response))).toMatchObject({
    q: { error: { code: -32603, data: { code: 'CLIENT_UNREACHABLE' } } },
  })
  await gateway.observed()
  expect(raised).toEqual(['CLIENT_UNREACHABLE elicitation/create'])
})

it('a page that was opened is reported as done to the session that was asked, and to no other', async () => {
  const [asked, other] = (await Promise.all(
    [0, 1].map(() => connect('legacy', gateway.url, { capabilities: ABLE })),
  )) as [Peer, Peer]
  const end = new AbortController()
  const heard: string[] = []
  for (const [name, peer] of [
    ['asked', asked],
    ['other', other],
  ] as const)
    void (async () => {
      for await (const { method } of messagesOf(peer, undefined, end.signal))
        heard.push(`${name} ${method}`)
    })().catch(() => {})
  const streams = sides.legacy.recorder.streams()
  await callAnswering(asked, call('legacy', urlQuestion()), () => ({ action: 'accept' }))
  await expect.poll(() => sides.legacy.recorder.streams()).toBeGreaterThan(streams)
  const complete = { method: 'notifications/elicitation/complete', params: { elicitationId: 'e' } }
  // on the newest stream, which is the one of this session
  sides.legacy.recorder.announceLast(complete)
  await expect.poll(() => heard).toEqual(['asked notifications/elicitation/complete'])
  end.abort()
})

it('a large question is put like a small one, also where no policy sees results', async () => {
  const recorder = await startRecorder({
    eras: 'modern',
    tools: ['ask'],
    call: createQuestioner().call,
  })
  await using plain = await runGateway({ servers: [server('m', recorder.url)] })
  const peer = await connect('modern', plain.url, { capabilities: ABLE })
  const large = { ...ASK.elicit, params: { ...ASK.elicit.params, message: 'x'.repeat(50_000) } }
  const { response } = await callAnswering(peer, call('m', { q: large }), () => TOLD.elicit)
  expect(JSON.parse(textOf(response))).toEqual({ q: TOLD.elicit })
  await recorder.close()
})
