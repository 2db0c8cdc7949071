// Sentences of docs/pipeline.md sections 2 and 3 about what crosses: order on a stream, pages of lists, headers, and what has no point yet.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { respond } from '../../src/plugin.ts'
import { connect, ERAS } from '../gateway/peers.ts'
import { startRecorder } from '../gateway/recorder.ts'
import { type CodeEntry, runGateway, server } from '../gateway/running.ts'

const ODD = join(import.meta.dirname, '../fixtures/upstream/odd-server.mjs')

describe.each(ERAS)('in the %s era', (era) => {
  it('messages of a stream keep their order, however long a policy takes for one of them', async () => {
    await using recorder = await startRecorder({
      tools: ['work'],
      call: ({ message }, answers) => {
        const { progressToken } = (message.params?._meta ?? {}) as { progressToken?: unknown }
        const step = (progress: number) => ({
          method: 'notifications/progress',
          params: { progressToken, progress },
        })
        const result = { content: [], ...(era === 'modern' ? { resultType: 'complete' } : {}) }
        answers.events([step(1), step(2), step(3), { id: message.id, result }])
      },
    })
    const slow: CodeEntry = {
      name: 'slow',
      hooks: {
        notification_pre_forward: async ({ params }) => {
          if (params?.progress === 1) await sleep(80)
        },
      },
    }
    await using gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [slow])
    const peer = await connect(era, gateway.url)
    const { messages } = await peer.request('tools/call', {
      name: 'rec__work',
      _meta: { progressToken: 't' },
    })
    expect(messages.map(({ params, result }) => params?.progress ?? (result && 'result'))).toEqual([
      1,
      2,
      3,
      'result',
    ])
  })

  it('a list point fires per page, in order, and sees the cursor and all owners', async () => {
    const many = Array.from({ length: 300 }, (_, index) => `t${String(index).padStart(3, '0')}`)
    await using one = await startRecorder({ tools: many })
    await using two = await startRecorder({ tools: ['last'] })
    const pages: { names: unknown[]; owners: string[]; cursor: string | undefined }[] = []
    const sees: CodeEntry = {
      name: 'sees',
      hooks: {
        tool_post_list({ items, cursor }) {
          const owners = [...new Set(items.map((entry) => entry.server))]
          pages.push({ names: items.map(({ item }) => item.name), owners, cursor })
        },
      },
    }
    await using gateway = await runGateway(
      { servers: [server('one', one.url), server('two', two.url)] },
      [sees],
    )
    const peer = await connect(era, gateway.url)
    const first = await peer.request('tools/list')
    const cursor = first.response?.result?.nextCursor as string
    const second = await peer.request('tools/list', { cursor })
    expect(second.response?.result?.nextCursor).toBeUndefined()
    expect(pages.map((page) => page.cursor)).toEqual([undefined, cursor])
    expect(pages.map((page) => page.owners)).toEqual([['one'], ['one', 'two']])
    expect(pages.flatMap((page) => page.names)).toEqual([...many, 'last'])
  })

  it.each([
    ['tasks/list', {}],
    ['x-vendor/anything', {}],
  ])(
    '%s has no fired point: it is answered -32601 and never reaches a server',
    async (method, params) => {
      await using recorder = await startRecorder({
        capabilities: { tools: {}, resources: {}, tasks: {} },
      })
      await using gateway = await runGateway({ servers: [server('rec', recorder.url)] })
      const peer = await connect(era, gateway.url)
      const { response } = await peer.request(method, params)
      expect(response?.error?.code).toBe(-32601)
      expect(recorder.calls(method)).toEqual([])
    },
  )

  it.each([
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'p' }, argument: { name: 'a', value: '' } },
    ],
    ['resources/subscribe', { uri: 'test://one' }],
    ['resources/unsubscribe', { uri: 'test://one' }],
  ])(
    '%s is answered -32601 where no server offers it, and reaches none',
    async (method, params) => {
      await using recorder = await startRecorder({ capabilities: { tools: {}, resources: {} } })
      await using gateway = await runGateway({ servers: [server('rec', recorder.url)] })
      const peer = await connect(era, gateway.url)
      const { response } = await peer.request(method, params)
      expect(response?.error?.code).toBe(-32601)
      expect(recorder.calls(method)).toEqual([])
    },
  )

  it('what has no fired point is not advertised', async () => {
    await using recorder = await startRecorder({
      capabilities: { tools: {}, resources: {}, tasks: {} },
    })
    await using gateway = await runGateway({ servers: [server('rec', recorder.url)] })
    const peer = await connect(era, gateway.url)
    const opening = await peer.request(
      era === 'modern' ? 'server/discover' : 'initialize',
      era === 'modern' ? {} : INITIALIZE,
    )
    const capabilities = opening.response?.result?.capabilities as Record<string, object>
    expect(Object.keys(capabilities).toSorted()).toEqual(['resources', 'tools'])
    expect(capabilities.resources).not.toHaveProperty('subscribe')
  })
})

