// Servers of one era and of both, over HTTP and stdio: what a probe concludes, what each link sends. The server is the official SDK's.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { Era, Upstream, UpstreamDeps } from '../../src/upstream/client.ts'
import type { ServerOptions } from '../../src/upstream/options.ts'
import { type Message, makeRequest, readMessage } from '../../src/wire/message.ts'
import { META } from '../../src/wire/revision.ts'
import { editMember } from '../../src/wire/splice.ts'
import { startOddServer } from '../fixtures/upstream/odd-http.ts'
import {
  eventually,
  goneAfter,
  httpOptions,
  stdioOptions,
  textOf,
  toolCall,
  upstreamOf,
} from './support.ts'

const SERVER = new URL('../fixtures/conformance/server.ts', import.meta.url).pathname
const release: (() => Promise<unknown> | unknown)[] = []

afterEach(async () => {
  for (const done of release.splice(0).reverse()) await done()
})

const meta = (more: object = {}) => ({
  [META.protocolVersion]: '2026-07-28',
  [META.clientInfo]: { name: 'client', version: '1' },
  [META.clientCapabilities]: {},
  ...more,
})

const fixtures = new Map<string, { url: Promise<string>; stop(): void }>()

afterAll(() => {
  for (const { stop } of fixtures.values()) stop()
})

