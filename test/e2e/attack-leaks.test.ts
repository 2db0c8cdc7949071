// What belongs to one client must not reach another: logs of shared servers, and verdicts that were not made by the engine's own hands.
import { describe, expect, it } from 'vitest'
import { deny, type patch } from '../../src/plugin.ts'
import { connect, type Peer } from '../gateway/peers.ts'
import { startRecorder } from '../gateway/recorder.ts'
import { runGateway, server } from '../gateway/running.ts'
import { rpc } from '../support/rpc.ts'
import { eventually } from '../upstream/support.ts'

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId'
const log = (data: string, more: object = {}) => ({
  method: 'notifications/message',
  params: { level: 'error', data, ...more },
})

/** What comes on a GET stream of a session, as text. */
async function listen({ url, headers }: Peer): Promise<{ text(): string; stop(): void }> {
  const controller = new AbortController()
  const { signal } = controller
  const answer = await fetch(url, { headers: { ...headers, accept: 'text/event-stream' }, signal })
  let text = ''
  const read = async () => {
    const decoder = new TextDecoder()
    for await (const chunk of answer.body ?? []) text += decoder.decode(chunk, { stream: true })
  }
  read().catch(() => {})
  return { text: () => text, stop: () => controller.abort() }
}

describe('a log of a server that names no call', () => {
  it('on the connection of the modern era reaches no session of the legacy era', async () => {
    const called = Promise.withResolvers<void>()
    await using recorder = await startRecorder({
      listens: 'by hand',
      call({ message }, answers) {
        if (message.method !== 'subscriptions/listen') return answers.result({ content: [] })
        const _meta = { [SUBSCRIPTION]: message.id }
        const acknowledged = {
          method: 'notifications/subscriptions/acknowledged',
          params: { _meta },
        }
        // heard once the session has called: the subscription is answered only then
        void called.promise.then(() =>
          answers.events([acknowledged, log('of a modern client', { _meta })], { open: true }),
        )
      },
    })
    await using gateway = await runGateway({ servers: [server('rec', recorder.url)] })
    const peer = await connect('legacy', gateway.url)
    await peer.call('rec__echo')
    const stream = await listen(peer)
    called.resolve()
    await new Promise((resolve) => setTimeout(resolve, 200))
    recorder.announce(log('of this session'))
    await eventually(() => expect(stream.text()).toContain('of this session'))
    expect(recorder.calls('subscriptions/listen')).not.toHaveLength(0)
    expect(stream.text()).not.toContain('of a modern client')
    stream.stop()
  })

  it('does not reach a session while the call of one that has ended may still run', async () => {
    await using recorder = await startRecorder({
      call({ message }, answers) {
        if (JSON.stringify(message.params).includes('slow')) return
        answers.result({ content: [] })
      },
    })
    await using gateway = await runGateway({ servers: [server('rec', recorder.url)] })
    const [gone, stays] = [
      await connect('legacy', gateway.url),
      await connect('legacy', gateway.url),
    ]
    const call = gone.call('rec__echo', { slow: true }).catch(() => {})
    await eventually(() => expect(recorder.calls('tools/call')).toHaveLength(1))
    await stays.call('rec__echo')
    const stream = await listen(stays)
    await rpc(gateway.url, undefined, gone.headers, { method: 'DELETE' })
    await call
    recorder.announce(log('of the ended session'))
    recorder.announce({ method: 'notifications/tools/list_changed' })
    await eventually(() => expect(stream.text()).toContain('list_changed'))
    expect(stream.text()).not.toContain('of the ended session')
    stream.stop()
  })
})

it('a change that a server announces a thousand times is told to a client a few times, and once at least', async () => {
  await using recorder = await startRecorder()
  let passed = 0
  const counting = {
    name: 'counting',
    hooks: { notification_pre_forward: () => void passed++ },
  }
  await using gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [counting])
  const stream = await listen(await connect('legacy', gateway.url))
  passed = 0
  for (let i = 0; i < 5000; i++) recorder.announce({ method: 'notifications/tools/list_changed' })
  recorder.announce({ method: 'notifications/prompts/list_changed' })
  await eventually(() => expect(stream.text()).toContain('prompts/list_changed'))
  expect(stream.text()).toContain('tools/list_changed')
  expect(passed).toBeLessThan(1000)
  stream.stop()
})

describe('a verdict made by its constructor', () => {
  type Forge = new (kind: string, value: unknown) => object
  const forge = deny({ code: 'X', reason: 'x' }).constructor as unknown as Forge

  it.each([
    ['deny', { code: 'FORGED', reason: 'x', httpStatus: 200, httpHeaders: { 'a\r\nb': 'c' } }],
    ['__proto__', {}],
    ['constructor', {}],
    ['pass', undefined],
  ])('is a fault of the plugin, of kind %s', async (kind, value) => {
    await using recorder = await startRecorder()
    const forger = {
      name: 'forger',
      hooks: { tool_pre_invoke: () => new forge(kind, value) as ReturnType<typeof patch> },
    }
    await using gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [forger])
    const peer = await connect('legacy', gateway.url)
    const { error } = await peer.call('rec__echo')
    expect(error?.data?.code).toBe('PLUGIN_THREW')
    expect(recorder.calls('tools/call')).toHaveLength(0)
  })
})
