// A client of HTTP+SSE (2024-11-05) without any SDK: its stream as it came, and messages posted where the stream said.
import { get, type IncomingMessage } from 'node:http'
import { createSseDecoder, type SseEvent } from '../../src/wire/sse.ts'
import { type RpcAnswer, type RpcMessage, rpc } from '../support/rpc.ts'
import { eventually } from '../upstream/support.ts'

export interface SsePeer extends AsyncDisposable {
  /** Where messages are posted. */
  readonly post: string
  readonly events: readonly SseEvent[]
  /** The messages of the stream so far. */
  messages(): RpcMessage[]
  send(message: RpcMessage, headers?: Record<string, string>): Promise<RpcAnswer>
  /** The answer on the stream to a request sent before. */
  answer(id: number): Promise<RpcMessage>
  ask(id: number, method: string, params?: Record<string, unknown>): Promise<RpcMessage>
  pause(): void
  resume(): void
  readonly ended: () => boolean
}

/** Opens a stream, and a session with these parameters of `initialize` if they are given. */
export async function openSse(
  url: string,
  opening?: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<SsePeer> {
  const stream = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers: { accept: 'text/event-stream', ...headers } }, resolve).once(
      'error',
      reject,
    )
  })
  if (stream.statusCode !== 200) throw new Error(`HTTP ${stream.statusCode}`)
  const events: SseEvent[] = []
  let ended = false
  const decoder = createSseDecoder({
    limit: 16 * 1024 * 1024,
    event: (event) => void events.push(event),
  })
  stream.on('data', (chunk: Buffer) => decoder.push(chunk))
  stream.once('close', () => {
    ended = true
  })
  stream.on('error', () => {})
  await eventually(() => {
    if (!events[0]) throw new Error('no event yet')
  })
  const post = new URL(events[0]?.data ?? '', url).href
  const messages = () => events.slice(1).map(({ data }) => JSON.parse(data) as RpcMessage)
  const peer: SsePeer = {
    post,
    events,
    messages,
    send: (message, more) => rpc(post, { jsonrpc: '2.0', ...message }, { ...headers, ...more }),
    async answer(id) {
      let found: RpcMessage | undefined
      await eventually(() => {
        found = messages().find((message) => message.id === id)
        if (!found) throw new Error(`no answer to ${id}`)
      })
      return found as RpcMessage
    },
    async ask(id, method, params = {}) {
      const { status, text } = await peer.send({ id, method, params })
      if (status !== 202) throw new Error(`HTTP ${status} ${text}`)
      return peer.answer(id)
    },
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    ended: () => ended,
    async [Symbol.asyncDispose]() {
      stream.destroy()
    },
  }
  if (opening) {
    await peer.ask(0, 'initialize', opening)
    await peer.send({ method: 'notifications/initialized' })
  }
  return peer
}
