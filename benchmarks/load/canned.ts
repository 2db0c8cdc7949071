// The bytes of the canned upstream: as much HTTP/1.1 and JSON-RPC as a benchmark needs; it reads and writes no socket.

export interface Arrived {
  readonly method: string
  readonly body: Buffer
}

const END_OF_HEAD = Buffer.from('\r\n\r\n')
const NOTHING = Buffer.alloc(0)

/** Collects the chunks of one connection and gives requests back as they are complete; pipelined ones one after the other. */
export class RequestReader {
  #rest: Buffer = NOTHING

  push(chunk: Buffer): Arrived[] {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const arrived: Arrived[] = []
    for (;;) {
      const found = readRequest(bytes)
      if (found === undefined) break
      bytes = bytes.subarray(found.end)
      arrived.push(found)
    }
    this.#rest = bytes
    return arrived
  }
}

function readRequest(bytes: Buffer): (Arrived & { readonly end: number }) | undefined {
  const head = bytes.indexOf(END_OF_HEAD)
  if (head < 0) return undefined
  const text = bytes.toString('latin1', 0, head)
  const method = text.slice(0, text.indexOf(' '))
  const start = head + END_OF_HEAD.length
  if (/\r\ntransfer-encoding: *chunked/i.test(text)) {
    const chunked = readChunks(bytes, start)
    return chunked && { method, ...chunked }
  }
  const end = start + Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0)
  if (bytes.length < end) return undefined
  return { method, body: bytes.subarray(start, end), end }
}

function readChunks(bytes: Buffer, start: number): { body: Buffer; end: number } | undefined {
  const chunks: Buffer[] = []
  let at = start
  for (;;) {
    const line = bytes.indexOf('\r\n', at, 'latin1')
    if (line < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16)
    const end = line + 2 + size
    if (bytes.length < end + 2) return undefined
    if (size === 0) return { body: Buffer.concat(chunks), end: end + 2 }
    chunks.push(bytes.subarray(line + 2, end))
    at = end + 2
  }
}

export interface Message {
  /** As JSON text, to be echoed byte for byte; undefined in a notification. */
  readonly id: string | undefined
  readonly method: string
  readonly tool: string
  readonly protocol: string | undefined
  /** As JSON text; only read for a stream. */
  readonly progressToken?: string
}

// what the load generator sends and a careful gateway keeps: no need to parse 64 KB for three members
const COMMON =
  /^\{"jsonrpc":"2\.0","id":(\d+|"[^"\\]*"),"method":"tools\/call","params":\{"name":"(\w+)"/
const COMMON_LENGTH = 160

export function readMessage(body: Buffer): Message {
  const common = COMMON.exec(body.toString('latin1', 0, COMMON_LENGTH))
  if (common && common[2] !== 'stream')
    return { id: common[1], method: 'tools/call', tool: common[2] ?? '', protocol: undefined }
  const { id, method, params } = JSON.parse(body.toString() || '{}') as {
    id?: string | number
    method?: string
    params?: {
      name?: string
      protocolVersion?: string
      _meta?: { progressToken?: string | number }
    }
  }
  return {
    id: id === undefined ? undefined : JSON.stringify(id),
    method: method ?? '',
    tool: params?.name ?? '',
    protocol: params?.protocolVersion,
    progressToken: JSON.stringify(params?._meta?.progressToken ?? null),
  }
}

export const REVISION = '2026-07-28'
/** What no other answer of an upstream, gateway or error page contains. */
export const MARKER = 'answered by the canned upstream'
/** The records make an answer of about 64 KB: many members and short strings, as databases and searches give. */
const RECORDS = Array.from({ length: 570 }, (_, index) => ({
  key: index,
  name: `record number ${index}`,
  note: 'the quick brown fox jumps over the lazy dog',
  price: index * 1.25,
}))

/** Arguments of a call, small or of about 64 KB. */
export const ARGUMENTS = { small: { text: 'hello' }, large: { records: RECORDS } } as const

const tool = (name: string, description: string) => ({
  name,
  description,
  inputSchema: { type: 'object' },
})
const TOOLS = [
  tool('echo', 'answers with 200 bytes'),
  tool('big', 'answers with 64 KB'),
  tool('slow', 'answers after 20 ms'),
  tool('stream', 'answers with a stream of events'),
  tool('denied', 'a policy refuses it'),
]
const INFO = { name: 'canned', version: '1.0.0' }
const COMPLETE = { resultType: 'complete' }
const LISTED = { ...COMPLETE, ttlMs: 3_600_000, cacheScope: 'public' }
const text = (value: string) => [{ type: 'text', text: value }]
const PADDING = 'x'.repeat(60)
const SMALL = JSON.stringify({ ...COMPLETE, content: text(`${MARKER} ${PADDING}`) })
const BIG = JSON.stringify({
  ...COMPLETE,
  content: text(MARKER),
  structuredContent: { records: RECORDS },
})

/** The result of a request, as JSON text. */
export function resultFor({ method, tool: name, protocol }: Message): string {
  switch (method) {
    case 'tools/call':
      return name === 'big' ? BIG : SMALL
    case 'tools/list':
      return JSON.stringify({ ...LISTED, tools: TOOLS })
    case 'server/discover':
      return JSON.stringify({
        ...LISTED,
        supportedVersions: [REVISION, '2025-11-25'],
        capabilities: { tools: {} },
        serverInfo: INFO,
      })
    case 'initialize':
      return JSON.stringify({
        protocolVersion: protocol ?? '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: INFO,
      })
    default:
      return JSON.stringify(COMPLETE)
  }
}

/** The whole HTTP response in latin1: everything the upstream says is ASCII. */
export function responseTo(message: Message): string {
  if (message.id === undefined) return 'HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n'
  const body = `{"jsonrpc":"2.0","id":${message.id},"result":${resultFor(message)}}`
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

export const EVENTS = 10
export const STREAM_HEAD =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n'
export const STREAM_END = '0\r\n\r\n'

/** One event of a stream as a chunk: progress that says when it was sent, and after the last of it the answer. */
export function streamEvent(message: Message, index: number, sent: bigint): string {
  const data =
    index < EVENTS
      ? progress(message.progressToken ?? 'null', index + 1, sent)
      : `{"jsonrpc":"2.0","id":${message.id},"result":${SMALL}}`
  const event = `event: message\ndata: ${data}\n\n`
  return `${event.length.toString(16)}\r\n${event}\r\n`
}

const progress = (token: string, done: number, sent: bigint) =>
  `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":${done},"total":${EVENTS},"message":"event ${done} of ${EVENTS}, sent ${sent}"}}`
