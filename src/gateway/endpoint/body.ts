// The bytes of a request body: ours to read, bounded in size and time; what an application in front of us parsed is accepted.
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'

export interface BodyLimits {
  readonly bytes: number
  /** Milliseconds for the whole body. */
  readonly timeout: number
}

/** Throws WIRE_UNSUPPORTED_MEDIA, WIRE_TOO_LARGE, WIRE_TIMEOUT, DISPATCH_ABORTED. */
export function readBody(
  request: IncomingMessage & { body?: unknown },
  limits: BodyLimits,
  clock: Clock,
): Promise<Buffer> {
  if (request.body !== undefined && request.readableEnded)
    return Promise.resolve(parsedBody(request.body, limits))
  if (isCoded(request))
    return Promise.reject(
      new AppError('WIRE_UNSUPPORTED_MEDIA', 'the body must not be compressed or coded'),
    )
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > limits.bytes) return Promise.reject(tooLarge(limits))
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const cancel = clock.after(limits.timeout, () =>
      fail(new AppError('WIRE_TIMEOUT', `the body did not arrive within ${limits.timeout} ms`)),
    )
    const stop = () => {
      cancel()
      request.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose)
    }
    const fail = (error: AppError) => {
      stop()
      // the rest of the body is not ours to wait for
      request.pause()
      reject(error)
    }
    const onData = (chunk: Buffer) => {
      length += chunk.length
      if (length > limits.bytes) fail(tooLarge(limits))
      else chunks.push(chunk)
    }
    const onEnd = () => {
      stop()
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length))
    }
    const onError = () => fail(new AppError('DISPATCH_ABORTED', 'the client broke off'))
    const onClose = onError
    request.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
  })
}

// nothing here decodes: whoever stands before us and does would read another message than we do
function isCoded({ headers }: IncomingMessage): boolean {
  const content = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  const transfer = headers['transfer-encoding']?.trim().toLowerCase() ?? 'chunked'
  return content !== 'identity' || transfer !== 'chunked'
}

// behind express.json() the original bytes are gone, and with them any duplicate member: the parser there decided
function parsedBody(body: unknown, limits: BodyLimits): Buffer {
  const bytes = Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  if (bytes.length > limits.bytes) throw tooLarge(limits)
  return bytes
}

function tooLarge(limits: BodyLimits): AppError {
  return new AppError('WIRE_TOO_LARGE', `the body is larger than ${limits.bytes} bytes`)
}
