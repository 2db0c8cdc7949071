// A filter before a dual-era server that shows only one era of it, as a server of that era would answer the other; all else passes unchanged.
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type View = 'legacy' | 'modern'

export interface RunningView extends AsyncDisposable {
  readonly url: string
}

const MODERN = '2026-07-28'
const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'

interface Refusal {
  readonly status: number
  readonly body?: object
}

export async function startView(view: View, target: string): Promise<RunningView> {
  const to = new URL(target)
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const refusal = REFUSALS[view](incoming, messageIn(body))
    if (refusal === undefined) pass(incoming, body, to, outgoing)
    else refuse(outgoing, refusal)
  })
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://localhost:${port}${to.pathname}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

interface Sent {
  readonly id?: unknown
  readonly method?: string
  readonly params?: { readonly _meta?: Readonly<Record<string, unknown>> }
}

/** What the era that is not shown is told; undefined for the other one. */
const REFUSALS: Record<
  View,
  (from: IncomingMessage, message: Sent | undefined) => Refusal | undefined
> = {
  legacy(from, message) {
    const modern =
      from.headers['mcp-protocol-version'] === MODERN ||
      message?.params?._meta?.[VERSION_KEY] !== undefined
    const error = { code: -32000, message: 'Bad Request: Server not initialized' }
    return modern ? { status: 400, body: { jsonrpc: '2.0', id: null, error } } : undefined
  },
  modern(from, message) {
    if (from.method === 'GET' || from.method === 'DELETE') return { status: 405 }
    if (message?.method !== 'initialize') return undefined
    const data = { supported: [MODERN], requested: 'initialize' }
    const error = { code: -32022, message: 'Unsupported protocol version', data }
    return { status: 400, body: { jsonrpc: '2.0', id: message.id, error } }
  },
}

function messageIn(body: Buffer): Sent | undefined {
  try {
    return JSON.parse(body.toString()) as Sent
  } catch {
    return undefined
  }
}

function refuse(outgoing: ServerResponse, { status, body }: Refusal): void {
  if (body === undefined) outgoing.writeHead(status, { allow: 'POST' }).end()
  else outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function pass(from: IncomingMessage, body: Buffer, to: URL, outgoing: ServerResponse): void {
  const headers = { ...from.headers, host: to.host }
  const onward = request(to, { method: from.method ?? 'POST', headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    // a stream may say nothing for long, and its client waits for the headers
    outgoing.flushHeaders()
    answer.pipe(outgoing)
    answer.on('error', () => outgoing.destroy())
  })
  onward.on('error', () => outgoing.destroy())
  outgoing.on('close', () => onward.destroy())
  onward.end(body)
}
