// Resources that the gateway follows at one server: asked for once, in turn, again on a new session or link, and let go.
import { afterEach, expect, it } from 'vitest'
import type { Upstream } from '../../src/upstream/client.ts'
import { type Recorder, startRecorder } from '../gateway/recorder.ts'
import { eventually, httpOptions, upstreamOf } from './support.ts'

const release: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of release.splice(0).reverse()) await end()
})

const start = (port?: number) =>
  startRecorder({
    eras: 'legacy',
    strict: true,
    capabilities: { resources: { subscribe: true } },
    call: ({ message }, answers) =>
      message.params?.uri === 'test://refused'
        ? answers.error({ code: -32002, message: 'no' })
        : void setTimeout(() => answers.result({}), 20),
    ...(port ? { listen: { port } } : {}),
  })

async function up(): Promise<{ recorder: Recorder } & ReturnType<typeof upstreamOf>> {
  const recorder = await start()
  const made = upstreamOf(httpOptions(recorder.url))
  release.push(
    () => recorder.close(),
    () => made.upstream.close(),
  )
  await made.upstream.start()
  return { recorder, ...made }
}

/** What the server was asked, in order. */
const asked = ({ seen }: Recorder) =>
  seen.flatMap(({ message: { method, params } }) =>
    method?.startsWith('resources/') ? [`${method.slice(10)} ${params?.uri}`] : [],
  )
const follow = (upstream: Upstream, uri: string) => upstream.follow('legacy', uri)

it('requests about one resource go out in turn, and the last word counts', async () => {
  const { recorder, upstream } = await up()
  const first = follow(upstream, 'test://a')
  upstream.unfollow('legacy', 'test://a')
  const second = follow(upstream, 'test://a')
  expect(await Promise.all([first, second])).toEqual([undefined, undefined])
  await eventually(() => expect(asked(recorder).at(-1)).toBe('subscribe test://a'))
  upstream.unfollow('legacy', 'test://a')
  await eventually(() => expect(asked(recorder).at(-1)).toBe('unsubscribe test://a'))
  upstream.unfollow('legacy', 'test://a')
  expect(asked(recorder).filter((each) => each === 'unsubscribe test://a')).toHaveLength(1)
})

it('what the server refuses is not asked for again', async () => {
  const { recorder, upstream, seen } = await up()
  expect(await follow(upstream, 'test://refused')).toEqual({ code: -32002, message: 'no' })
  recorder.forget()
  await eventually(() => expect(seen.renewals).toBe(1))
  expect(asked(recorder)).toEqual(['subscribe test://refused'])
})

it('what is followed is asked for again when the server has lost its session', async () => {
  const { recorder, upstream, seen } = await up()
  for (const uri of ['test://a', 'test://b', 'test://c']) await follow(upstream, uri)
  upstream.unfollow('legacy', 'test://c')
  await eventually(() => expect(asked(recorder).at(-1)).toBe('unsubscribe test://c'))
  recorder.forget()
  await eventually(() =>
    expect(asked(recorder).slice(4)).toEqual(['subscribe test://a', 'subscribe test://b']),
  )
  expect([seen.renewals, seen.restarts]).toEqual([1, 0])
})

it('what is followed is asked for again when the server comes back, also what was added while it was away', async () => {
  const { recorder, upstream, seen } = await up()
  await follow(upstream, 'test://a')
  await recorder.close()
  await eventually(async () => {
    await follow(upstream, 'test://lost').catch(() => {})
    expect(upstream.status.state).not.toBe('ready')
  })
  upstream.unfollow('legacy', 'test://lost')
  expect(await follow(upstream, 'test://b')).toBeUndefined()
  const again = await start(recorder.port)
  release.push(() => again.close())
  await eventually(() => expect(asked(again)).toEqual(['subscribe test://a', 'subscribe test://b']))
  expect([seen.renewals, seen.restarts > 0]).toEqual([0, true])
})
