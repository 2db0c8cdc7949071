// Legacy stdio servers as they are met in the field: the good, the odd and the dying, all of them real processes.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import type { Upstream, UpstreamDeps } from '../../src/upstream/client.ts'
import type { ServerOptions } from '../../src/upstream/options.ts'
import { makeNotification, makeRequest } from '../../src/wire/message.ts'
import {
  eventually,
  goneAfter,
  LIMITS,
  stdioOptions,
  textOf,
  toolCall,
  upstreamOf,
} from './support.ts'

const open: Upstream[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((upstream) => upstream.close()))
})

async function started(options: ServerOptions, deps: Partial<UpstreamDeps> = {}) {
  const { upstream, seen } = upstreamOf(options, deps)
  open.push(upstream)
  await upstream.start()
  return { upstream, seen, link: await upstream.ready('legacy') }
}

const odd = (...flags: string[]) => started(stdioOptions('odd-server.mjs', ...flags))

it('a legacy server is greeted once and says what it is', async () => {
  const { upstream, link, seen } = await odd()
  expect(link).toMatchObject({
    era: 'legacy',
    revision: '2025-11-25',
    capabilities: { tools: { listChanged: true }, logging: {} },
    serverInfo: { name: 'odd', version: '1.0.0' },
  })
  // what the client declared comes back in the instructions: nothing
  expect(link.instructions).toBe('{}')
  expect(upstream.status).toMatchObject({ state: 'ready', restarts: 0, eras: ['legacy'] })
  expect(seen.states).toEqual(['starting', 'ready'])
  expect(upstream.link('modern')).toBeUndefined()
  await expect(upstream.ready('modern')).rejects.toMatchObject({ code: 'UPSTREAM_ERA' })
})

it('concurrent calls with the same client id each get their own answer', async () => {
  const { link } = await odd()
  const numbers = Array.from({ length: 40 }, (_, index) => index)
  const texts = await Promise.all(
    numbers.map((n) => textOf(link.request(toolCall('echo', { n }, { id: 1 })))),
  )
  expect(texts).toEqual(numbers.map((n) => JSON.stringify({ n })))
})

it('a pretty-printed message with line breaks in it reaches the server as one line', async () => {
  const { link } = await odd()
  const call = toolCall('echo', { text: 'a\nb' })
  const pretty = JSON.stringify(JSON.parse(Buffer.from(call.message.bytes).toString()), null, 2)
  const { readMessage } = await import('../../src/wire/message.ts')
  const message = readMessage(Buffer.from(pretty.replaceAll('\n', '\r\n')), { depth: 64 })
  expect(await textOf(link.request({ ...call, message }))).toBe('{"text":"a\\nb"}')
})

it.each([
  ['a string', 'mine-7'],
  ['a number', 99],
])('progress reaches the caller under its own token, %s', async (_kind, progressToken) => {
  const { link, seen } = await odd()
  const progress: unknown[] = []
  const call = toolCall(
    'progress',
    {},
    { meta: { progressToken }, onNotification: (message) => progress.push(message.params) },
  )
  // the server saw a number of ours
  expect(await textOf(link.request(call))).toBe('number')
  await textOf(link.request(toolCall('echo')))
  expect(progress).toEqual([1, 2, 3].map((n) => ({ progressToken, progress: n, total: 3 })))
  expect(seen.notifications).toEqual([])
})

it('a call without a progress token gets none', async () => {
  const { link } = await odd()
  expect(await textOf(link.request(toolCall('progress')))).toBe('undefined')
  expect(await textOf(link.request(toolCall('meta', {}, { meta: { traceparent: 'x' } })))).toBe(
    '{"traceparent":"x"}',
  )
})

it('notifications that belong to no call reach the gateway', async () => {
  const { link, seen } = await odd()
  await textOf(link.request(toolCall('announce')))
  expect(seen.notifications.map(({ method }) => method)).toEqual([
    'notifications/tools/list_changed',
    'notifications/message',
  ])
})

