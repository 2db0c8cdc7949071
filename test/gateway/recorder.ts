// A small MCP server over Streamable HTTP by hand, of both eras, that remembers every byte it was sent and lies on request.
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface Received {
  readonly verb: string
  readonly headers: IncomingHttpHeaders
  /** The body byte for byte. */
  readonly raw: string
  readonly message: Sent
}

export interface Sent {
  readonly id?: string | number
  readonly method?: string
  readonly params?: Record<string, unknown>
}

/** How a call is answered; whoever takes none of these lets the client wait. */
export interface Answers {
  result(result: unknown): void
  error(error: { code: number; message: string; data?: unknown }): void
  /** The body as given, whatever it is; `$id` stands for the id. */
  raw(body: string, status?: number): void
  /** Messages on an event stream, the same one each time; the stream ends after them unless `open`. */
  events(messages: readonly object[], options?: { open?: boolean }): void
  /** One more message on an event stream that was left open. */
  send(message: object): void
  /** Breaks the connection without an answer. */
  destroy(): void
  /** Resolves when the gateway has given the request up. */
  readonly closed: Promise<void>
}

export interface RecorderOptions {
  readonly eras?: 'legacy' | 'modern' | 'both'
  /** The same in both eras, or by era. */
  readonly capabilities?: object | ((modern: boolean) => object)
  readonly instructions?: string
  /** Answers list methods; by default it offers `tools`. */
  readonly list?: (method: string, params: Record<string, unknown>) => unknown
  readonly tools?: readonly (string | object)[]
  /** Methods that are never answered. */
  readonly silent?: readonly string[]
  /** Milliseconds before a method is answered. */
  readonly slow?: Readonly<Record<string, number>>
  /** Who answers subscriptions/listen; by default the recorder, which then announces on it where no GET stream is open. */
  readonly listens?: 'by hand'
  readonly call?: (received: Received, answers: Answers) => void
  readonly listen?: { readonly port: number }
  /** A session it did not open is answered 404, as after a restart. */
  readonly strict?: boolean
}

export interface Recorder extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly seen: Received[]
  /** What was received with this method, in order. */
  calls(method: string): Received[]
  /** Sends a message on every open GET stream; where there is none, on every subscription. */
  announce(message: object): void
  /** The same on the newest of them. */
  announceLast(message: object): void
  readonly streams: () => number
  readonly listens: () => number
  /** Forgets its sessions and ends their streams. */
  forget(): void
  close(): Promise<void>
}

const VERSION = '2026-07-28'
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId'
const MODERN_KEY = 'io.modelcontextprotocol/protocolVersion'
const CACHEABLE = new Set([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
])

export const echo = (received: Received, answers: Answers): void =>
  answers.result({
    content: [{ type: 'text', text: JSON.stringify(received.message.params?.arguments ?? {}) }],
  })

