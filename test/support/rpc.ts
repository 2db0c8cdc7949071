// Posts one raw body and reads the answer, JSON or SSE, without any SDK in between.
export interface RpcAnswer {
  status: number
  headers: Headers
  /** The body as received. */
  text: string
  /** Every JSON-RPC message in it, in order; one for a JSON body, none for an empty one. */
  messages: RpcMessage[]
  /** The last message that is a response: the answer to the request. */
  response: RpcMessage | undefined
}

export interface RpcMessage {
  jsonrpc?: string
  id?: string | number | null
  method?: string
  params?: Record<string, unknown>
  result?: Record<string, unknown>
  error?: { code: number; message: string; data?: Record<string, unknown> }
}

/** A string goes out byte for byte; anything else as JSON. A header given as `undefined` is left out. */
export async function rpc(
  url: string,
  body: unknown,
  headers: Record<string, string | undefined> = {},
  { timeout = 10_000, method = 'POST' }: { timeout?: number; method?: string } = {},
): Promise<RpcAnswer> {
  const merged = { ...defaults, ...lowerCased(headers) }
  const answer = await fetch(url, {
    method,
    headers: Object.entries(merged).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
    ...(method === 'POST' && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(timeout),
  })
  const text = await answer.text()
  const type = answer.headers.get('content-type') ?? ''
  const messages = type.includes('text/event-stream') ? readEvents(text) : readJson(text)
  const response = messages.findLast((message) => 'result' in message || 'error' in message)
  return { status: answer.status, headers: answer.headers, text, messages, response }
}

/** A request of the stateless era with the `_meta` and the headers it must carry. */
export function modernRequest(
  method: string,
  params: Record<string, unknown> = {},
  { id = 1, capabilities = {} }: { id?: string | number; capabilities?: object } = {},
): { body: RpcMessage; headers: Record<string, string> } {
  const version = '2026-07-28'
  const meta = {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientInfo': { name: 'portcullis-test', version: '1.0.0' },
    'io.modelcontextprotocol/clientCapabilities': capabilities,
    ...(params._meta as object | undefined),
  }
  const member = NAMED[method]
  const name = member && params[member]
  return {
    body: { jsonrpc: '2.0', id, method, params: { ...params, _meta: meta } },
    headers: {
      'mcp-protocol-version': version,
      'mcp-method': method,
      ...(typeof name === 'string' && { 'mcp-name': name }),
    },
  }
}

/** What Mcp-Name repeats. */
const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

/** Opens a session of the legacy era and returns the headers that later requests need. */
export async function openSession(
  url: string,
  {
    version = '2025-11-25',
    capabilities = {},
    headers: more = {},
  }: {
    version?: string
    capabilities?: object
    headers?: Readonly<Record<string, string>>
  } = {},
): Promise<{ headers: Record<string, string>; initialize: RpcAnswer }> {
  const clientInfo = { name: 'portcullis-test', version: '1.0.0' }
  const params = { protocolVersion: version, capabilities, clientInfo }
  const opening = { jsonrpc: '2.0', id: 0, method: 'initialize', params }
  const initialize = await rpc(url, opening, more)
  const session = initialize.headers.get('mcp-session-id')
  if (session === null) throw new Error(`no session: HTTP ${initialize.status} ${initialize.text}`)
  const headers = { ...more, 'mcp-session-id': session, 'mcp-protocol-version': version }
  await rpc(url, { jsonrpc: '2.0', method: 'notifications/initialized' }, headers)
  return { headers, initialize }
}

const defaults = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}

const lowerCased = (headers: Record<string, string | undefined>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

function readEvents(text: string): RpcMessage[] {
  const blocks = text.split(/\r?\n\r?\n/)
  const data = blocks.map((block) =>
    block
      .split(/\r?\n/)
      .filter((line) => line.startsWith('data:'))
      .map((line) => line.slice(5).replace(/^ /, ''))
      .join('\n'),
  )
  return data.filter((value) => value !== '').flatMap(readJson)
}

function readJson(text: string): RpcMessage[] {
  if (text.trim() === '') return []
  try {
    const value = JSON.parse(text) as RpcMessage | RpcMessage[]
    return Array.isArray(value) ? value : [value]
  } catch {
    return []
  }
}