it('a request of the server is refused with -32601 and reported, a ping is answered', async () => {
  const { link, seen } = await odd()
  await textOf(link.request(toolCall('ask')))
  const answers = JSON.parse(await textOf(link.request(toolCall('answers'))))
  expect(answers).toEqual([
    { jsonrpc: '2.0', id: 'ask-1', error: { code: -32601, message: expect.any(String) } },
    { jsonrpc: '2.0', id: 'ask-2', result: {} },
  ])
  expect(seen.requests.map(({ method }) => method)).toEqual(['sampling/createMessage'])
})

it('an error of the server is a reply, not a fault', async () => {
  const { link, seen } = await odd()
  const { message } = await link.request(toolCall('no-such-tool'))
  expect(message.kind).toBe('error')
  expect(message.error).toMatchObject({ code: -32601 })
  expect(seen.calls.at(-1)).toEqual({ method: 'tools/call', outcome: 'error' })
})

it('an aborted call is cancelled at the server and rejects with DISPATCH_ABORTED', async () => {
  const { link, seen } = await odd()
  const caller = goneAfter(30)
  const pending = link.request(toolCall('hang', {}, { caller }))
  await expect(pending).rejects.toMatchObject({ code: 'DISPATCH_ABORTED' })
  const cancelled = JSON.parse(await textOf(link.request(toolCall('cancelled'))))
  expect(cancelled).toEqual([{ requestId: expect.any(Number), reason: expect.any(String) }])
  expect(seen.calls.map(({ outcome }) => outcome)).toContain('aborted')
  await expect(link.request(toolCall('echo', {}, { caller }))).rejects.toMatchObject({
    code: 'DISPATCH_ABORTED',
  })
})

it('a call without an answer ends at its deadline, progress or not, and is cancelled', async () => {
  const { link } = await odd()
  await expect(link.request(toolCall('hang', {}, { timeout: 60 }))).rejects.toMatchObject({
    code: 'UPSTREAM_TIMEOUT',
  })
  expect(JSON.parse(await textOf(link.request(toolCall('cancelled'))))).toHaveLength(1)
})

it('lines that are no messages are passed over', async () => {
  const { link, upstream } = await odd()
  expect(await textOf(link.request(toolCall('garbage')))).toBe('after garbage')
  expect(upstream.status).toMatchObject({ state: 'ready', restarts: 0 })
})

it('answers nobody waits for and second answers are passed over', async () => {
  const { link } = await odd()
  expect(await textOf(link.request(toolCall('twice')))).toBe('first')
  expect(await textOf(link.request(toolCall('foreign')))).toBe('mine')
  expect(await textOf(link.request(toolCall('echo', { still: 'up' })))).toBe('{"still":"up"}')
})

it.each(['huge', 'huge-first-id'])(
  'an answer above limits.response fails its own call only (%s)',
  async (tool) => {
    const { link, upstream } = await odd()
    const other = link.request(toolCall('slow', { ms: 150 }))
    await expect(
      link.request(toolCall(tool, { bytes: LIMITS.response + 10 })),
    ).rejects.toMatchObject({ code: 'UPSTREAM_TOO_LARGE' })
    expect(await textOf(other)).toBe('slow')
    expect(upstream.status.restarts).toBe(0)
  },
)

it('a line above the limit that belongs to nobody restarts the server', async () => {
  const { link, upstream } = await odd()
  await expect(
    link.request(toolCall('huge-garbage', { bytes: LIMITS.response + 10 })),
  ).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  const again = await upstream.ready('legacy')
  expect(await textOf(again.request(toolCall('echo')))).toBe('{}')
  expect(upstream.status.restarts).toBe(1)
})

it('the calls of a process that dies fail at once and the next one is started', async () => {
  const { link, upstream, seen } = await odd()
  const before = await textOf(link.request(toolCall('pid')))
  const hanging = link.request(toolCall('hang'))
  const dying = link.request(toolCall('crash'))
  const start = performance.now()
  await expect(dying).rejects.toMatchObject({
    code: 'UPSTREAM_UNAVAILABLE',
    message: expect.stringContaining('exited with code 7'),
  })
  await expect(hanging).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  expect(performance.now() - start).toBeLessThan(1000)
  expect(upstream.link('legacy')).toBeUndefined()
  const next = await upstream.ready('legacy')
  expect(await textOf(next.request(toolCall('pid')))).not.toBe(before)
  expect(seen.restarts).toBe(1)
  expect(seen.states).toEqual(['starting', 'ready', 'failed', 'starting', 'ready'])
  await expect(link.request(toolCall('echo'))).rejects.toMatchObject({
    code: 'UPSTREAM_UNAVAILABLE',
  })
})

