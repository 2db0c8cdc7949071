// docs/pipeline.md section 2, rows of sessions, notifications and errors: when they fire, on what, and for how long a verdict is kept.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { deny, type Hooks, patch } from '../../src/plugin.ts'
import { node, root } from '../support/paths.ts'
import { rpc } from '../support/rpc.ts'
import { connect, ERAS, type PeerOptions, textOf } from './peers.ts'
import { echo, type Recorder, startRecorder } from './recorder.ts'
import { runGateway, type Started, server } from './running.ts'

let recorder: Recorder
let gateway: Started | undefined
let later = 0

beforeEach(async () => {
  later = 0
  recorder = await startRecorder({
    tools: ['echo', 'die', 'hang'],
    call(received, answers) {
      const { name } = received.message.params ?? {}
      if (name === 'die') answers.destroy()
      else if (name !== 'hang') echo(received, answers)
    },
  })
})
afterEach(async () => {
  await gateway?.stop({ now: true })
  gateway = undefined
  await recorder.close()
})

async function start(hooks: Hooks, config: object = {}): Promise<Started> {
  const clock = { ...systemClock, now: () => systemClock.now() + later }
  const servers = [server('rec', recorder.url)]
  gateway = await runGateway({ servers, ...config }, [{ name: 'mine', hooks }], { clock })
  return gateway
}

describe('session_pre_open in the modern era', () => {
  const one = { name: 'one', version: '1' }

  it('keeps its verdict for 60 s by client, capabilities and generation', async () => {
    const opened: string[] = []
    const { url } = await start({
      session_pre_open: ({ client, capabilities, era, revision }) =>
        void opened.push(`${client.name} ${JSON.stringify(capabilities)} ${era} ${revision}`),
    })
    const call = async (options: PeerOptions) => {
      const before = opened.length
      await (await connect('modern', url, options)).call('rec__echo')
      return opened.length - before
    }
    expect(await call({ client: one })).toBe(1)
    expect(opened).toEqual(['one {} modern 2026-07-28'])
    expect(await call({ client: one })).toBe(0)
    expect(await call({ client: { name: 'one', version: '2' } })).toBe(1)
    expect(await call({ client: one, capabilities: { sampling: {} } })).toBe(1)
    later = 59_000
    expect(await call({ client: one })).toBe(0)
    later = 61_000
    expect(await call({ client: one })).toBe(1)
  })

  it('keeps a refusal as it keeps a pass, and a fault not at all', async () => {
    let asked = 0
    let broken = true
    const { url } = await start({
      session_pre_open({ client }) {
        asked++
        if (client.name === 'refused') return deny({ code: 'NOT_YOU', reason: 'not you' })
        if (broken) throw new Error('broken')
        return undefined
      },
    })
    const list = async (name: string) => {
      const peer = await connect('modern', url, { client: { name, version: '1' } })
      const { status, response } = await peer.request('tools/list')
      return [status, response?.error?.data?.code]
    }
    expect([await list('refused'), await list('refused'), asked]).toEqual([
      [403, 'NOT_YOU'],
      [403, 'NOT_YOU'],
      1,
    ])
    expect(await list('other')).toEqual([500, 'PLUGIN_THREW'])
    broken = false
    expect(await list('other')).toEqual([200, undefined])
  })

  it('decides which capabilities the server is told of', async () => {
    const { url } = await start({
      session_pre_open: ({ capabilities }) => {
        const { 'x-dropped': _, ...rest } = capabilities
        return patch({ capabilities: rest })
      },
    })
    const capabilities = { 'x-dropped': {}, experimental: { kept: { deep: 1 } } }
    await (await connect('modern', url, { capabilities })).call('rec__echo')
    const meta = recorder.calls('tools/call').at(-1)?.message.params?._meta as Record<
      string,
      unknown
    >
    expect(meta['io.modelcontextprotocol/clientCapabilities']).toEqual({
      experimental: { kept: { deep: 1 } },
    })
  })
})

