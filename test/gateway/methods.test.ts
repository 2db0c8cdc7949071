// Every method of the table, held against rules that deny everything: no method is served without asking them but those that are stated here.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { METHODS } from '../../src/gateway/methods.ts'
import { RIGHTS } from '../../src/identity/rights.ts'
import { bearer, type Guarded, guarded, no, YES } from './guarded.ts'
import { connect, ERAS, type Peer } from './peers.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { runGateway, type Started, server } from './running.ts'

/** They tell nothing of what a server offers and do nothing there; giving up what was permitted needs no permission. */
const UNASKED = [
  'initialize',
  'ping',
  'server/discover',
  'resources/unsubscribe',
  'logging/setLevel',
]

/** What is sent. A method that is not here fails the test. */
const PARAMS: Readonly<Record<string, Record<string, unknown>>> = {
  'tools/list': {},
  'prompts/list': {},
  'resources/list': {},
  'resources/templates/list': {},
  'tools/call': { name: 'rec__tool' },
  'prompts/get': { name: 'rec__prompt' },
  'resources/read': { uri: 'test://one' },
  'tasks/get': {},
  'tasks/result': {},
  'tasks/update': {},
  'tasks/cancel': {},
  'completion/complete': {
    ref: { type: 'ref/prompt', name: 'rec__prompt' },
    argument: { name: 'a', value: '' },
  },
  'resources/subscribe': { uri: 'test://one' },
  'subscriptions/listen': { notifications: { resourceSubscriptions: ['test://one'] } },
}

const ASKING = Object.entries(METHODS).filter(([, { needs }]) => needs !== 'nothing')

it('the methods that need no permission are these', () => {
  const unasked = Object.keys(METHODS).filter((name) => METHODS[name]?.needs === 'nothing')
  expect(unasked.toSorted()).toEqual(UNASKED.toSorted())
})

it('all others name rights of the table, and have a request here', () => {
  for (const [name, { needs }] of ASKING) {
    expect(PARAMS, name).toHaveProperty([name])
    for (const right of needs) expect(RIGHTS, name).toHaveProperty([right])
  }
})

let recorder: Recorder
let identity: Guarded
let started: Started
beforeAll(async () => {
  const capabilities = {
    tools: {},
    prompts: {},
    resources: { subscribe: true },
    completions: {},
    tasks: { requests: { tools: { call: {} } } },
    extensions: { 'io.modelcontextprotocol/tasks': {} },
  }
  recorder = await startRecorder({
    capabilities,
    tools: ['tool'],
    list: (method) =>
      ({
        'prompts/list': { prompts: [{ name: 'prompt' }] },
        'resources/list': { resources: [{ uri: 'test://one', name: 'one' }] },
        'resources/templates/list': {
          resourceTemplates: [{ uriTemplate: 'test://{id}', name: 'any' }],
        },
      })[method],
    call({ message }, answers) {
      const { params, method } = message
      if (method?.startsWith('tasks/')) return answers.result({ taskId: 'own', status: 'working' })
      const modern = (params?._meta as object | undefined) !== undefined
      const task = { taskId: 'own', status: 'working', createdAt: '', ttl: null, ttlMs: null }
      answers.result(modern ? { ...task, resultType: 'task' } : { task })
    },
  })
  identity = guarded()
  started = await runGateway({ servers: [server('rec', recorder.url)] }, [], {
    identity: identity.room,
  })
})
afterAll(async () => {
  await started?.stop({ now: true })
  await recorder?.close()
})
beforeEach(() => {
  identity.rule = () => no()
})

describe.each(ERAS)('in the %s era', (era) => {
  let peer: Peer
  let taskId: unknown
  beforeAll(async () => {
    peer = await connect(era, started.url, {
      headers: bearer('ann'),
      capabilities: { extensions: { 'io.modelcontextprotocol/tasks': {} } },
    })
    identity.rule = () => YES
    const begun = await peer.call('rec__tool', {}, { task: { ttl: 1000 } })
    const { task = begun.result } = (begun.result ?? {}) as { task?: Record<string, unknown> }
    taskId = task?.taskId
    expect(taskId).toEqual(expect.any(String))
    for (const method of ['prompts/list', 'resources/list', 'resources/templates/list'])
      await peer.request(method)
  })

  it.each(ASKING.filter(([, { eras }]) => eras.includes(era)))(
    '%s: the rules are asked with a right of its row, and nothing is served against them',
    async (name, { needs }) => {
      const before = recorder.seen.length
      identity.asked.length = 0
      const params = name.startsWith('tasks/') ? { taskId } : PARAMS[name]
      const { response } = await peer.request(name, params)
      if (name.endsWith('/list')) {
        const lists = Object.values(response?.result ?? {}).filter(Array.isArray)
        expect(lists).toEqual([[]])
      } else expect(response?.error?.data?.code).toBe('AUTH_DENIED')
      expect(recorder.seen.length).toBe(before)
      expect(identity.asked.length).toBeGreaterThan(0)
      for (const asked of identity.asked) expect(needs).toContain(asked.split(' ')[1])
    },
  )
})

describe('a handler that forgets to ask', () => {
  it('is not heard: its answer is withheld', async () => {
    const peer = await connect('modern', started.url, { headers: bearer('ann') })
    const table = METHODS as Record<string, (typeof METHODS)[string]>
    const before = METHODS['tools/list'] as (typeof METHODS)[string]
    table['tools/list'] = {
      ...before,
      handle: async () => ({ bytes: Buffer.from('{"secret":true}'), status: 200 }),
    }
    try {
      const { text, response } = await peer.request('tools/list')
      expect(response?.error).toMatchObject({ code: -32603, data: { code: 'INTERNAL' } })
      expect(text).not.toContain('secret')
    } finally {
      table['tools/list'] = before
    }
  })
})