it('a server that cannot start is tried with back-off, then on demand only', async () => {
  const options = stdioOptions('odd-server.mjs', '--exit-at-start')
  const health = { ...options.health, restart: { least: 5, most: 40, max: 2 } }
  const { upstream, seen } = upstreamOf({ ...options, health })
  open.push(upstream)
  await upstream.start()
  await eventually(() => expect(seen.restarts).toBe(2))
  await eventually(() => expect(upstream.status.state).toBe('failed'))
  await new Promise((resolve) => setTimeout(resolve, 400))
  expect(seen.restarts).toBe(2)
  expect(upstream.status.error).toContain('exited with code 3')
  expect(seen.stderr).toContain('cannot start today')
  await expect(upstream.ready('legacy')).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  expect(seen.restarts).toBe(3)
})

it('a call waits for a server that is starting slowly, unless its caller goes away', async () => {
  const { upstream } = upstreamOf(stdioOptions('odd-server.mjs', '--slow-start=300'))
  open.push(upstream)
  const starting = upstream.start()
  const gone = upstream.ready('legacy', AbortSignal.timeout(30))
  await expect(gone).rejects.toMatchObject({ code: 'DISPATCH_ABORTED' })
  const link = await upstream.ready('legacy')
  expect(await textOf(link.request(toolCall('echo')))).toBe('{}')
  await starting
})

it('a server that is slower than the probe, and mute to it, is legacy', async () => {
  const options = stdioOptions('odd-server.mjs', '--slow-start=200', '--silent-on-unknown')
  const { upstream } = upstreamOf({ ...options, health: { ...options.health, timeout: 80 } })
  open.push(upstream)
  await upstream.start()
  expect(upstream.link('legacy')?.revision).toBe('2025-11-25')
})

it('a server that dies of the probe is legacy', async () => {
  const { upstream, link } = await odd('--die-on-discover')
  expect(await textOf(link.request(toolCall('echo')))).toBe('{}')
  expect(upstream.status.restarts).toBe(0)
})

it('an older revision is spoken, an unknown one is refused', async () => {
  const { link } = await odd('--revision=2024-11-05')
  expect(link.revision).toBe('2024-11-05')
  const { upstream } = upstreamOf(stdioOptions('odd-server.mjs', '--revision=1999-01-01'))
  open.push(upstream)
  await upstream.start()
  expect(upstream.link('legacy')).toBeUndefined()
  expect(upstream.status).toMatchObject({
    state: 'failed',
    error: expect.stringContaining('1999-01-01'),
  })
})

it('a server that refuses initialize is down, with the reason', async () => {
  const { upstream } = upstreamOf(stdioOptions('odd-server.mjs', '--refuse-initialize'))
  open.push(upstream)
  await upstream.start()
  expect(upstream.status).toMatchObject({
    state: 'failed',
    error: expect.stringContaining('-32600'),
  })
})

it('an idle server that no longer answers is restarted', async () => {
  const options = stdioOptions('odd-server.mjs')
  const health = { ...options.health, every: 100, timeout: 200 }
  const { upstream, link, seen } = await started({ ...options, health })
  await expect(link.request(toolCall('busy', {}, { timeout: 50 }))).rejects.toMatchObject({
    code: 'UPSTREAM_TIMEOUT',
  })
  await eventually(() => expect(seen.restarts).toBe(1))
  const next = await upstream.ready('legacy')
  expect(await textOf(next.request(toolCall('echo')))).toBe('{}')
})

