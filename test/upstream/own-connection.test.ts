// A client that servers may ask something has a connection of its own, whatever the transport.
import { afterEach, expect, it } from 'vitest'
import type { ServerOptions } from '../../src/upstream/options.ts'
import { startOddSse } from '../fixtures/upstream/odd-sse.ts'
import { startOddWebSocket } from '../fixtures/upstream/odd-websocket.ts'
import {
  eventually,
  httpOptions,
  textOf,
  toolCall,
  upstreamOf,
  webSocketOptions,
} from './support.ts'

const release: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const done of release.splice(0).reverse()) await done()
})

/** Bodies of what the server heard, and how many connections it has. */
interface Server {
  readonly options: ServerOptions
  heard(): { id?: unknown; method?: string; params?: unknown; result?: unknown }[]
  connections(): number
}

const pool = { per: 'session', max: 4, idleStop: 60_000 } as const

async function overSse(transport: 'sse' | undefined): Promise<Server> {
  const server = await startOddSse()
  release.push(server.close)
  return {
    options: httpOptions(server.url, { transport, pool }),
    heard: () => server.posts.map(({ body }) => body),
    connections: server.streams,
  }
}

async function overWebSocket(): Promise<Server> {
  const server = await startOddWebSocket()
  release.push(server.close)
  return {
    options: webSocketOptions(server.url, { pool }),
    heard: () => server.heard,
    connections: server.connections,
  }
}

it.each<[string, () => Promise<Server>]>([
  ['HTTP+SSE', () => overSse('sse')],
  ['HTTP+SSE that was found out', () => overSse(undefined)],
  ['WebSocket', overWebSocket],
])('over %s', async (_transport, serve) => {
  const server = await serve()
  const { upstream, seen } = upstreamOf(server.options)
  release.push(() => upstream.close())
  await upstream.start()
  const asked: unknown[] = []
  const link = await upstream.own?.open('session-1', {
    capabilities: { sampling: {} },
    notification() {},
    request({ message }) {
      asked.push(message.method)
      const answer = { jsonrpc: '2.0', id: message.id, result: { role: 'assistant' } }
      return Promise.resolve(Buffer.from(JSON.stringify(answer)))
    },
  })
  if (!link) throw new Error('there is no instance')
  expect(server.connections()).toBe(2)
  const declared = server.heard().filter(({ method }) => method === 'initialize')
  expect(declared.map(({ params }) => (params as { capabilities: object }).capabilities)).toEqual([
    {},
    { sampling: {} },
  ])
  expect(await textOf(link.request(toolCall('ask')))).toBe('asked')
  await eventually(() =>
    expect(server.heard()).toContainEqual(
      expect.objectContaining({ id: 'ask-1', result: { role: 'assistant' } }),
    ),
  )
  expect(asked).toEqual(['sampling/createMessage'])
  // the shared connection heard nothing of it
  expect(seen.requests).toEqual([])
  upstream.own?.release('session-1')
  await eventually(() => expect(server.connections()).toBe(1))
})
