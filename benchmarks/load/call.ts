// The requests that the load consists of, as text in two halves with the id between them; and one real call that proves the answer.
import { request as httpRequest } from 'node:http'
import { ARGUMENTS, MARKER, REVISION } from './canned.ts'

/** One kind of call at one place. */
export interface Call {
  readonly port: number
  readonly path: string
  /** As this server names it: gateways that put the server's name before it want `bench__echo`. */
  readonly tool: string
  readonly payload: keyof typeof ARGUMENTS
  /** The stateless era sends its revision with every request; a session was opened before and is named. */
  readonly era: 'modern' | { readonly session: string | undefined; readonly protocol: string }
  /** What each answer has to contain; by default what only the canned upstream says. */
  readonly marker?: string
}

export interface CallText {
  readonly headers: Readonly<Record<string, string>>
  /** The body around the id. */
  readonly before: string
  readonly after: string
}

/** Every id has nine digits, so that every request has the same length. */
const FIRST_ID = 100_000_000
const IDS = 900_000_000
const BLOCK = 1_000_000
let taken = 0

/** The first of a block of ids that no other load of this run uses: peers lose answers when one is used twice. */
export function takeIds(): number {
  return FIRST_ID + ((taken++ * BLOCK) % IDS)
}

const CLIENT = {
  'io.modelcontextprotocol/protocolVersion': REVISION,
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
}

export function callText({ tool, payload, era }: Call): CallText {
  const modern = era === 'modern'
  const params = {
    name: tool,
    arguments: ARGUMENTS[payload],
    ...(modern ? { _meta: CLIENT } : {}),
  }
  return {
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...(modern
        ? {
            'MCP-Protocol-Version': REVISION,
            'Mcp-Method': 'tools/call',
            'Mcp-Name': tool,
          }
        : {
            'MCP-Protocol-Version': era.protocol,
            ...(era.session === undefined ? {} : { 'Mcp-Session-Id': era.session }),
          }),
    },
    before: '{"jsonrpc":"2.0","id":',
    after: `,"method":"tools/call","params":${JSON.stringify(params)}}`,
  }
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** One call with an id of its own. Throws unless the answer is a result, for this id, from the upstream. */
export async function verify(call: Call): Promise<Reply> {
  const id = takeIds()
  const { headers, before, after } = callText(call)
  const reply = await post(call, headers, `${before}${id}${after}`)
  const { status, body } = reply
  const marker = call.marker ?? MARKER
  const right = status === 200 && body.includes(`"id":${id}`) && body.includes(marker)
  if (!right) throw new Error(`${call.tool} got ${status}: ${body.slice(0, 400)}`)
  return reply
}

type Place = Pick<Call, 'port' | 'path'>

export function post(
  { port, path }: Place,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method: 'POST', agent: false, timeout: 60_000 }
    const length = { 'Content-Length': String(Buffer.byteLength(body)) }
    const request = httpRequest({ ...options, headers: { ...headers, ...length } }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, body: Buffer.concat(chunks).toString() })
      })
    })
    request.on('timeout', () => request.destroy(new Error('no answer in a minute')))
    request.on('error', reject)
    request.end(body)
  })
}

/** Opens a session of the older era and gives back what later calls have to say. */
export async function openSession(place: Place): Promise<Exclude<Call['era'], 'modern'>> {
  const protocol = '2025-11-25'
  const headers = {
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
  }
  const params = {
    protocolVersion: protocol,
    capabilities: {},
    clientInfo: { name: 'bench', version: '1.0.0' },
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params })
  const reply = await post(place, headers, body)
  const agreed = /"protocolVersion":"([\d-]+)"/.exec(reply.body)?.[1]
  if (reply.status !== 200 || agreed === undefined)
    throw new Error(`initialize got ${reply.status}: ${reply.body.slice(0, 400)}`)
  const session = reply.headers['mcp-session-id'] as string | undefined
  const era = { session, protocol: agreed }
  const notification = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })
  await post(
    place,
    {
      ...headers,
      'MCP-Protocol-Version': agreed,
      ...(session === undefined ? {} : { 'Mcp-Session-Id': session }),
    },
    notification,
  )
  return era
}
