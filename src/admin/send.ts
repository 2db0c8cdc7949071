// The one place where the API writes an answer: its headers, its body or its stream; what it says is decided elsewhere.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Problem } from './problem.ts'
import { isKnown } from './request/etag.ts'
import type { Answer, Call } from './route.ts'

export type Headers = Readonly<Record<string, string>>

const ALWAYS: Headers = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

export function sendProblem(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: Problem,
  more: Headers,
): void {
  // what is left of a body that nobody reads must not be taken for the next request
  if (!request.complete) response.shouldKeepAlive = false
  sendText(response, status, JSON.stringify(body), {
    ...more,
    ...headers,
    'content-type': 'application/problem+json',
  })
}

export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  { more, call }: { readonly more: Headers; readonly call: Pick<Call, 'ifNoneMatch'> },
): Promise<void> {
  if ('lines' in answer) return sendLines(request, response, answer, more)
  if ('text' in answer) {
    const { status, text, type } = answer
    return sendText(response, status, text, { ...more, 'content-type': type })
  }
  const { status, body, headers = {} } = answer
  const { etag } = headers
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  if (isRead && etag !== undefined && call.ifNoneMatch && isKnown(call.ifNoneMatch, etag)) {
    response.writeHead(304, { ...ALWAYS, ...more, ...headers }).end()
    return
  }
  if (body === undefined) {
    response.writeHead(status, { ...ALWAYS, ...more, ...headers }).end()
    return
  }
  const type = { 'content-type': 'application/json' }
  sendText(response, status, JSON.stringify(body), { ...more, ...headers, ...type })
}

// node leaves the body of an answer to HEAD out
export function sendText(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Headers,
): void {
  const length = String(Buffer.byteLength(text))
  response.writeHead(status, { ...ALWAYS, ...headers, 'content-length': length }).end(text)
}

/** Waits for whoever reads slowly; ends, and lets go of the source, when they go away. A fault breaks the stream off. */
async function sendLines(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Extract<Answer, { lines: unknown }>,
  more: Headers,
): Promise<void> {
  const headers = { ...ALWAYS, ...more, 'content-type': 'application/jsonl' }
  if (request.method === 'HEAD') {
    response.writeHead(answer.status, headers).end()
    return
  }
  const source = answer.lines[Symbol.asyncIterator]()
  // the first page is read before the head is sent, so that a fault is still a problem+json
  let next = await source.next()
  response.writeHead(answer.status, headers)
  try {
    for (; !next.done && !response.destroyed; next = await source.next())
      if (!response.write(next.value)) await drained(response)
    response.end()
  } catch {
    response.destroy()
  } finally {
    await source.return?.()
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
    if (response.destroyed) done()
  })
}
