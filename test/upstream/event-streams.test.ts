// How a server may write its events, on every stream the gateway reads: what the standard allows is understood everywhere.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { UpstreamLink } from '../../src/upstream/client.ts'
import { META } from '../../src/wire/revision.ts'
import { eventually, httpOptions, textOf, toolCall, upstreamOf } from './support.ts'

const release: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const done of release.splice(0).reverse()) await done()
})

/** What is written for one message, chunk by chunk. */
const FORMS: Record<string, (json: string) => string[]> = {
  'in one piece': (json) => [`event: message\ndata: ${json}\n\n`],
  'without an event name': (json) => [`data: ${json}\n\n`],
  'with an empty first event': (json) => [`id: 1\ndata:\n\nevent: message\ndata: ${json}\n\n`],
  'with an event that has no data first': (json) => [`id: 1\n\ndata: ${json}\n\n`],
  'with a keep-alive comment first': (json) => [':\n\n', ': ping\n\n', `data: ${json}\n\n`],
  'byte by byte': (json) => [...`event: message\ndata: ${json}\n\n`],
  'with carriage returns': (json) => [`event: message\r\ndata: ${json}\r\n\r\n`],
  'cut between carriage return and line feed': (json) => [`data: ${json}\r`, '\n\r', '\n'],
  'without a space after the colon': (json) => [`event:message\ndata:${json}\n\n`],
  'on several data lines': (json) => [
    `${JSON.stringify(JSON.parse(json), null, 1).replace(/^/gm, 'data: ')}\n\n`,
  ],
  'with fields nobody knows': (json) => [`foo: bar\nretry: x\ndata: ${json}\n\n`],
}

const text = (id: unknown) => ({
  jsonrpc: '2.0',
  id,
  result: { content: [{ type: 'text', text: 'é€' }] },
})

interface Sent {
  readonly id?: unknown
  readonly method?: string
  readonly params?: { readonly protocolVersion?: string }
}

type Streams = 'legacy call' | 'resumed call' | 'modern call' | 'HTTP+SSE'

/** Answers calls on event streams only, in one form. */
async function serve(kind: Streams | 'standing', form: (json: string) => string[]) {
  const standing = new Set<ServerResponse>()
  let resumable: unknown

  async function write(res: ServerResponse, message: object): Promise<void> {
    for (const chunk of form(JSON.stringify(message))) {
      res.write(chunk)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const stream = (res: ServerResponse) =>
    res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  const json = (res: ServerResponse, body: object) =>
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))

  async function get(req: IncomingMessage, res: ServerResponse): Promise<unknown> {
    stream(res)
    if (req.headers['last-event-id'] === 'cut')
      return write(res, text(resumable)).then(() => res.end())
    standing.add(res)
    if (kind === 'HTTP+SSE') res.write('event: endpoint\ndata: /post\n\n')
    return undefined
  }

  async function post(res: ServerResponse, { id, method, params }: Sent): Promise<unknown> {
    const old = kind === 'HTTP+SSE'
    const reply = (result: object) => {
      const message = { jsonrpc: '2.0', id, result }
      return old ? write([...standing][0] as ServerResponse, message) : json(res, message)
    }
    if (old || id === undefined) res.writeHead(202).end()
    if (id === undefined) return undefined
    const common = { capabilities: {}, serverInfo: { name: 'forms', version: '1' } }
    if (method === 'initialize')
      return kind === 'modern call'
        ? res.writeHead(500).end()
        : reply({ protocolVersion: params?.protocolVersion, ...common })
    if (method === 'server/discover')
      return kind === 'modern call'
        ? reply({ supportedVersions: ['2026-07-28'], ...common })
        : res.writeHead(405).end()
    if (old) return write([...standing][0] as ServerResponse, text(id))
    stream(res)
    if (kind !== 'resumed call') return write(res, text(id)).then(() => res.end())
    resumable = id
    return res.end('id: cut\nretry: 20\ndata:\n\n')
  }

  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    if (req.method === 'GET') await get(req, res)
    else if (req.method === 'POST') await post(res, JSON.parse(Buffer.concat(chunks).toString()))
    else res.writeHead(405).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  release.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    announce: async (message: object) => {
      for (const res of standing) await write(res, message)
    },
  }
}

async function linkTo(kind: Streams | 'standing', url: string) {
  const transport = kind === 'HTTP+SSE' ? 'sse' : undefined
  const { upstream, seen } = upstreamOf(httpOptions(url, { transport }))
  release.push(() => upstream.close())
  await upstream.start()
  const link: UpstreamLink = await upstream.ready(kind === 'modern call' ? 'modern' : 'legacy')
  return { link, seen }
}

const meta = { [META.protocolVersion]: '2026-07-28', [META.clientCapabilities]: {} }

describe.each(Object.entries(FORMS))('a message %s', (_form, form) => {
  it.each<Streams>(['legacy call', 'resumed call', 'modern call', 'HTTP+SSE'])(
    'is understood on the stream of a %s',
    async (kind) => {
      const { url } = await serve(kind, form)
      const { link } = await linkTo(kind, url)
      const call = toolCall('any', {}, kind === 'modern call' ? { meta } : {})
      expect(await textOf(link.request(call))).toBe('é€')
    },
  )

  it('is understood on the standing stream of a session', async () => {
    const { url, announce } = await serve('standing', form)
    const { seen } = await linkTo('standing', url)
    const message = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }
    await eventually(async () => {
      await announce(message)
      expect(seen.notifications[0]?.method).toBe(message.method)
    })
  })
})
