// completion/complete through the gateway in both eras: refs mapped to the server's own, both points, what is refused.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { deny, type HandlerAt, patch, respond } from '../../src/plugin.ts'
import { connect, ERAS, type Peer } from './peers.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { runGateway, type Started, server } from './running.ts'

let one: Recorder
let two: Recorder
let mute: Recorder
let gateway: Started
let before: HandlerAt<'argument_pre_complete'> | undefined
let after: HandlerAt<'argument_post_complete'> | undefined

const list = (own: string) => (method: string) =>
  ({
    'prompts/list': { prompts: [{ name: 'greet' }] },
    'resources/list': { resources: [{ uri: `test://${own}/plain`, name: 'plain' }] },
    'resources/templates/list': {
      resourceTemplates: [
        { uriTemplate: `test://${own}/{id}`, name: 'own' },
        { uriTemplate: 'test://shared/{id}', name: 'shared' },
      ],
    },
  })[method]

const completing = (own: string, eras: 'legacy' | 'modern' | 'both' = 'both') =>
  startRecorder({
    eras,
    capabilities: { prompts: {}, resources: {}, completions: {} },
    list: list(own),
    call: ({ message }, answers) => {
      const { argument } = (message.params ?? {}) as { argument?: { value?: string } }
      if (argument?.value === 'fail') return answers.error({ code: -32000, message: 'secret' })
      answers.result({
        completion: { values: [`${own}-a`, `${own}-b`], total: 2, hasMore: false, extra: 1 },
        _meta: { kept: true },
      })
    },
  })

beforeAll(async () => {
  one = await completing('one')
  two = await completing('two')
  mute = await startRecorder({ capabilities: { prompts: {} }, list: list('mute') })
  gateway = await runGateway(
    { servers: [server('one', one.url), server('two', two.url), server('mute', mute.url)] },
    [
      {
        name: 'acts',
        hooks: {
          argument_pre_complete: (payload, ctx) => before?.(payload, ctx),
          argument_post_complete: (payload, ctx) => after?.(payload, ctx),
        },
      },
    ],
  )
})
afterAll(async () => {
  await gateway?.stop({ now: true })
  for (const recorder of [one, two, mute]) await recorder?.close()
})
beforeEach(() => {
  before = undefined
  after = undefined
})

const prompt = (name: string) => ({ type: 'ref/prompt', name })
const resource = (uri: string) => ({ type: 'ref/resource', uri })

