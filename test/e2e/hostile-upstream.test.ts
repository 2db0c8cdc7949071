// What a hostile or broken server may answer: its own calls fail with a code, nothing else does, and nothing crashes.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, ERAS, type Peer, textOf } from '../gateway/peers.ts'
import {
  type Answers,
  echo,
  type Received,
  type Recorder,
  startRecorder,
} from '../gateway/recorder.ts'
import { type CodeEntry, runGateway, type Started, server } from '../gateway/running.ts'

const rejections: unknown[] = []
const note = (reason: unknown) => void rejections.push(reason)
beforeAll(() => void process.on('unhandledRejection', note))
afterAll(() => {
  process.off('unhandledRejection', note)
  expect(rejections).toEqual([])
})

// somebody who looks at results, so that their shape counts
const looks: CodeEntry = {
  name: 'looks',
  hooks: {
    tool_post_invoke: ({ result }) => void result?.content.length,
    prompt_post_fetch: ({ result }) => void result?.messages.length,
    resource_post_fetch: ({ result }) => void result?.contents.length,
  },
}

describe.each(ERAS)('answers to calls of the %s era', (era) => {
  const deep = `${'['.repeat(200)}${']'.repeat(200)}`
  const reply = (result: string) => `{"jsonrpc":"2.0","id":"$id","result":${result}}`
  // what is said, and the code of the error the client gets
  const lies: Record<string, [(answers: Answers, received: Received) => void, string]> = {
    'no content': [(answers) => answers.result({}), 'UPSTREAM_PROTOCOL'],
    'content that is text': [(answers) => answers.result({ content: 'text' }), 'UPSTREAM_PROTOCOL'],
    'content of numbers': [(answers) => answers.result({ content: [1, 2] }), 'UPSTREAM_PROTOCOL'],
    'isError as text': [
      (answers) => answers.result({ content: [], isError: 'no' }),
      'UPSTREAM_PROTOCOL',
    ],
    'a null result': [(answers) => answers.raw(reply('null')), 'UPSTREAM_PROTOCOL'],
    'an array as result': [(answers) => answers.raw(reply('[]')), 'UPSTREAM_PROTOCOL'],
    'a number as result': [(answers) => answers.raw(reply('7')), 'UPSTREAM_PROTOCOL'],
    input_required: [
      (answers) => answers.result({ resultType: 'input_required', inputRequests: {} }),
      'UPSTREAM_PROTOCOL',
    ],
    'a task': [(answers) => answers.result({ resultType: 'task', task: {} }), 'UPSTREAM_PROTOCOL'],
    'an error without code': [
      (answers) => answers.raw('{"jsonrpc":"2.0","id":"$id","error":{"message":"x"}}'),
      'UPSTREAM_PROTOCOL',
    ],
    'result and error': [
      (answers) =>
        answers.raw('{"jsonrpc":"2.0","id":"$id","result":{},"error":{"code":1,"message":"x"}}'),
      'UPSTREAM_PROTOCOL',
    ],
    'duplicate members': [
      (answers) => answers.raw(reply('{"content":[],"content":[]}')),
      'UPSTREAM_PROTOCOL',
    ],
    'case variants': [
      (answers) => answers.raw(reply('{"content":[],"Content":[]}')),
      'UPSTREAM_PROTOCOL',
    ],
    'deep nesting': [
      (answers) => answers.raw(reply(`{"content":[],"x":${deep}}`)),
      'UPSTREAM_PROTOCOL',
    ],
    'no JSON': [(answers) => answers.raw('<html>oops</html>'), 'UPSTREAM_PROTOCOL'],
    'half of JSON': [(answers) => answers.raw('{"jsonrpc":"2.0","id":'), 'UPSTREAM_PROTOCOL'],
    'a batch': [(answers) => answers.raw(`[${reply('{"content":[]}')}]`), 'UPSTREAM_PROTOCOL'],
    'the answer to another id': [
      (answers) => answers.raw('{"jsonrpc":"2.0","id":424242,"result":{"content":[]}}'),
      'UPSTREAM_PROTOCOL',
    ],
    'HTTP 500 with HTML': [
      (answers) => answers.raw('<html>SECRET</html>', 500),
      'UPSTREAM_UNAVAILABLE',
    ],
    'HTTP 401': [(answers) => answers.raw('{}', 401), 'UPSTREAM_REFUSED'],
    'HTTP 302': [(answers) => answers.raw('', 302), 'UPSTREAM_PROTOCOL'],
    'too many bytes': [
      (answers) => answers.result({ content: [{ type: 'text', text: 'x'.repeat(300_000) }] }),
      'UPSTREAM_TOO_LARGE',
    ],
    'a stream that ends early': [
      (answers) =>
        answers.events([{ method: 'notifications/message', params: { level: 'info', data: 1 } }]),
      'UPSTREAM_PROTOCOL',
    ],
    'nothing, and hangs up': [(answers) => answers.destroy(), 'UPSTREAM_UNAVAILABLE'],
    'nothing at all': [() => {}, 'UPSTREAM_TIMEOUT'],
  }
  let recorder: Recorder
  let gateway: Started
  let peer: Peer

  beforeAll(async () => {
    recorder = await startRecorder({
      tools: ['fine', ...Object.keys(lies).map((_, index) => `lie-${index}`)],
      call(received, answers) {
        const lie = /^lie-(\d+)$/.exec(String(received.message.params?.name))?.[1]
        if (lie === undefined) return echo(received, answers)
        Object.values(lies)[Number(lie)]?.[0](answers, received)
      },
    })
    const limits = { response: '256KiB', depth: 64, request_timeout: '1500ms' }
    gateway = await runGateway({ servers: [server('rec', recorder.url)], limits }, [looks])
    peer = await connect(era, gateway.url)
  })
  afterAll(async () => {
    await gateway?.stop({ now: true })
    await recorder?.close()
  })

  it.each(Object.keys(lies).map((what, index) => [what, index] as const))(
    '%s',
    async (what, index) => {
      const answer = await peer.request('tools/call', { name: `rec__lie-${index}` }, { id: what })
      expect(answer.status).toBe(200)
      expect(answer.response).toMatchObject({
        id: what,
        error: { code: -32603, data: { code: lies[what]?.[1] } },
      })
      expect(answer.text).not.toMatch(/<html|SECRET|127\.0\.0\.1/)
      // the next call finds the server again
      for (let attempt = 0; attempt < 40; attempt++) {
        if (textOf(await peer.call('rec__fine', { a: 1 })) === '{"a":1}') return
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      throw new Error('the server did not come back')
    },
  )

  it('notifications that are lies are dropped or carried, and never break the call', async () => {
    await using rec = await startRecorder({
      tools: ['noisy'],
      call({ message }, answers) {
        const result = { content: [], ...(era === 'modern' ? { resultType: 'complete' } : {}) }
        answers.events([
          ...['constructor', '__proto__', 'toString', 'notifications/unknown'].map((method) => ({
            method,
          })),
          { method: 'notifications/progress', params: { progressToken: 'not yours', progress: 1 } },
          { method: 'notifications/progress', params: { progress: 'x' } },
          { method: 'notifications/message', params: { level: 'nonsense', data: {} } },
          { method: 'notifications/cancelled', params: { requestId: message.id } },
          { id: 'evil', method: 'sampling/createMessage', params: {} },
          { id: 424242, result: {} },
          { id: message.id, result },
        ])
      },
    })
    await using own = await runGateway({ servers: [server('rec', rec.url)] }, [looks])
    const there = await connect(era, own.url)
    const { response } = await there.request('tools/call', { name: 'rec__noisy' })
    expect(response?.result).toMatchObject({ content: [] })
    for (const method of [
      'constructor',
      '__proto__',
      'notifications/tools/list_changed',
      'x'.repeat(5000),
    ])
      rec.announce({ method })
    rec.announce({ id: 1, method: 'roots/list' })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect((await there.request('tools/list')).response?.result?.tools).toHaveLength(1)
  })
})

describe('lists', () => {
  let recorder: Recorder | undefined
  let other: Recorder
  let gateway: Started | undefined

  beforeEach(async () => {
    other = await startRecorder({ tools: ['fine'] })
  })
  afterEach(async () => {
    await gateway?.stop({ now: true })
    await recorder?.close()
    await other.close()
    gateway = undefined
    recorder = undefined
  })

  type List = (params: Record<string, unknown>) => unknown

  async function listed(list: List, name = 'rec', config: object = {}) {
    recorder = await startRecorder({
      list: (method, params) => (method === 'tools/list' ? list(params) : undefined),
    })
    const servers = [server(name, recorder.url), server('other', other.url)]
    gateway = await runGateway({ servers, ...config })
    const peer = await connect('legacy', gateway.url)
    return { peer, names: await allNames(peer) }
  }

  async function allNames(peer: Peer): Promise<string[]> {
    const names: string[] = []
    let cursor: string | undefined
    do {
      const { response } = await peer.request('tools/list', cursor === undefined ? {} : { cursor })
      const { tools, nextCursor } = (response?.result ?? {}) as {
        tools: { name: string }[]
        nextCursor?: string
      }
      names.push(...tools.map(({ name }) => name))
      cursor = nextCursor
    } while (cursor !== undefined)
    return names
  }

  const tool = (name: unknown) => ({ name, inputSchema: { type: 'object' } })

  it('two tools of one name: the first is the only one, in the list and in calls', async () => {
    const { peer, names } = await listed(() => ({
      tools: [
        { ...tool('twin'), title: 'first' },
        { ...tool('twin'), title: 'second' },
      ],
    }))
    expect(names).toEqual(['rec__twin', 'other__fine'])
    expect(textOf(await peer.call('rec__twin', { a: 1 }))).toBe('{"a":1}')
  })

  it('what is no tool is left out; names of the prototype are names like any other', async () => {
    const odd = ['__proto__', 'constructor', 'toString', 'a__b', '__a', 'a_']
    const { peer, names } = await listed(() => ({
      tools: [null, 1, 'x', [], {}, tool(1), tool(null), ...odd.map(tool)],
    }))
    expect(names).toEqual([...odd.map((name) => `rec__${name}`), 'other__fine'])
    for (const name of odd) {
      expect(textOf(await peer.call(`rec__${name}`, { a: 1 }))).toBe('{"a":1}')
      expect(recorder?.calls('tools/call').at(-1)?.message.params?.name).toBe(name)
    }
  })

  it('a server that ends in _ and one whose tool begins with it are told apart', async () => {
    recorder = await startRecorder({ tools: ['b', '_b'] })
    const second = await startRecorder({ tools: ['b', '_b'] })
    const servers = [
      server('a', recorder.url),
      server('a_', second.url),
      server('other', other.url),
    ]
    gateway = await runGateway({ servers })
    const peer = await connect('legacy', gateway.url)
    const names = await allNames(peer)
    expect(new Set(names).size).toBe(5)
    for (const name of names) expect((await peer.call(name)).error).toBeUndefined()
    const called = (from: Recorder) =>
      from.calls('tools/call').map(({ message }) => message.params?.name)
    expect([called(recorder), called(second)]).toEqual([
      ['b', '_b'],
      ['b', '_b'],
    ])
    await second.close()
  })

  it.each<[string, List]>([
    [
      'pages that never end',
      ({ cursor }) => ({
        tools: [tool(`t${cursor ?? 0}`)],
        nextCursor: String(Number(cursor ?? 0) + 1),
      }),
    ],
    ['a cursor that repeats', () => ({ tools: [tool('t')], nextCursor: 'again' })],
    [
      'cursors in a circle',
      ({ cursor }) => ({ tools: [tool(`t${cursor}`)], nextCursor: cursor === 'a' ? 'b' : 'a' }),
    ],
    ['no list', () => ({ tools: 'none' })],
    ['a list of another thing', () => ({ prompts: [] })],
    [
      'more than 20,000 tools',
      () => ({ tools: Array.from({ length: 20_001 }, (_, index) => tool(`t${index}`)) }),
    ],
  ])('%s: the tools of the other server are listed and called', async (_what, list) => {
    const { peer, names } = await listed(list)
    expect(names).toEqual(['other__fine'])
    expect(textOf(await peer.call('other__fine', { a: 1 }))).toBe('{"a":1}')
  })

  it('20,000 tools are listed, page by page, each once, and the last can be called', async () => {
    const { peer, names } = await listed(() => ({
      tools: Array.from({ length: 20_000 }, (_, index) => tool(`t${index}`)),
    }))
    expect(names).toHaveLength(20_001)
    expect(new Set(names).size).toBe(20_001)
    expect(textOf(await peer.call('rec__t19999', { a: 1 }))).toBe('{"a":1}')
  }, 60_000)

  it('a server that does not answer tools/list is waited for once, not by every call', async () => {
    const hanging = await startRecorder({ silent: ['tools/list'] })
    gateway = await runGateway({
      servers: [server('hangs', hanging.url), server('other', other.url)],
      limits: { request_timeout: '2s' },
    })
    const peer = await connect('legacy', gateway.url)
    const first = await timed(() => peer.call('other__fine', { a: 1 }))
    const second = await timed(() => peer.call('other__fine', { a: 2 }))
    expect([first.text, second.text]).toEqual(['{"a":1}', '{"a":2}'])
    expect(first.ms).toBeLessThan(6000)
    expect(second.ms).toBeLessThan(1000)
    await hanging.close()
  })

  async function timed(run: () => Promise<Parameters<typeof textOf>[0]>) {
    const started = performance.now()
    const text = textOf(await run())
    return { text, ms: performance.now() - started }
  }
})