it('an idle server that answers is left alone', async () => {
  const options = stdioOptions('odd-server.mjs')
  const health = { ...options.health, every: 30, timeout: 500 }
  const { upstream, seen } = await started({ ...options, health })
  await eventually(() =>
    expect(seen.calls.filter(({ method }) => method === 'ping').length).toBeGreaterThan(2),
  )
  expect(upstream.status.restarts).toBe(0)
})

it('more calls in flight than pool.queue are refused at once', async () => {
  const { link } = await started({ ...stdioOptions('odd-server.mjs'), queue: 2 })
  const first = link.request(toolCall('slow', { ms: 100 }))
  const second = link.request(toolCall('slow', { ms: 100 }))
  await expect(link.request(toolCall('echo'))).rejects.toMatchObject({
    code: 'UPSTREAM_UNAVAILABLE',
    message: expect.stringContaining('2 requests in flight'),
  })
  expect(await Promise.all([textOf(first), textOf(second)])).toEqual(['slow', 'slow'])
})

it('stderr is passed on in bounded lines', async () => {
  const { link, seen } = await odd()
  await textOf(link.request(toolCall('grumble')))
  await eventually(() => expect(seen.stderr).toContain('plain line'))
  expect(Math.max(...seen.stderr.map((line) => line.length))).toBeLessThanOrEqual(4096)
})

it('a closed server answers no more and cannot be started again', async () => {
  const { upstream, link } = await odd()
  const hanging = link.request(toolCall('hang'))
  const closing = upstream.close()
  await expect(hanging).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  await closing
  expect(upstream.status.state).toBe('stopped')
  await expect(upstream.ready('legacy')).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  await expect(link.request(toolCall('echo'))).rejects.toMatchObject({
    code: 'UPSTREAM_UNAVAILABLE',
  })
})

it('a dead server does not hold up another one', async () => {
  const dead = upstreamOf({ ...stdioOptions('odd-server.mjs'), command: 'no-such-program' })
  open.push(dead.upstream)
  await dead.upstream.start()
  expect(dead.upstream.status).toMatchObject({
    state: 'failed',
    error: expect.stringContaining('no such program'),
  })
  const { link } = await odd()
  expect(await textOf(link.request(toolCall('echo')))).toBe('{}')
})

it('configured variables and working directory reach the process, those of the gateway do not', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'portcullis-'))
  const environment = { PATH: process.env.PATH, AWS_SECRET_ACCESS_KEY: 'x' }
  const options = { ...stdioOptions('odd-server.mjs'), env: { MODE: 'test' }, cwd }
  const { link } = await started(options, { environment })
  const seen = JSON.parse(await textOf(link.request(toolCall('env'))))
  expect(seen).toMatchObject({ MODE: 'test', PATH: process.env.PATH })
  expect(seen).not.toHaveProperty('AWS_SECRET_ACCESS_KEY')
  expect(await textOf(link.request(toolCall('cwd')))).toBe(cwd)
  rmSync(cwd, { recursive: true })
})

it('the everything server answers tools, prompts and resources over stdio', async () => {
  const script = new URL(
    '../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
    import.meta.url,
  ).pathname
  const { link } = await started({ ...stdioOptions('odd-server.mjs'), args: [script, 'stdio'] })
  expect(link.capabilities).toHaveProperty('tools')
  await link.notify(makeNotification('notifications/roots/list_changed'))
  const list = await link.request({ message: makeRequest('tools/list'), edits: [], timeout: 5000 })
  const { tools } = list.message.result as { tools: { name: string }[] }
  expect(tools.map(({ name }) => name)).toContain('echo')
  expect(await textOf(link.request(toolCall('echo', { message: 'hello' })))).toBe('Echo: hello')
})

it('the filesystem server reads its sandbox over stdio', async () => {
  const sandbox = mkdtempSync(join(tmpdir(), 'portcullis-'))
  const script = new URL(
    '../../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js',
    import.meta.url,
  ).pathname
  const { link } = await started({ ...stdioOptions('odd-server.mjs'), args: [script, sandbox] })
  expect(await textOf(link.request(toolCall('list_allowed_directories')))).toContain(sandbox)
  rmSync(sandbox, { recursive: true })
})