const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'c', version: '1' },
}

it('the headers in the payload of a call are empty, on stdio as over HTTP, and no secret of the configuration is in them', async () => {
  await using recorder = await startRecorder()
  const seen: unknown[] = []
  const sees: CodeEntry = {
    name: 'sees',
    hooks: {
      tool_pre_invoke({ headers }) {
        seen.push({ ...headers })
        return respond({ content: [] })
      },
    },
  }
  await using gateway = await runGateway(
    {
      servers: [
        { name: 'odd', command: process.execPath, args: [ODD] },
        server('rec', recorder.url, { headers: { 'X-Api-Key': 'hunter2' } }),
      ],
    },
    [sees],
  )
  const peer = await connect('legacy', gateway.url)
  await peer.call('odd__echo')
  await peer.call('rec__echo')
  expect(seen).toEqual([{}, {}])
})

describe('the stream of a session', () => {
  const log = (data: unknown) => ({
    method: 'notifications/message',
    params: { level: 'info', data },
  })

  async function streamOf(entry: CodeEntry) {
    const recorder = await startRecorder({
      eras: 'legacy',
      capabilities: { tools: {}, logging: {} },
    })
    const gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [entry])
    const peer = await connect('legacy', gateway.url)
    await peer.call('rec__echo')
    const stop = new AbortController()
    const answer = await fetch(gateway.url, {
      headers: { ...peer.headers, accept: 'text/event-stream' },
      signal: stop.signal,
    })
    return {
      recorder,
      gateway,
      peer,
      /** What arrives until `last` does or time is up, as the `data` of logs. */
      async heard(last: unknown, ms = 3000): Promise<unknown[]> {
        setTimeout(() => stop.abort(), ms).unref()
        const data: unknown[] = []
        let text = ''
        const decoder = new TextDecoder()
        try {
          for await (const chunk of answer.body ?? []) {
            text += decoder.decode(chunk, { stream: true })
            const events = text.split('\n\n')
            text = events.pop() ?? ''
            for (const event of events) {
              const line = event.split('\n').find((each) => each.startsWith('data: {'))
              if (line) data.push(JSON.parse(line.slice(6)).params?.data)
            }
            if (data.includes(last)) break
          }
        } catch {}
        return data
      },
      async [Symbol.asyncDispose]() {
        stop.abort()
        await gateway.stop({ now: true })
        await recorder.close()
      },
    }
  }

  it('keeps the order of messages that belong to no call, too', async () => {
    await using stream = await streamOf({
      name: 'slow',
      hooks: {
        notification_pre_forward: async ({ params }) => {
          if (params?.data === 0) await sleep(80)
        },
      },
    })
    for (let data = 0; data < 4; data++) stream.recorder.announce(log(data))
    expect(await stream.heard(3)).toEqual([0, 1, 2, 3])
  })
})