// one process per kind: the SDK takes a second to load
function fixture(era: 'legacy' | 'modern' | 'both'): Promise<string> {
  const running = fixtures.get(era)
  if (running) return running.url
  const child = spawn(process.execPath, [SERVER, '--port', '0', '--era', era], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = firstUrl(child.stdout)
  fixtures.set(era, { url, stop: () => child.kill('SIGKILL') })
  return url
}

async function firstUrl(output: Readable): Promise<string> {
  for await (const line of createInterface({ input: output }))
    if (line.startsWith('listening ')) return line.slice('listening '.length)
  throw new Error('the fixture did not start')
}

async function started(options: ServerOptions, deps: Partial<UpstreamDeps> = {}) {
  const made = upstreamOf(options, deps)
  release.push(() => made.upstream.close())
  await made.upstream.start()
  return made
}

async function toolNames(upstream: Upstream, era: Era): Promise<string[]> {
  const link = await upstream.ready(era)
  const params = era === 'modern' ? { _meta: meta() } : {}
  const message = makeRequest('tools/list', params)
  const reply = await link.request({ message, edits: [], timeout: 5000 })
  return (reply.message.result as { tools: { name: string }[] }).tools.map(({ name }) => name)
}

describe('over Streamable HTTP', () => {
  it('a server of both eras offers both links on one url', async () => {
    const { upstream } = await started(httpOptions(await fixture('both')))
    // nobody of the other era has come yet
    expect(upstream.status.eras).toEqual(['modern'])
    await upstream.prepare('legacy')
    expect(upstream.status.eras.toSorted()).toEqual(['legacy', 'modern'])
    expect(upstream.link('modern')).toMatchObject({
      era: 'modern',
      revision: '2026-07-28',
      serverInfo: { name: 'conformance-fixture', version: '1.0.0' },
      instructions: 'Answers the conformance suite.',
    })
    expect(upstream.link('legacy')).toMatchObject({ era: 'legacy', revision: '2025-11-25' })
    for (const era of ['legacy', 'modern'] as const)
      expect(await toolNames(upstream, era)).toContain('test_simple_text')
  })

  it.each([
    ['legacy', 'modern'],
    ['modern', 'legacy'],
  ] as const)('a server that is %s only has no %s link', async (era, other) => {
    const { upstream } = await started(httpOptions(await fixture(era)))
    expect(upstream.status).toMatchObject({ state: 'ready', eras: [era] })
    expect(await toolNames(upstream, era)).toContain('test_simple_text')
    expect(upstream.link(other)).toBeUndefined()
    await expect(upstream.ready(other)).rejects.toMatchObject({ code: 'UPSTREAM_ERA' })
  })

  it('progress and logs of a modern call come before its answer, under the token of the client', async () => {
    const { upstream } = await started(httpOptions(await fixture('modern')))
    const link = await upstream.ready('modern')
    const related: Message[] = []
    const reply = await link.request(
      toolCall(
        'test_tool_with_progress',
        {},
        {
          meta: meta({ progressToken: 'mine' }),
          onNotification: (message) => related.push(message),
        },
      ),
    )
    expect(reply.message.kind).toBe('result')
    expect(related.map(({ params }) => params?.progressToken)).toEqual(['mine', 'mine', 'mine'])
  })

  it('the headers say what the message says after its edits, with the parameters the schema asks for', async () => {
    const { upstream } = await started(httpOptions(await fixture('modern')))
    const link = await upstream.ready('modern')
    const listed = await link.request({
      message: makeRequest('tools/list', { _meta: meta() }),
      edits: [],
      timeout: 5000,
    })
    const { tools } = listed.message.result as { tools: { name: string; inputSchema: object }[] }
    const inputSchema = tools.find(({ name }) => name === 'test_x_mcp_header')?.inputSchema
    // the client called it by the gateway's name, with another argument
    const call = toolCall('fixture__test_x_mcp_header', { region: 'north' }, { meta: meta() })
    const edits = [
      ...editMember(call.message, ['params', 'name'], 'test_x_mcp_header'),
      ...editMember(call.message, ['params', 'arguments'], { region: 'süd ' }),
    ]
    const reply = await link.request({ ...call, edits, target: 'test_x_mcp_header', inputSchema })
    expect(reply.message.error).toBeUndefined()
    // without the schema the header is missing, which the server refuses: its check is real
    const refused = await link.request({ ...call, edits, target: 'test_x_mcp_header' })
    expect(refused.message.error).toMatchObject({ code: -32020 })
  })

  it('what the client declares that it can be asked is what the server is told', async () => {
    const { upstream } = await started(httpOptions(await fixture('modern')))
    const link = await upstream.ready('modern')
    const declared = { sampling: {}, elicitation: {}, roots: {}, extensions: { x: {} } }
    const call = (capabilities: object) =>
      toolCall(
        'test_missing_capability',
        {},
        { meta: meta({ [META.clientCapabilities]: capabilities }) },
      )
    const able = await link.request(call(declared))
    expect(able.message.result).toMatchObject({ resultType: 'input_required' })
    const unable = await link.request(call({ roots: {} }))
    expect(unable.message.error).toMatchObject({ code: -32021 })
  })

  it('an unknown method and an unsupported version are replies', async () => {
    const { upstream } = await started(httpOptions(await fixture('modern')))
    const link = await upstream.ready('modern')
    const unknown = makeRequest('no/such', { _meta: meta() })
    const reply = await link.request({ message: unknown, edits: [], timeout: 5000 })
    expect(reply.message.error).toMatchObject({ code: -32601 })
    const future = makeRequest('tools/list', {
      _meta: meta({ [META.protocolVersion]: '2031-01-01' }),
    })
    const refused = await link.request({ message: future, edits: [], timeout: 5000 })
    expect(refused.message.error).toMatchObject({ code: -32022 })
  })

  it('changes of lists reach the gateway through a subscription of the link', async () => {
    const { upstream, seen } = await started(httpOptions(await fixture('modern')))
    const link = await upstream.ready('modern')
    await eventually(() => expect(seen.calls.length + 1).toBeGreaterThan(1))
    await eventually(async () => {
      await link.request(toolCall('test_trigger_tool_change', {}, { meta: meta() }))
      expect(seen.notifications.map(({ method }) => method)).toContain(
        'notifications/tools/list_changed',
      )
    })
  })

  it.each([
    ['400 without JSON', { status: 400, body: 'no' }, 'UPSTREAM_ERA'],
    ['404', { status: 404, body: 'no' }, 'UPSTREAM_ERA'],
    ['405', { status: 405, body: '' }, 'UPSTREAM_ERA'],
    ['-32601', { status: 200, body: { error: { code: -32601, message: 'x' } } }, 'UPSTREAM_ERA'],
    ['-32020', { status: 400, body: { error: { code: -32020, message: 'x' } } }, 'UPSTREAM_ERA'],
    ['a foreign result', { status: 200, body: { result: { ok: true } } }, 'UPSTREAM_ERA'],
    [
      '-32022 with legacy versions only',
      {
        status: 400,
        body: { error: { code: -32022, message: 'x', data: { supported: ['2025-11-25'] } } },
      },
      'UPSTREAM_ERA',
    ],
    ['500', { status: 500, body: 'no' }, 'UPSTREAM_UNAVAILABLE'],
    ['401', { status: 401, body: 'no' }, 'UPSTREAM_REFUSED'],
  ])('a probe that is answered with %s: the modern link is %o', async (_what, discover, code) => {
    const server = await startOddServer({ discover })
    release.push(() => server.close())
    const { upstream } = await started(
      httpOptions(server.url, {
        health: { every: 0, timeout: 500, restart: { least: 5000, most: 5000, max: 3 } },
      }),
    )
    expect(upstream.status).toMatchObject({ state: 'ready', eras: ['legacy'] })
    await expect(upstream.ready('modern')).rejects.toMatchObject({ code })
  })

  it('a subscription that ends is made again, one that is refused is not', async () => {
    const capabilities = { tools: { listChanged: true }, prompts: {} }
    const result = { supportedVersions: ['2026-07-28'], capabilities }
    const discover = { status: 200, body: { result } }
    const telling = await startOddServer({ stateless: true, discover, listen: true })
    const mute = await startOddServer({ stateless: true, discover })
    release.push(telling.close, mute.close)
    const { seen } = await started(httpOptions(telling.url))
    await started(httpOptions(mute.url))
    await eventually(() => expect(seen.notifications).toHaveLength(1))
    const asked = ({ body }: { body?: { method?: string | undefined } | undefined }) =>
      body?.method === 'subscriptions/listen'
    expect(telling.seen.filter(asked).map(({ body }) => body?.params?.notifications)).toEqual([
      { toolsListChanged: true },
      { toolsListChanged: true },
    ])
    await eventually(() => expect(mute.seen.filter(asked)).toHaveLength(1))
    // longer than the longest back-off
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(mute.seen.filter(asked)).toHaveLength(1)
    // a standing request is no call
    expect(seen.calls.map(({ method }) => method)).not.toContain('subscriptions/listen')
  })

  it('a call that is given up closes its stream and sends nothing else', async () => {
    const result = { supportedVersions: ['2026-07-28'], capabilities: {} }
    const server = await startOddServer({
      stateless: true,
      discover: { status: 200, body: { result } },
    })
    release.push(() => server.close())
    const { upstream } = await started(httpOptions(server.url))
    const link = await upstream.ready('modern')
    const caller = goneAfter(50)
    await expect(
      link.request(toolCall('hang-stream', {}, { meta: meta(), caller })),
    ).rejects.toMatchObject({ code: 'DISPATCH_ABORTED' })
    const sent = server.seen.filter(({ headers }) => headers['mcp-method'] !== undefined)
    expect(sent.map(({ headers }) => [headers['mcp-method'], headers['mcp-name']])).toEqual([
      ['server/discover', undefined],
      ['tools/call', 'hang-stream'],
    ])
    expect(sent[1]?.headers).not.toHaveProperty('mcp-session-id')
  })
})

describe('over stdio', () => {
  const options = {
    ...stdioOptions('odd-server.mjs'),
    args: [SERVER, '--stdio'],
    health: { every: 0, timeout: 5000, restart: { least: 20, most: 200, max: 5 } },
  }

  it('a server of both eras has a process for each, and serves both', async () => {
    const { upstream, seen } = await started(options)
    expect(upstream.status.eras.toSorted()).toEqual(['legacy', 'modern'])
    expect(upstream.link('legacy')).toMatchObject({ era: 'legacy', revision: '2025-11-25' })
    expect(upstream.link('modern')).toMatchObject({ era: 'modern', revision: '2026-07-28' })
    expect(await toolNames(upstream, 'modern')).toContain('test_simple_text')
    expect(await toolNames(upstream, 'legacy')).toContain('test_simple_text')
    // told once for each era that came
    expect(seen.states).toEqual(['starting', 'ready', 'ready'])
  })

  it('a modern call gets its progress, and a whole new `_meta` does not lose the link its token', async () => {
    const { upstream } = await started(options)
    const link = await upstream.ready('modern')
    const tokens: unknown[] = []
    const call = toolCall(
      'test_tool_with_progress',
      {},
      {
        meta: meta({ progressToken: 7 }),
        onNotification: (message) => tokens.push(message.params?.progressToken),
      },
    )
    const edits = editMember(
      call.message,
      ['params', '_meta'],
      meta({ progressToken: 7, traceparent: '00-1-2-01' }),
    )
    await link.request({ ...call, edits })
    expect(tokens).toEqual([7, 7, 7])
  })

  it('an aborted modern call is cancelled with a notification', async () => {
    const { upstream } = await started({
      ...stdioOptions('odd-server.mjs', '--modern'),
    })
    const link = await upstream.ready('modern')
    const call = toolCall('hang', {}, { meta: meta(), caller: goneAfter(40) })
    await expect(link.request(call)).rejects.toMatchObject({ code: 'DISPATCH_ABORTED' })
    const cancelled = await textOf(link.request(toolCall('cancelled', {}, { meta: meta() })))
    expect(JSON.parse(cancelled)).toHaveLength(1)
  })

  it('a modern-only server that starts too slowly for the first probe is still found modern', async () => {
    const slow = stdioOptions('odd-server.mjs', '--modern-only', '--slow-start=1200')
    const { upstream } = await started({ ...slow, health: { ...slow.health, timeout: 800 } })
    expect(upstream.status).toMatchObject({ state: 'ready', eras: ['modern'] })
    await expect(upstream.ready('legacy')).rejects.toMatchObject({ code: 'UPSTREAM_ERA' })
  })

  it('numbers and members nobody knows travel as they were written', async () => {
    const { upstream } = await started(stdioOptions('odd-server.mjs'))
    const link = await upstream.ready('legacy')
    const text =
      '{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"raw","arguments":{"n":1.0,"big":12345678901234567890},"x":[1e2]}}'
    const message = readMessage(Buffer.from(text), { depth: 64 })
    const line = await textOf(link.request({ message, edits: [], timeout: 2000 }))
    expect(line).toBe(text.replace('"x",', `${JSON.parse(line).id},`))
  })
})
