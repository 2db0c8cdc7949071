// Calls that become tasks at their server: ids of the gateway's own, bound to who asked; results and questions pass the points of the call.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTaskIds } from '../../src/gateway/task/ids.ts'
import { deny, patch } from '../../src/plugin.ts'
import { openSession } from '../support/rpc.ts'
import { connect, ERAS, textOf } from './peers.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { type CodeEntry, runGateway, type Started, server } from './running.ts'

const EXTENSION = 'io.modelcontextprotocol/tasks'
const RELATED = 'io.modelcontextprotocol/related-task'
const done = { content: [{ type: 'text', text: 'secret' }] }
const asks = {
  method: 'elicitation/create',
  params: { mode: 'form', message: 'Sure?', requestedSchema: { type: 'object', properties: {} } },
}

let recorder: Recorder
let gateway: Started
const refused = new Set<string>()

beforeAll(async () => {
  recorder = await startRecorder({
    capabilities: {
      tools: {},
      tasks: { requests: { tools: { call: {} } } },
      extensions: { [EXTENSION]: {} },
    },
    tools: ['work'],
    call: ({ message }, answers) => {
      const { method, params = {} } = message
      const modern =
        params._meta !== undefined &&
        'io.modelcontextprotocol/protocolVersion' in (params._meta as object)
      const task = {
        taskId: 'own-1',
        status: 'working',
        createdAt: 'now',
        lastUpdatedAt: 'now',
        ttl: 1,
      }
      if (method === 'tools/call') {
        const { more } = (params.arguments ?? {}) as { more?: object }
        if (modern) return answers.result({ resultType: 'task', ...task, ...more })
        return answers.result({ task: { ...task, ...more }, ...more })
      }
      if (method === 'tasks/result')
        return answers.result({ ...done, _meta: { [RELATED]: { taskId: 'own-1' } } })
      if (method !== 'tasks/get' || !modern)
        return answers.result({ ...task, ...(modern ? { resultType: 'complete' } : {}) })
      const { waits, ends } = params._meta as { waits?: boolean; ends?: object }
      answers.result({
        resultType: 'complete',
        ...task,
        ...(waits
          ? { status: 'input_required', inputRequests: { q: asks } }
          : (ends ?? { result: done })),
      })
    },
  })
  const virtual_servers = [
    { name: 'same', path: '/same', tools: ['rec__work'] },
    { name: 'other', path: '/other', tools: ['rec__other'] },
  ]
  gateway = await runGateway({ servers: [server('rec', recorder.url)], virtual_servers }, [
    {
      name: 'judge',
      hooks: {
        tool_post_invoke: ({ name, error }) => {
          if (refused.has(name)) return deny({ code: 'NO', reason: 'not this one' })
          if (error) return patch({ error: { ...error, message: 'public' } })
          return patch({ content: [{ type: 'text', text: 'public' }] })
        },
        elicitation_pre_create: () => patch({ message: 'Really sure?' }),
        elicitation_post_response: () => patch({ content: { seen: true } }),
      },
    },
  ])
})
afterAll(async () => {
  await gateway?.stop({ now: true })
  await recorder?.close()
})

const last = (method: string) => recorder.calls(method).at(-1)?.message.params

async function begun(era: (typeof ERAS)[number], at = gateway) {
  const peer = await connect(era, at.url, { capabilities: { elicitation: {} } })
  const { result } = await peer.call(
    'rec__work',
    {},
    era === 'legacy' ? { task: { ttl: 1000 } } : {},
  )
  const task =
    era === 'legacy' ? (result?.task as { taskId: string }) : (result as { taskId: string })
  return { peer, result, taskId: task.taskId }
}

describe.each(ERAS)('a task of the %s era', (era) => {
  it('has an id of the gateway, which leads back to the server', async () => {
    const { peer, taskId, result } = await begun(era)
    expect(JSON.stringify(result)).not.toContain('own-1')
    const got = await peer.request('tasks/get', { taskId })
    expect(got.response?.result).toMatchObject({ taskId, status: 'working' })
    expect(last('tasks/get')).toMatchObject({ taskId: 'own-1' })
    const ended = await peer.request('tasks/cancel', { taskId })
    expect(ended.response?.result).toMatchObject({ taskId })
    expect(last('tasks/cancel')).toMatchObject({ taskId: 'own-1' })
  })

  it('shows its result to the post-point of the call', async () => {
    const { peer, taskId } = await begun(era)
    const method = era === 'legacy' ? 'tasks/result' : 'tasks/get'
    const passed = (await peer.request(method, { taskId })).response?.result
    expect(JSON.stringify(passed)).toContain('public')
    expect(JSON.stringify(passed)).not.toMatch(/secret|own-1/)
    refused.add('work')
    try {
      const { text, response } = await peer.request(method, { taskId })
      expect(text).not.toContain('secret')
      expect(textOf(response)).toContain('not this one (NO)')
    } finally {
      refused.clear()
    }
  })

  it('is no task for an id that the gateway did not make', async () => {
    const { peer, taskId } = await begun(era)
    for (const wrong of ['own-1', `${taskId}A`, taskId.slice(0, -1), '', 7, undefined]) {
      const { response } = await peer.request('tasks/get', { taskId: wrong })
      expect(response?.error, String(wrong)).toMatchObject({ code: -32602 })
    }
  })

  it('is no task on a virtual server that does not select its tool', async () => {
    const { taskId } = await begun(era)
    const on = async (path: string) => {
      const peer = await connect(era, new URL(path, gateway.url).href)
      return (await peer.request('tasks/get', { taskId })).response
    }
    expect((await on('/same'))?.result).toMatchObject({ taskId })
    const unknown = (await on('/other'))?.error
    expect([unknown?.code, unknown?.message]).toEqual([
      -32602,
      'there is no such task here; it may be over and forgotten',
    ])
  })
})

