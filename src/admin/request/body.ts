// The body of a request: bounded in size and time, of the right media type, strict JSON; what it means is decided elsewhere.
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'

export const MOST_BYTES = 1024 ** 2

export interface BodyRules {
  readonly type: string
  readonly required: boolean
  readonly clock: Pick<Clock, 'after'>
  readonly timeout: number
  readJson(bytes: Uint8Array): unknown
}

type Request = IncomingMessage & { readonly body?: unknown }

/** Undefined where there is none and none is needed. Rejects with API_MEDIA_TYPE, API_TOO_LARGE, API_BODY, WIRE_TIMEOUT and what `readJson` throws. */
export async function readBody(
  request: Request,
  rules: BodyRules,
): Promise<JsonObject | undefined> {
  const parsed = isParsed(request)
  if (!parsed && !hasBody(request)) {
    if (rules.required) throw new AppError('API_BODY', 'the request has no body')
    return undefined
  }
  assertMediaType(request, rules.type)
  const value = parsed ? request.body : rules.readJson(await collect(request, rules))
  if (!isObject(value)) throw new AppError('API_BODY', 'the body is not a JSON object')
  return value as JsonObject
}

/** Throws API_BODY where something was sent that nobody would read. */
export function assertNoBody(request: Request): void {
  if (hasBody(request)) throw new AppError('API_BODY', 'this operation takes no body')
}

// behind express.json() the bytes are gone, and with them any duplicate member: the parser there decided
function isParsed(request: Request): boolean {
  return request.body !== undefined && request.readableEnded
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function assertMediaType({ headers }: IncomingMessage, type: string): void {
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (coding !== 'identity') throw new AppError('API_MEDIA_TYPE', 'the body must not be compressed')
  const [given = '', ...parameters] = (headers['content-type'] ?? '')
    .split(';')
    .map((part) => part.trim().toLowerCase())
  if (given !== type) throw new AppError('API_MEDIA_TYPE', `the body must be ${type}`)
  const isUtf8 = (text: string) => /^charset="?utf-8"?$/.test(text) || !/^charset=/.test(text)
  if (!parameters.every(isUtf8)) throw new AppError('API_MEDIA_TYPE', 'the body must be UTF-8')
}

function collect(request: IncomingMessage, { clock, timeout }: BodyRules): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  return new Promise((resolve, reject) => {
    const fail = (error: AppError) => {
      cancel()
      request.pause()
      reject(error)
    }
    const cancel = clock.after(timeout, () =>
      fail(new AppError('WIRE_TIMEOUT', `the body did not arrive within ${timeout} ms`)),
    )
    const broken = () => fail(new AppError('DISPATCH_ABORTED', 'the caller broke off'))
    if (Number(request.headers['content-length'] ?? 0) > MOST_BYTES) return fail(tooLarge())
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > MOST_BYTES) fail(tooLarge())
      else chunks.push(chunk)
    })
    request.on('end', () => {
      cancel()
      resolve(Buffer.concat(chunks, length))
    })
    request.on('error', broken)
    request.on('close', broken)
  })
}

function tooLarge(): AppError {
  return new AppError('API_TOO_LARGE', `the body is larger than ${MOST_BYTES} bytes`)
}