describe.each(ERAS)('in the %s era', (era) => {
  let peer: Peer
  beforeAll(async () => {
    peer = await connect(era, gateway.url)
  })
  const complete = (ref: object, value = 'x', more: object = {}) =>
    peer.request('completion/complete', { ref, argument: { name: 'arg', value }, ...more })
  const sent = (to: Recorder) => to.calls('completion/complete').at(-1)?.message.params

  it('a prompt is asked for under its own name, with its context, and all of the answer survives', async () => {
    const context = { arguments: { first: 'chosen' } }
    const { response } = await complete({ ...prompt('two__greet'), title: 'kept' }, 'x', {
      context,
    })
    expect(sent(two)).toMatchObject({
      ref: { type: 'ref/prompt', name: 'greet', title: 'kept' },
      argument: { name: 'arg', value: 'x' },
      context,
    })
    expect(response?.result).toEqual({
      completion: { values: ['two-a', 'two-b'], total: 2, hasMore: false, extra: 1 },
      _meta: { kept: true },
      ...(era === 'modern' ? { resultType: 'complete' } : {}),
    })
  })

  it.each([
    ['a template', 'test://one/{id}', 'test://one/{id}'],
    ['a template two servers have', 'portcullis://one/test://shared/{id}', 'test://shared/{id}'],
    ['a resource', 'test://one/plain', 'test://one/plain'],
  ])('%s is found by its URI', async (_, exposed, own) => {
    const { response } = await complete(resource(exposed))
    expect(response?.result?.completion).toMatchObject({ values: ['one-a', 'one-b'] })
    expect(sent(one)?.ref).toEqual(resource(own))
  })

  it.each([
    ['an unknown prompt', prompt('one__nothing')],
    ['an unknown resource', resource('other://nothing')],
    ['a prompt of a server that completes nothing', prompt('mute__greet')],
    ['no kind of ref', { type: 'ref/tool', name: 'one__greet' }],
    ['a ref without a name', { type: 'ref/prompt' }],
  ])('%s is -32602 and reaches nobody', async (_, ref) => {
    const asked = () => [one, two, mute].flatMap((each) => each.calls('completion/complete')).length
    const earlier = asked()
    expect((await complete(ref)).response?.error?.code).toBe(-32602)
    expect(asked()).toBe(earlier)
  })

  it('an argument without a value is -32602', async () => {
    const params = { ref: prompt('one__greet'), argument: { name: 'arg' } }
    const { response } = await peer.request('completion/complete', params)
    expect(response?.error?.code).toBe(-32602)
  })

  it('the points see ref, argument, context and values under the names of the server', async () => {
    const seen: unknown[] = []
    before = (payload) => void seen.push(payload)
    after = (payload) => void seen.push(payload)
    const context = { arguments: { a: 'b' } }
    await complete(prompt('one__greet'), 'x', { context })
    const argument = { name: 'arg', value: 'x' }
    const ref = prompt('greet')
    expect(seen).toEqual([
      { server: 'one', ref, argument, context },
      { server: 'one', ref, argument, values: ['one-a', 'one-b'] },
    ])
  })

  it('a patched argument is what the server is sent', async () => {
    before = ({ argument }) => patch({ argument: { ...argument, value: 'changed' } })
    await complete(prompt('one__greet'))
    expect(sent(one)?.argument).toEqual({ name: 'arg', value: 'changed' })
  })

  it('patched values are what the client gets, and nothing else changes', async () => {
    after = ({ values }) => patch({ values: values.slice(1) })
    const { response } = await complete(prompt('one__greet'))
    expect(response?.result?.completion).toEqual({
      values: ['one-b'],
      total: 2,
      hasMore: false,
      extra: 1,
    })
  })

  it('an answer of a policy passes the post-point, and the server is not asked', async () => {
    const earlier = one.seen.length
    before = () => respond({ values: ['mine', 'other'], total: 9 })
    after = ({ values }) => patch({ values: values.slice(0, 1) })
    const { response } = await complete(prompt('one__greet'))
    expect(response?.result).toEqual({
      completion: { values: ['mine'], total: 9 },
      ...(era === 'modern' ? { resultType: 'complete' } : {}),
    })
    expect(one.seen.length).toBe(earlier)
  })

  it('an error of the server reaches the post-point, which can rewrite it', async () => {
    after = ({ error, values }) => {
      expect(values).toEqual([])
      return error ? patch({ error: { message: 'changed' } }) : undefined
    }
    const { response } = await complete(prompt('one__greet'), 'fail')
    expect(response?.error).toEqual({ code: -32000, message: 'changed' })
  })

  it.each(['before', 'after'])('a denial %s is -31001, and no value gets out', async (when) => {
    const no = () => deny({ code: 'NO', reason: 'not for you' })
    if (when === 'before') before = no
    else after = no
    const earlier = one.seen.length
    const answer = await complete(prompt('one__greet'))
    expect(answer.response?.error).toMatchObject({ code: -31001, data: { code: 'NO' } })
    expect(answer.text).not.toContain('one-a')
    expect(one.seen.length - earlier).toBe(when === 'before' ? 0 : 1)
  })
})

it.each([
  ['legacy', 'modern'],
  ['modern', 'legacy'],
] as const)('a client of the %s era completes at a server of the %s era', async (client, eras) => {
  await using other = await completing('other', eras)
  await using bridged = await runGateway({ servers: [server('other', other.url)] })
  const peer = await connect(client, bridged.url)
  const argument = { name: 'arg', value: 'x' }
  const params = { ref: prompt('other__greet'), argument }
  const { response } = await peer.request('completion/complete', params)
  expect(response?.result).toEqual({
    completion: { values: ['other-a', 'other-b'], total: 2, hasMore: false, extra: 1 },
    _meta: { kept: true },
    ...(client === 'modern' ? { resultType: 'complete' } : {}),
  })
})

it.each([{ inputResponses: { q: { action: 'accept' } } }, { requestState: 's' }])(
  'what a legacy client cannot have been asked does not go on as its answer: %o',
  async (more) => {
    const peer = await connect('legacy', gateway.url)
    const asked = () => one.calls('completion/complete').length
    const count = asked()
    const argument = { name: 'arg', value: 'x' }
    const { response } = await peer.request('completion/complete', {
      ref: prompt('one__greet'),
      argument,
      ...more,
    })
    expect(response?.error).toMatchObject({ code: -32602 })
    expect(asked()).toBe(count)
  },
)
