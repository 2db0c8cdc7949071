// One broken or slow server neither empties nor delays the lists of the others, and its own come in when they are there.
import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../upstream/support.ts'
import { connect, ERAS, type Peer, textOf } from './peers.ts'
import { type RecorderOptions, startRecorder } from './recorder.ts'
import { runGateway, server } from './running.ts'

const release: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const done of release.splice(0).reverse()) await done()
})

async function beside(options: RecorderOptions, more: object = {}): Promise<string> {
  const other = await startRecorder({ tools: ['echo'] })
  const odd = await startRecorder({ tools: ['echo'], ...options })
  const gateway = await runGateway({
    servers: [server('odd', odd.url), server('other', other.url)],
    limits: { request_timeout: '4s' },
    ...more,
  })
  release.push(other.close, odd.close, () => gateway.stop({ now: true }))
  return gateway.url
}

async function names(peer: Peer): Promise<string[]> {
  const { response } = await peer.request('tools/list')
  const { tools = [] } = (response?.result ?? {}) as { tools?: { name: string }[] }
  return tools.map(({ name }) => name)
}

async function timed<T>(run: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const began = performance.now()
  const value = await run()
  return { value, ms: performance.now() - began }
}

describe.each(ERAS)('a list of the %s era', (era) => {
  it('waits a second for a server that never lists, and only once', async () => {
    const peer = await connect(era, await beside({ silent: ['tools/list'] }))
    const first = await timed(() => names(peer))
    expect(first.value).toEqual(['other__echo'])
    expect(first.ms).toBeLessThan(2000)
    const second = await timed(() => names(peer))
    expect(second.value).toEqual(['other__echo'])
    expect(second.ms).toBeLessThan(500)
  })
})

describe('a list', () => {
  it('does not make a call of another server wait longer', async () => {
    const peer = await connect('modern', await beside({ silent: ['tools/list'] }))
    const { value, ms } = await timed(() => peer.call('other__echo', { a: 1 }))
    expect(textOf(value)).toBe('{"a":1}')
    expect(ms).toBeLessThan(2000)
  })

  it('of a virtual server waits no longer', async () => {
    const path = '/mcp/all'
    const virtual_servers = [{ name: 'all', path, tools: ['*'] }]
    const url = await beside({ silent: ['tools/list'] }, { virtual_servers })
    const peer = await connect('modern', new URL(path, url).href)
    const { value, ms } = await timed(() => names(peer))
    expect(value).toEqual(['other__echo'])
    expect(ms).toBeLessThan(2000)
  })

  it('gets what a slow server offers as soon as it is there', async () => {
    const peer = await connect('legacy', await beside({ slow: { 'tools/list': 1500 } }))
    expect(await names(peer)).toEqual(['other__echo'])
    await eventually(async () => expect(await names(peer)).toEqual(['odd__echo', 'other__echo']))
  })

  it('does not lack what a call names: the slow server is waited for then', async () => {
    const peer = await connect('legacy', await beside({ slow: { 'tools/list': 1500 } }))
    expect(textOf(await peer.call('odd__echo', { a: 1 }))).toBe('{"a":1}')
  })

  it.each<[string, RecorderOptions]>([
    ['answers with an error', { list: () => ({ tools: 'none' }) }],
    ['has pages without end', { list: () => ({ tools: [], nextCursor: 'again' }) }],
  ])('is whole but for a server that %s', async (_what, options) => {
    const peer = await connect('legacy', await beside(options))
    expect(await names(peer)).toEqual(['other__echo'])
  })
})

it('what a list was answered without is announced when it comes', async () => {
  const url = await beside({ slow: { 'tools/list': 1500 } })
  const peer = await connect('legacy', url)
  const end = new AbortController()
  release.push(() => end.abort())
  const stream = await fetch(url, {
    headers: { ...peer.headers, accept: 'text/event-stream' },
    signal: end.signal,
  })
  let heard = ''
  void (async () => {
    for await (const chunk of stream.body ?? []) heard += Buffer.from(chunk).toString()
  })().catch(() => {})
  expect(await names(peer)).toEqual(['other__echo'])
  expect(heard).not.toContain('list_changed')
  await eventually(() => expect(heard).toContain('notifications/tools/list_changed'))
  expect(await names(peer)).toEqual(['odd__echo', 'other__echo'])
})