export async function startRecorder(options: RecorderOptions = {}): Promise<Recorder> {
  const { eras = 'both', capabilities: offered = { tools: { listChanged: true } } } = options
  const capabilitiesIn = (modern: boolean) =>
    typeof offered === 'function' ? offered(modern) : offered
  const said = options.instructions === undefined ? {} : { instructions: options.instructions }
  const seen: Received[] = []
  const sockets = new Set<Socket>()
  const streams = new Set<ServerResponse>()
  const listens = new Map<ServerResponse, unknown>()
  const sessions = new Set<string>()

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const raw = Buffer.concat(chunks).toString()
    const session = request.headers['mcp-session-id']
    if (options.strict && session !== undefined && !sessions.has(String(session)))
      return void response.writeHead(404).end()
    if (request.method === 'GET' && eras !== 'modern') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      streams.add(response)
      response.once('close', () => streams.delete(response))
      return
    }
    if (request.method !== 'POST')
      return void response.writeHead(request.method === 'DELETE' ? 200 : 405).end()
    const message = JSON.parse(raw) as Sent
    const received = { verb: 'POST', headers: request.headers, raw, message }
    seen.push(received)
    if (message.id === undefined) return void response.writeHead(202).end()
    const meta = message.params?._meta as Record<string, unknown> | undefined
    const modern = meta?.[MODERN_KEY] !== undefined
    const answers = answersOn(response, message, modern)
    if (modern ? eras === 'legacy' : eras === 'modern')
      return modern
        ? response.writeHead(400).end()
        : answers.error({ code: -32022, message: 'no', data: { supported: [VERSION] } })
    const wait = options.slow?.[message.method ?? '']
    if (wait !== undefined) await new Promise((resolve) => setTimeout(resolve, wait))
    handle(received, answers, response)
  })

  function handle(received: Received, answers: Answers, response: ServerResponse): unknown {
    const { method = '', params = {} } = received.message
    if (options.silent?.includes(method)) return undefined
    const serverInfo = { name: 'recorder', version: '1.0.0' }
    if (method === 'server/discover')
      return answers.result({
        supportedVersions: [VERSION], capabilities: capabilitiesIn(true), ...said, ttlMs: 0, cacheScope: 'private',
        _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo },
      }) // biome-ignore format: one answer
    if (method === 'initialize') {
      const session = randomUUID()
      sessions.add(session)
      response.setHeader('mcp-session-id', session)
      return answers.result({
        protocolVersion: params.protocolVersion,
        capabilities: capabilitiesIn(false),
        serverInfo,
        ...said,
      })
    }
    if (method === 'ping' || method === 'logging/setLevel') return answers.result({})
    if (method.endsWith('/list')) {
      const listed = options.list?.(method, params)
      if (listed !== undefined) return answers.result(listed)
      const tools = (options.tools ?? ['echo']).map((tool) =>
        typeof tool === 'string' ? { name: tool, inputSchema: { type: 'object' } } : tool,
      )
      return answers.result(method === 'tools/list' ? { tools } : { [memberOf(method)]: [] })
    }
    if (method === 'subscriptions/listen' && options.listens !== 'by hand')
      return listen(received.message, answers, response)
    return (options.call ?? echo)(received, answers)
  }

  function listen({ id, params }: Sent, answers: Answers, response: ServerResponse): void {
    listens.set(response, id)
    response.once('close', () => listens.delete(response))
    const own = { notifications: params?.notifications, _meta: { [SUBSCRIPTION]: id } }
    const method = 'notifications/subscriptions/acknowledged'
    answers.events([{ method, params: own }], { open: true })
  }

  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) =>
    server.listen(options.listen?.port ?? 0, '127.0.0.1', resolve),
  )
  const { port } = server.address() as AddressInfo
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    seen,
    calls: (method) => seen.filter(({ message }) => message.method === method),
    announce(message) {
      for (const stream of streams) stream.write(frame({ jsonrpc: '2.0', ...message }))
      if (streams.size > 0) return
      for (const [stream, id] of listens) {
        const { params } = message as Sent
        const own = { ...params, _meta: { [SUBSCRIPTION]: id } }
        stream.write(frame({ jsonrpc: '2.0', ...message, params: own }))
      }
    },
    announceLast: (message) =>
      void [...streams].at(-1)?.write(frame({ jsonrpc: '2.0', ...message })),
    streams: () => streams.size,
    listens: () => listens.size,
    forget() {
      sessions.clear()
      for (const stream of streams) stream.end()
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

const frame = (message: object) => `event: message\ndata: ${JSON.stringify(message)}\n\n`
const memberOf = (method: string) =>
  method === 'resources/templates/list' ? 'resourceTemplates' : (method.split('/')[0] as string)

function answersOn(response: ServerResponse, { id, method = '' }: Sent, modern: boolean): Answers {
  const json = (body: object) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  const complete = modern
    ? {
        resultType: 'complete',
        ...(CACHEABLE.has(method) ? { ttlMs: 0, cacheScope: 'private' } : {}),
      }
    : {}
  const withType = (result: unknown) =>
    typeof result === 'object' && result !== null && !Array.isArray(result)
      ? { ...complete, ...result }
      : result
  return {
    result: (result) => void json({ jsonrpc: '2.0', id, result: withType(result) }),
    error: (error) => void json({ jsonrpc: '2.0', id, error }),
    raw: (body, status = 200) =>
      void response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(body.replaceAll('"$id"', JSON.stringify(id))),
    events(messages, { open = false } = {}) {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const message of messages) response.write(frame({ jsonrpc: '2.0', ...message }))
      if (!open) response.end()
    },
    send: (message) => void response.write(frame({ jsonrpc: '2.0', ...message })),
    destroy: () => response.destroy(),
    closed: new Promise((resolve) => response.once('close', resolve)),
  }
}
