// One request over a guarded dispatcher, its body read up to a limit; it follows nothing and decides nothing about hosts.
import type { Dispatcher } from 'undici'
import { AppError } from '../base/errors.ts'
import { undici } from './undici.ts'

/** Header names are in lower case; several values of one are joined with a comma. */
export interface EgressResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export interface Outgoing {
  readonly url: URL
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | undefined
}

export async function send(
  outgoing: Outgoing,
  dispatcher: Dispatcher,
  signal: AbortSignal,
  maxBytes: number,
): Promise<EgressResponse> {
  const { url, method, headers, body } = outgoing
  const response = await undici().request(url, {
    dispatcher,
    method: method as Dispatcher.HttpMethod,
    headers,
    body: body ?? null,
    signal,
  })
  const plain: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined)
      plain[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value
  }
  return { status: response.statusCode, headers: plain, body: await readBody(response, maxBytes) }
}

async function readBody(response: Dispatcher.ResponseData, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  const announced = Number(response.headers['content-length'] ?? 0)
  if (announced <= maxBytes) {
    for await (const chunk of response.body) {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxBytes) break
    }
    if (size <= maxBytes) return new Uint8Array(Buffer.concat(chunks))
  }
  // leaving the loop destroys the body and with it the connection
  response.body.on('error', () => {}).destroy()
  throw new AppError('EGRESS_FAILED', `the response is larger than ${maxBytes} bytes`)
}