it.each(ERAS)(
  'the end of a task of the %s era is one of the call that it was: its method and labels',
  async (era) => {
    const seen: unknown[] = []
    const marks: CodeEntry = {
      name: 'marks',
      hooks: { tool_pre_invoke: (_, ctx) => ctx.addLabel('hot') },
    }
    const denies: CodeEntry = {
      name: 'denies',
      hooks: {
        tool_post_invoke(_, { method, origin, labels, server: from }) {
          seen.push([method, origin, [...labels], from?.name])
          return deny({ code: 'HOT', reason: 'too hot' })
        },
      },
      more: { conditions: [{ methods: ['tools/call'], labels: ['hot'] }] },
    }
    await using judging = await runGateway({ servers: [server('rec', recorder.url)] }, [
      marks,
      denies,
    ])
    const { peer, taskId } = await begun(era, judging)
    expect((await peer.request('tasks/cancel', { taskId })).response?.result).toMatchObject({
      taskId,
    })
    const method = era === 'legacy' ? 'tasks/result' : 'tasks/get'
    const { text } = await peer.request(method, { taskId })
    expect(text).toContain('HOT')
    expect(text).not.toContain('secret')
    const last = seen.at(-1)
    expect(last).toEqual(['tools/call', 'upstream', ['hot'], 'rec'])
  },
)

describe.each(ERAS)('what comes with a new task of the %s era', (era) => {
  it.each([
    { result: done },
    { error: { code: 1, message: 'secret' } },
    { structuredContent: { a: 'secret' } },
    { inputRequests: { q: { ...asks, params: { ...asks.params, message: 'secret' } } } },
    { _meta: { 'io.modelcontextprotocol/model-immediate-response': 'secret' } },
    { unheard: 'secret' },
  ])('and is shown to no point does not reach the client: %o', async (more) => {
    const peer = await connect(era, gateway.url)
    const asTask = era === 'legacy' ? { task: { ttl: 1000 } } : {}
    const answer = await peer.call('rec__work', { more }, asTask)
    const task = era === 'legacy' ? answer.result?.task : answer.result
    expect(task).toMatchObject({ taskId: expect.any(String), status: 'working', ttl: 1 })
    expect(JSON.stringify(answer)).not.toMatch(/secret|own-1/)
  })
})

it('questions that come with a new task are left out also where nobody looks at results', async () => {
  await using plain = await runGateway({ servers: [server('rec', recorder.url)] })
  const peer = await connect('modern', plain.url)
  const { result } = await peer.call('rec__work', { more: { inputRequests: { q: asks }, a: 1 } })
  expect(result).toMatchObject({ taskId: expect.any(String), a: 1 })
  expect(result).not.toHaveProperty('inputRequests')
})

it('the error that a modern task ends with is shown to the post-point of the call', async () => {
  const { peer, taskId } = await begun('modern')
  const ends = { status: 'failed', error: { code: -32000, message: 'secret', data: 1 } }
  const { response } = await peer.request('tasks/get', { taskId, _meta: { ends } })
  const error = { code: -32000, message: 'public', data: 1 }
  expect(response?.result).toMatchObject({ status: 'failed', error })
})

it.each([['secret'], [{ ends: 'secret' }], 'secret'])(
  'a modern task that ends with what is no result of a tool tells nothing of it: %o',
  async (result) => {
    const { peer, taskId } = await begun('modern')
    const { text, response } = await peer.request('tasks/get', {
      taskId,
      _meta: { ends: { result } },
    })
    expect(response?.error?.data).toMatchObject({ code: 'UPSTREAM_PROTOCOL' })
    expect(text).not.toContain('secret')
  },
)

it('what a modern task needs to go on passes the points of questions, both ways', async () => {
  const { peer, taskId } = await begun('modern')
  const { response } = await peer.request('tasks/get', { taskId, _meta: { waits: true } })
  expect(response?.result).toMatchObject({
    status: 'input_required',
    inputRequests: { q: { method: 'elicitation/create', params: { message: 'Really sure?' } } },
  })
  await peer.request('tasks/update', { taskId, inputResponses: { q: { action: 'accept' } } })
  expect(last('tasks/update')).toMatchObject({
    taskId: 'own-1',
    inputResponses: { q: { action: 'accept', content: { seen: true } } },
  })
})

it('tasks are advertised as far as they are served', async () => {
  const { initialize: legacy } = await openSession(gateway.url)
  expect(legacy.response?.result?.capabilities).toMatchObject({
    tasks: { cancel: {}, requests: { tools: { call: {} } } },
  })
  const modern = await connect('modern', gateway.url)
  const { response } = await modern.request('server/discover')
  expect(response?.result?.capabilities).toMatchObject({ extensions: { [EXTENSION]: {} } })
  const { response: list } = await (await connect('legacy', gateway.url)).request('tasks/list')
  expect(list?.error).toMatchObject({ code: -32601 })
})

it('an id of one principal is nothing to another', () => {
  const ids = createTaskIds(Buffer.alloc(32, 1))
  const task = { server: 's', id: 'own', tool: 't', labels: ['a', 'b'] }
  const exposed = ids.expose('alice', task)
  expect(ids.expose('alice', task)).toBe(exposed)
  expect(ids.own('alice', exposed)).toEqual(task)
  // what policies made of the call is not for the client to read
  const hot = ids.expose('alice', { ...task, labels: ['suspected'] })
  expect(Buffer.from(hot, 'base64url').includes('suspected')).toBe(false)
  expect(() => ids.own('bob', exposed)).toThrow('there is no such task')
})
