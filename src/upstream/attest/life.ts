// How long one connection may be waited for: until its time is over, whoever wants it has gone, or it has ended by itself.
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../base/clock.ts'
import { AppError, isAppError, messageOf } from '../../base/errors.ts'

export interface LifeOptions {
  readonly clock: Clock
  /** Milliseconds for all that is done on the connection. */
  readonly timeout: number
  readonly signal?: AbortSignal | undefined
}

export class Life {
  readonly #socket: TLSSocket
  readonly #over = Promise.withResolvers<never>()
  #fault: AppError | undefined
  #release: () => void

  constructor(socket: TLSSocket, { clock, timeout, signal }: LifeOptions) {
    this.#socket = socket
    const late = () =>
      this.end(new AppError('UPSTREAM_TIMEOUT', `the server did not answer within ${timeout} ms`))
    const gone = () => this.end(new AppError('DISPATCH_ABORTED', 'the connection was given up'))
    const cancel = clock.after(timeout, late)
    signal?.addEventListener('abort', gone, { once: true })
    this.#release = () => {
      cancel()
      signal?.removeEventListener('abort', gone)
    }
    this.#over.promise.catch(() => {})
    socket.on('error', (error) => this.end(unreachable(error)))
    socket.on('close', () => this.end(closed()))
    if (signal?.aborted) gone()
  }

  /** Why it is over; the first reason stays. */
  get fault(): AppError | undefined {
    return this.#fault
  }

  end(fault: AppError = closed()): void {
    if (this.#fault) return
    this.#fault = fault
    this.#release()
    this.#over.reject(fault)
    this.#socket.destroy()
  }

  /** Rejects with an AppError, also when it is over before the work is. */
  async within<T>(work: Promise<T>): Promise<T> {
    try {
      return await Promise.race([work, this.#over.promise])
    } catch (error) {
      throw isAppError(error) ? error : (this.#fault ?? unreachable(error))
    }
  }
}

function closed(): AppError {
  return new AppError('UPSTREAM_UNAVAILABLE', 'the server ended the connection')
}

function unreachable(cause: unknown): AppError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : messageOf(cause)
  return new AppError('UPSTREAM_UNAVAILABLE', `the server could not be reached: ${code}`, { cause })
}
