// HTTP/1.1 requests over one socket that is there already, one after the other: bounded answers, no redirect, never another connection.
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { AppError } from '../../base/errors.ts'

export interface AttestRequest {
  readonly method: 'GET' | 'POST'
  /** Path and query on the same server. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: Uint8Array | undefined
}

export interface AttestAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Uint8Array
}

const MAX_HEADER_BYTES = 16 * 1024
/** Framing, which nobody but this file sets. */
const OWN = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'expect',
  'upgrade',
  'accept-encoding',
])

/** Gives the socket out once: when it is gone there is nothing to send on. */
export function agentOver(socket: Duplex): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1 })
  let given = false
  agent.createConnection = (_options, created) => {
    if (!given) {
      given = true
      return socket
    }
    // not thrown: a request that waited for its turn asks when nobody could catch it
    created?.(new AppError('UPSTREAM_UNAVAILABLE', 'the server ended the connection'), socket)
    return undefined
  }
  return agent
}

/** Rejects with UPSTREAM_TOO_LARGE, UPSTREAM_PROTOCOL, or whatever the socket failed of; the socket is good for nothing then. */
export function send(
  agent: Agent,
  host: string,
  { method, path, headers = {}, body }: AttestRequest,
  limit: number,
): Promise<AttestAnswer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({
      agent,
      method,
      path,
      headers: {
        ...framed(headers),
        host,
        'accept-encoding': 'identity',
        ...(body && { 'content-length': String(body.byteLength) }),
      },
      maxHeaderSize: MAX_HEADER_BYTES,
    })
    const refuse = (error: Error) => {
      reject(error)
      sent.destroy()
    }
    sent.on('error', (error: Error & { code?: string }) =>
      refuse(error.code?.startsWith('HPE_') ? broke(error.code) : error),
    )
    sent.on('upgrade', () => refuse(broke('it changed the protocol')))
    sent.on('response', (answer) => void collect(answer, limit).then(resolve, refuse))
    sent.end(body)
  })
}

async function collect(answer: IncomingMessage, limit: number): Promise<AttestAnswer> {
  const { statusCode: status = 0, headers } = answer
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') throw broke('it compressed unasked')
  if (Number(headers['content-length'] ?? 0) > limit) throw tooLarge(limit)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.byteLength
    if (size > limit) throw tooLarge(limit)
    chunks.push(chunk)
  }
  return { status, headers, body: Buffer.concat(chunks, size) }
}

function framed(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]): [string, string] => [name.toLowerCase(), value])
      .filter(([name]) => !OWN.has(name)),
  )
}

function tooLarge(limit: number): AppError {
  return new AppError('UPSTREAM_TOO_LARGE', `the server answered with more than ${limit} bytes`)
}

function broke(how: string): AppError {
  return new AppError('UPSTREAM_PROTOCOL', `the server broke HTTP/1.1: ${how}`)
}
