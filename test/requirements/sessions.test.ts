// Sentences of docs/pipeline.md sections 2 and 9 about what outlives a request: session labels, and verdicts on openings.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { ANONYMOUS } from '../../src/engine/context.ts'
import { createClientLabels } from '../../src/gateway/session.ts'
import { deny } from '../../src/plugin.ts'
import { connect, ERAS } from '../gateway/peers.ts'
import { type Recorder, startRecorder } from '../gateway/recorder.ts'
import { type CodeEntry, runGateway, server } from '../gateway/running.ts'

let recorder: Recorder
beforeAll(async () => {
  recorder = await startRecorder({ tools: ['read', 'send'] })
})
afterAll(() => recorder?.close())

it('labels of principal and client are forgotten when they were not used for half an hour', async () => {
  let now = 1
  // the cache reads the time at most once a millisecond
  const labelsOf = createClientLabels(() => now)
  const client = { name: 'agent', version: '1' }
  labelsOf(ANONYMOUS, client).add('secret')
  now += 29 * 60_000
  await sleep(5)
  expect([...labelsOf(ANONYMOUS, client).values]).toEqual(['secret'])
  expect([...labelsOf(ANONYMOUS, { ...client, version: '2' }).values]).toEqual([])
  expect([...labelsOf({ ...ANONYMOUS, id: 'alice' }, client).values]).toEqual([])
  now += 31 * 60_000
  await sleep(5)
  expect([...labelsOf(ANONYMOUS, client).values]).toEqual([])
})

describe('the verdict on an opening of the modern era', () => {
  it('is kept for 60 s by client, capabilities and generation, a denial too', async () => {
    let skipped = 0
    const clock = { ...systemClock, now: () => systemClock.now() + skipped }
    const opened: string[] = []
    const opens: CodeEntry = {
      name: 'opens',
      hooks: {
        session_pre_open({ client, capabilities }) {
          opened.push(`${client.name} ${Object.keys(capabilities)}`)
          return client.name === 'foe' ? deny({ code: 'FOE', reason: 'no' }) : undefined
        },
      },
    }
    await using gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [opens], {
      clock,
    })
    const as = async (name: string, capabilities = {}) => {
      const client = { name, version: '1' }
      const peer = await connect('modern', gateway.url, { client, capabilities })
      return (await peer.request('tools/list')).response
    }
    for (const name of ['friend', 'friend', 'foe', 'foe']) await as(name)
    expect(opened).toEqual(['friend ', 'foe '])
    expect((await as('foe'))?.error?.data?.code).toBe('FOE')
    await as('friend', { roots: {} })
    expect(opened.splice(0)).toEqual(['friend ', 'foe ', 'friend roots'])
    skipped += 59_000
    await as('friend')
    expect(opened).toEqual([])
    skipped += 2000
    await as('friend')
    expect(opened).toEqual(['friend '])
  })
})

it.each(ERAS)(
  'messages of a call pass their point also when request and session have all the labels they may, in the %s era',
  async (era) => {
    await using working = await startRecorder({
      tools: ['work'],
      call: ({ message }, answers) => {
        const { progressToken } = (message.params?._meta ?? {}) as { progressToken?: unknown }
        const progress = {
          method: 'notifications/progress',
          params: { progressToken, progress: 1 },
        }
        const result = { content: [], ...(era === 'modern' ? { resultType: 'complete' } : {}) }
        answers.events([progress, { id: message.id, result }])
      },
    })
    const seen: number[] = []
    const labelled: CodeEntry = {
      name: 'labels',
      hooks: {
        tool_pre_invoke(_, ctx) {
          if (ctx.labels.size === 0) for (let i = 0; i < 64; i++) ctx.addLabel(`s${i}`, 'session')
          else for (let i = 0; i < 64; i++) ctx.addLabel(`r${i}`)
        },
        notification_pre_forward: (_, { labels: all }) => void seen.push(all.size),
      },
    }
    await using gateway = await runGateway({ servers: [server('rec', working.url)] }, [labelled])
    const peer = await connect(era, gateway.url)
    seen.length = 0
    await peer.call('rec__work', {}, { _meta: { progressToken: 't' } })
    const { messages } = await peer.request('tools/call', {
      name: 'rec__work',
      _meta: { progressToken: 't' },
    })
    expect(messages.map(({ params, result }) => params?.progress ?? typeof result)).toEqual([
      1,
      'object',
    ])
    expect(seen).toEqual([64, 128])
  },
)