describe('sessions of the legacy era', () => {
  it('session_pre_open fires on initialize alone, session_post_close when the session has ended, with its cause', async () => {
    const seen: unknown[] = []
    const { url } = await start({
      session_pre_open: ({ client, era, revision }) =>
        void seen.push(['open', client.name, era, revision]),
      session_post_close: ({ client, era, cause }) =>
        void seen.push(['close', client.name, era, cause]),
    })
    const peer = await connect('legacy', url)
    await peer.call('rec__echo')
    await peer.request('ping')
    await rpc(url, '', peer.headers, { method: 'DELETE' })
    await gateway?.observed()
    expect(seen).toEqual([
      ['open', 'portcullis-test', 'legacy', '2025-11-25'],
      ['close', 'portcullis-test', 'legacy', 'client'],
    ])
  })

  it('ending a session aborts its calls in flight, at the server, too', async () => {
    const { url } = await start({ tool_pre_invoke() {} })
    const peer = await connect('legacy', url)
    const call = peer.call('rec__hang')
    await until(() => recorder.calls('tools/call').length === 1)
    await rpc(url, '', peer.headers, { method: 'DELETE' })
    expect((await call).error?.data?.code).toBe('DISPATCH_ABORTED')
    await until(() => recorder.calls('notifications/cancelled').length === 1)
  })
})

describe('error_raised', () => {
  it.each(ERAS)(
    'names code, place and request of a failure, and stays silent at a client’s mistake (%s)',
    async (era) => {
      const raised: unknown[] = []
      const { url } = await start({
        error_raised: ({ code, where, requestId }) =>
          void raised.push([code, where, typeof requestId]),
        tool_pre_invoke({ arguments: args }) {
          if (args?.throw) throw new Error('on purpose')
        },
      })
      const peer = await connect(era, url)
      await peer.call('rec__nonexistent')
      await peer.request('no/such/method')
      await peer.request('tools/call', { name: 1 })
      expect(raised).toEqual([])
      await peer.call('rec__die')
      await peer.call('rec__echo', { throw: 1 })
      expect(raised).toEqual([
        ['UPSTREAM_UNAVAILABLE', 'tools/call', 'string'],
        ['PLUGIN_THREW', 'mine at tool_pre_invoke', 'string'],
      ])
    },
  )
})

describe('servers over stdio', () => {
  const odd = {
    name: 'odd',
    command: node,
    args: [`${root}/test/fixtures/upstream/odd-server.mjs`],
  }

  it('their list changes and logs pass notification_pre_forward and reach the stream of the session', async () => {
    const seen: unknown[] = []
    const { url } = await start(
      {
        notification_pre_forward: ({ method, direction, server: owner }) =>
          void seen.push([method, direction, owner]),
      },
      { servers: [odd] },
    )
    const peer = await connect('legacy', url)
    seen.length = 0
    const end = new AbortController()
    const stream = await fetch(url, {
      headers: { ...peer.headers, accept: 'text/event-stream' },
      signal: end.signal,
    })
    const received: string[] = []
    const reading = (async () => {
      for await (const chunk of stream.body ?? []) received.push(Buffer.from(chunk).toString())
    })().catch(() => {})
    expect(textOf(await peer.call('odd__announce'))).toBe('announced')
    await until(() => received.join('').includes('notifications/message'))
    end.abort()
    await reading
    expect(seen).toEqual([
      ['notifications/tools/list_changed', 'server_to_client', 'odd'],
      ['notifications/message', 'server_to_client', 'odd'],
    ])
    expect(received.join('').indexOf('list_changed')).toBeLessThan(
      received.join('').indexOf('notifications/message'),
    )
  })

  it('headers are empty there, and those a policy adds go nowhere', async () => {
    const seen: unknown[] = []
    const { url } = await start(
      {
        tool_pre_invoke({ headers }) {
          seen.push(headers)
          return patch({ headers: { 'x-added': 'secret-value' } })
        },
      },
      { servers: [odd] },
    )
    const peer = await connect('legacy', url)
    expect(textOf(await peer.call('odd__echo', { a: 1 }))).toBe('{"a":1}')
    expect(textOf(await peer.call('odd__meta'))).not.toContain('secret-value')
    expect(seen).toEqual([{}, {}])
  })
})

it('an observer of a modern request runs to its end: its signal is not aborted by the end of the response', async () => {
  const seen: unknown[] = []
  gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [
    {
      name: 'watches',
      mode: 'audit',
      hooks: {
        async tool_post_invoke(_, { signal }) {
          await new Promise((resolve) => setTimeout(resolve, 100))
          seen.push(signal.aborted)
        },
      },
    },
  ])
  await (await connect('modern', gateway.url)).call('rec__echo')
  await gateway.observed()
  expect(seen).toEqual([false])
})

async function until(check: () => boolean): Promise<void> {
  for (const end = performance.now() + 4000; !check(); ) {
    if (performance.now() > end) throw new Error('it did not happen in time')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
