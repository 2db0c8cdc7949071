// Clients without any SDK, one per era, behind one face: what they send is visible, what they get is what was on the wire.
import { modernRequest, openSession, type RpcAnswer, type RpcMessage, rpc } from '../support/rpc.ts'

export interface Peer {
  readonly era: 'legacy' | 'modern'
  readonly url: string
  /** The headers every message carries. */
  readonly headers: Readonly<Record<string, string>>
  request(
    method: string,
    params?: Record<string, unknown>,
    more?: { id?: string | number; headers?: Record<string, string | undefined> },
  ): Promise<RpcAnswer>
  notify(method: string, params?: Record<string, unknown>): Promise<RpcAnswer>
  /** A tool call and its response message. */
  call(name: string, args?: unknown, more?: Record<string, unknown>): Promise<RpcMessage>
}

export const ERAS = ['legacy', 'modern'] as const

export interface PeerOptions {
  readonly client?: { readonly name: string; readonly version: string }
  readonly capabilities?: object
  readonly headers?: Readonly<Record<string, string>>
}

const CLIENT = { name: 'peer', version: '1.0.0' }

export async function connect(
  era: Peer['era'],
  url: string,
  { client = CLIENT, capabilities = {}, headers = {} }: PeerOptions = {},
): Promise<Peer> {
  const own = era === 'legacy' ? (await openSession(url, { capabilities, headers })).headers : {}
  const all = { ...own, ...headers }
  const build = (method: string, params: Record<string, unknown> = {}, id: string | number = 1) => {
    if (era === 'legacy') return { body: { jsonrpc: '2.0', id, method, params }, headers: all }
    const meta = { ...(params._meta as object), 'io.modelcontextprotocol/clientInfo': client }
    const made = modernRequest(method, { ...params, _meta: meta }, { id, capabilities })
    return { body: made.body, headers: { ...made.headers, ...all } }
  }
  const peer: Peer = {
    era,
    url,
    headers: all,
    request(method, params, more = {}) {
      const made = build(method, params, more.id)
      return rpc(url, made.body, { ...made.headers, ...more.headers })
    },
    notify(method, params) {
      const made = build(method, params)
      const { id: _, ...body } = made.body as RpcMessage
      return rpc(url, body, made.headers)
    },
    async call(name, args = {}, more = {}) {
      const answer = await peer.request('tools/call', { name, arguments: args, ...more })
      if (!answer.response) throw new Error(`HTTP ${answer.status} ${answer.text}`)
      return answer.response
    },
  }
  return peer
}

/** The texts of a tool result, joined. */
export function textOf(message: RpcMessage | undefined): string {
  const content = message?.result?.content as { text?: string }[] | undefined
  return (content ?? []).map(({ text }) => text ?? '').join('\n')
}
