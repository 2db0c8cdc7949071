// The bytes of a request body: ours to read, bounded in size and time; what an application in front of us parsed is accepted.
import type { IncomingMessage } from 'node:http'
import type { DeadlineWheel } from '../../base/deadline.ts'
import { AppError, type ErrorCode } from '../../base/errors.ts'

export interface BodyLimits {
  readonly bytes: number
  /** Milliseconds for the whole body. */
  readonly timeout: number
}

/** Rejects with WIRE_UNSUPPORTED_MEDIA, WIRE_TOO_LARGE, WIRE_TIMEOUT, DISPATCH_ABORTED. */
export function readBody(
  request: IncomingMessage & { body?: unknown },
  limits: BodyLimits,
  wheel: DeadlineWheel,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (request.body !== undefined && request.readableEnded)
      return resolve(parsedBody(request.body, limits))
    if (isCoded(request))
      throw new AppError('WIRE_UNSUPPORTED_MEDIA', 'the body must not be compressed or coded')
    const declared = Number(request.headers['content-length'] ?? 0)
    if (declared > limits.bytes) throw new AppError('WIRE_TOO_LARGE', tooLarge(limits))
    collect(request, limits, wheel, resolve, reject)
  })
}

// the listeners stay on the request, which ends with its body; once that is over they do nothing
function collect(
  request: IncomingMessage,
  limits: BodyLimits,
  wheel: DeadlineWheel,
  resolve: (body: Buffer) => void,
  reject: (error: AppError) => void,
): void {
  const chunks: Buffer[] = []
  let length = 0
  let over = false
  const end = () => {
    if (over) return false
    over = true
    wheel.disarm(deadline)
    return true
  }
  const fail = (code: ErrorCode, what: string) => {
    if (!end()) return
    // the rest of the body is not ours to wait for
    request.pause()
    reject(new AppError(code, what))
  }
  const deadline = wheel.arm(limits.timeout, () =>
    fail('WIRE_TIMEOUT', `the body did not arrive within ${limits.timeout} ms`),
  )
  const broken = () => fail('DISPATCH_ABORTED', 'the client broke off')
  request.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > limits.bytes) fail('WIRE_TOO_LARGE', tooLarge(limits))
    else chunks.push(chunk)
  })
  request.on('end', () => {
    const [first] = chunks
    if (end()) resolve(first && chunks.length === 1 ? first : Buffer.concat(chunks, length))
  })
  request.on('error', broken)
  request.on('close', broken)
}

// nothing here decodes: whoever stands before us and does would read another message than we do
function isCoded({ headers }: IncomingMessage): boolean {
  const content = headers['content-encoding']
  const transfer = headers['transfer-encoding']
  return (
    (content !== undefined && content.trim().toLowerCase() !== 'identity') ||
    (transfer !== undefined && transfer.trim().toLowerCase() !== 'chunked')
  )
}

// behind express.json() the original bytes are gone, and with them any duplicate member: the parser there decided
function parsedBody(body: unknown, limits: BodyLimits): Buffer {
  const bytes = Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  if (bytes.length > limits.bytes) throw new AppError('WIRE_TOO_LARGE', tooLarge(limits))
  return bytes
}

function tooLarge(limits: BodyLimits): string {
  return `the body is larger than ${limits.bytes} bytes`
}
