// A client of event streams without any SDK: what it was sent, event by event, and its leaving without a word.
import { type IncomingMessage, request } from 'node:http'
import { createParser } from 'eventsource-parser'
import type { RpcMessage } from '../support/rpc.ts'

export interface Received {
  readonly id: string | undefined
  readonly data: string
}

export interface Events {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly events: Received[]
  /** The milliseconds it was last told to wait before it comes back. */
  readonly retry: number | undefined
  /** What came that was no event. */
  readonly comments: string[]
  /** The messages of all events that have one. */
  messages(): RpcMessage[]
  /** All that was received, as text. */
  text(): string
  /** Breaks the connection. */
  leave(): void
  /** Reads no more, until `read`. */
  stop(): void
  read(): void
  /** Resolves when the other side has ended it, or broken it off. */
  readonly ended: Promise<'ended' | 'broken'>
}

export interface Asked {
  readonly headers: Readonly<Record<string, string>>
  readonly body?: object
  readonly accept?: string
}

/** POST with a body, GET without; resolves with the head of the response. */
export function openEvents(url: string, { headers, body, accept }: Asked): Promise<Events> {
  return new Promise((resolve, reject) => {
    const all = {
      accept: accept ?? (body ? 'application/json, text/event-stream' : 'text/event-stream'),
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...headers,
    }
    const method = body ? 'POST' : 'GET'
    const sent = request(url, { method, headers: all, agent: false }, (response) =>
      resolve(read(response, () => sent.destroy())),
    )
    sent.on('error', reject)
    sent.end(body ? JSON.stringify(body) : undefined)
  })
}

function read(response: IncomingMessage, leave: () => void): Events {
  const events: Received[] = []
  const comments: string[] = []
  let text = ''
  let retry: number | undefined
  const parser = createParser({
    onEvent: ({ id, data }) => void events.push({ id, data }),
    onComment: (comment) => void comments.push(comment.trim()),
    onRetry: (ms) => {
      retry = ms
    },
  })
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    parser.feed(chunk)
  })
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    events,
    comments,
    get retry() {
      return retry
    },
    messages: () =>
      events.filter(({ data }) => data !== '').map(({ data }) => JSON.parse(data) as RpcMessage),
    text: () => text,
    leave,
    stop: () => void response.pause(),
    read: () => void response.resume(),
    ended: new Promise((resolve) => {
      response.once('end', () => resolve('ended'))
      response.once('error', () => resolve('broken'))
    }),
  }
}

/** Waits for something to become true, and fails when it does not. */
export async function until(what: () => boolean, ms = 5000): Promise<void> {
  const end = performance.now() + ms
  while (!what()) {
    if (performance.now() > end) throw new Error(`it did not happen within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
