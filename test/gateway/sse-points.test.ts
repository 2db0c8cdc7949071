// HTTP+SSE and the points of streams: it is one stream, opened, judged and closed like any other, and no message escapes them.
import { afterEach, beforeEach, expect, it } from 'vitest'
import { deny, patch } from '../../src/plugin.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { eventually } from '../upstream/support.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { type CodeEntry, LISTEN, pluginsSection, runGateway, server } from './running.ts'
import { openSse } from './sse-peer.ts'

let recorder: Recorder
beforeEach(async () => {
  recorder = await startRecorder()
})
afterEach(() => recorder.close())

const OPENING = { protocolVersion: '2024-11-05', clientInfo: { name: 'old', version: '1' } }
const config = () => ({
  listen: { port: 0, sse: {} },
  servers: [server('rec', recorder.url)],
})
const sseOf = ({ url }: { url: string }) => new URL('/sse', url).href

it('opening, each message, a reload and the end pass their points, once each', async () => {
  await using directory = await temporaryDirectory()
  const seen: unknown[] = []
  const entry: CodeEntry = {
    name: 'sees',
    hooks: {
      stream_pre_open: ({ channel }, { surface }) => void seen.push(['open', channel, surface]),
      stream_message: ({ message }) =>
        void seen.push((message as { id?: number; method?: string }).id ?? 'notification'),
      stream_pre_update: () => void seen.push('update'),
      stream_pre_close: (_, { session }) => void seen.push(['close', typeof session]),
    },
  }
  const write = (timeout: string) => {
    const section = pluginsSection([entry]) as { plugins: object }
    const plugins = { ...section.plugins, defaults: { timeout } }
    const whole = { version: 1, ...LISTEN, ...config(), plugins }
    return directory.write('gateway.yaml', JSON.stringify(whole))
  }
  await using gateway = await runGateway({}, [entry], { configFile: await write('1s') })
  const peer = await openSse(sseOf(gateway), OPENING)
  await peer.ask(1, 'tools/call', { name: 'rec__echo', arguments: {} })
  await write('2s')
  expect((await gateway.reload()).outcome).toBe('applied')
  await peer.ask(2, 'ping')
  await peer[Symbol.asyncDispose]()
  await eventually(() =>
    expect(seen).toEqual([['open', 'get', 'sse'], 0, 1, 'update', 2, ['close', 'string']]),
  )
})

it('a message is judged as part of the call it belongs to, not of the stream it is on', async () => {
  const seen: unknown[] = []
  const marks: CodeEntry = {
    name: 'marks',
    hooks: { tool_pre_invoke: (_, ctx) => ctx.addLabel('hot') },
  }
  const denies: CodeEntry = {
    name: 'denies',
    hooks: {
      stream_message: (_, { method, server: from, labels }) => {
        seen.push([method, from?.name, [...labels]])
        return deny({ code: 'HOT', reason: 'too hot' })
      },
    },
    more: { conditions: [{ labels: ['hot'] }] },
  }
  await using gateway = await runGateway(config(), [marks, denies])
  await using peer = await openSse(sseOf(gateway), OPENING)
  expect((await peer.ask(1, 'ping')).result).toEqual({})
  const { result } = await peer.ask(2, 'tools/call', { name: 'rec__echo', arguments: {} })
  expect(result).toMatchObject({
    isError: true,
    _meta: { 'portcullis/violation': { code: 'HOT' } },
  })
  expect(seen).toEqual([['tools/call', 'rec', ['hot']]])
})

it('a stream whose opening is refused is answered with the refusal', async () => {
  const entry: CodeEntry = {
    name: 'no',
    hooks: { stream_pre_open: () => deny({ code: 'NO_STREAM', reason: 'no' }) },
  }
  await using gateway = await runGateway(config(), [entry])
  const answer = await fetch(sseOf(gateway))
  const { error } = (await answer.json()) as { error: { data: { code: string } } }
  expect([answer.status, error.data.code]).toEqual([403, 'NO_STREAM'])
})

it('an answer that is refused becomes the denial of its request, and the others go on', async () => {
  const entry: CodeEntry = {
    name: 'no',
    hooks: {
      stream_message: ({ message }) => {
        const text = JSON.stringify(message)
        if (text.includes('secret')) return deny({ code: 'SECRET', reason: 'no' })
        return text.includes('public')
          ? patch({ message: JSON.parse(text.replace('public', 'changed')) as never })
          : undefined
      },
    },
  }
  await using gateway = await runGateway(config(), [entry])
  await using peer = await openSse(sseOf(gateway), OPENING)
  const call = (id: number, word: string) =>
    peer.ask(id, 'tools/call', { name: 'rec__echo', arguments: { word } })
  const denied = JSON.stringify(await call(1, 'secret'))
  expect(denied).toContain('SECRET')
  expect(denied).not.toContain('secret"')
  expect(JSON.stringify(await call(2, 'public'))).toContain('changed')
  expect((await peer.ask(3, 'ping')).result).toEqual({})
})
