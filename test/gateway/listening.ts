// A client that holds an event stream open: a GET stream of the legacy era, or the response to a request that stands.
import type { RpcMessage } from '../support/rpc.ts'

export interface Listening {
  readonly status: number
  readonly headers: Headers
  /** Everything that came so far, in order. */
  readonly messages: RpcMessage[]
  /** Everything, comments too. */
  readonly text: () => string
  /** Resolves when the server has ended the stream. */
  readonly ended: Promise<void>
  /** Goes away. */
  close(): Promise<void>
}

/** Without a body it is a GET. Resolves once the stream is open, or the response is whole. */
export async function listening(
  url: string,
  { headers, body }: { headers: Readonly<Record<string, string>>; body?: object },
): Promise<Listening> {
  const gone = new AbortController()
  const answer = await fetch(url, {
    method: body ? 'POST' : 'GET',
    headers: {
      accept: 'application/json, text/event-stream',
      ...(body ? JSON_TYPE : {}),
      ...headers,
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
    signal: gone.signal,
  })
  const messages: RpcMessage[] = []
  const decoder = new TextDecoder()
  let text = ''
  let read = 0
  const take = () => {
    for (let end = text.indexOf('\n\n', read); end !== -1; end = text.indexOf('\n\n', read)) {
      const data = text
        .slice(read, end)
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trim())
        .join('\n')
      read = end + 2
      // the first event of a stream that can be taken up again is empty
      if (data !== '') messages.push(JSON.parse(data))
    }
  }
  const ended = (async () => {
    try {
      for await (const chunk of answer.body ?? []) {
        text += decoder.decode(chunk, { stream: true })
        take()
      }
      if (text.startsWith('{')) messages.push(JSON.parse(text))
    } catch {
      // the client has gone, or the connection broke
    }
  })()
  return {
    status: answer.status,
    headers: answer.headers,
    messages,
    text: () => text,
    ended,
    async close() {
      gone.abort()
      await ended
    },
  }
}

const JSON_TYPE = { 'content-type': 'application/json' }
