// Bytes on a socket of one's own, for what no HTTP client would send; reads what comes back until the other side ends.
import { connect, type Socket } from 'node:net'
import { expect } from 'vitest'

export interface Raw {
  readonly status: number
  readonly head: string
  readonly body: string
}

/** Writes bytes on a socket of its own and reads until the other side ends, or `ms` have passed. */
export function raw(
  port: number,
  text: string,
  { ms = 3000, more }: { ms?: number; more?: (socket: Socket) => void } = {},
): Promise<Raw & { ended: boolean }> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let received = ''
    let ended = false
    const timer = setTimeout(() => socket.destroy(), ms)
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      received += chunk
    })
    socket.on('end', () => {
      ended = true
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      const [head = '', ...body] = received.split('\r\n\r\n')
      resolve({ status: Number(head.split(' ')[1] ?? 0), head, body: body.join('\r\n\r\n'), ended })
    })
    socket.write(text)
    more?.(socket)
  })
}

export const post = (body: string, headers: readonly string[] = [], host = 'localhost') =>
  [
    'POST /mcp HTTP/1.1',
    `Host: ${host}`,
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    'Connection: close',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
    '',
    body,
  ].join('\r\n')

/** The code of our table, wherever the form of the answer puts it. */
export function codeOf({ head, body }: Raw): string {
  expect(head.toLowerCase()).toMatch(/content-type: application\/(problem\+)?json/)
  const parsed = JSON.parse(body.replace(/^[0-9a-f]+\r\n|\r\n0\r\n\r\n$/g, '')) as {
    code?: string
    error?: { data: { code: string } }
  }
  return parsed.code ?? parsed.error?.data.code ?? ''
}
