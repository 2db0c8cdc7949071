// Keeps one connection up: connect, watch, reconnect with back-off and jitter, give up to on-demand; it knows no transport.
import pTimeout from 'p-timeout'
import type { Clock } from '../base/clock.ts'
import { AppError, isAppError, messageOf } from '../base/errors.ts'
import type { Doorway } from './admission/door.ts'
import type { UpstreamLink } from './client.ts'
import type { RestartOptions } from './options.ts'

export interface Connection {
  readonly link: UpstreamLink
  /** Resolves with a reason, fit to show, when the connection is lost; not when it is closed. */
  readonly lost: Promise<string>
  /** Milliseconds since the server was last heard of; 0 while calls are under way. */
  idle(): number
  /** Gives the connection up; it is lost then. */
  drop(reason: string): void
}

/**
 * `idle` was never started; `waiting` tries again by itself; `failed` only when somebody asks;
 * `absent` is up but does not speak this era.
 */
export type LaneState = 'idle' | 'starting' | 'ready' | 'waiting' | 'failed' | 'absent' | 'stopped'

export interface LaneOptions {
  readonly name: string
  /** Nothing is begun while it is shut. */
  readonly door: Doorway
  readonly clock: Clock
  readonly random: () => number
  readonly restart: RestartOptions
  /** Hard maximum of one attempt to connect. */
  readonly connectTimeout: number
  /** Look again by itself when the evidence that the era is absent has grown old. */
  readonly recheck: boolean
  connect(signal: AbortSignal): Promise<Connection>
  changed(): void
  restarted(): void
}

/** A call waits for an attempt that is at most this far away; otherwise it fails at once. */
const PATIENCE_MS = 2000
/** How long "does not speak this era" is believed. */
const ABSENT_MS = 10 * 60_000

/** Exponential from `least` to `most`; the upper half of it is random, so that many gateways do not return together. */
export function backoffDelay(failures: number, restart: RestartOptions, random: number): number {
  const full = Math.min(restart.most, restart.least * 2 ** Math.min(failures - 1, 30))
  return Math.round(full / 2 + (full / 2) * random)
}

export class Lane {
  readonly #options: LaneOptions
  readonly #waiters = new Set<PromiseWithResolvers<UpstreamLink>>()
  readonly #controller = new AbortController()
  #state: LaneState = 'idle'
  #connection: Connection | undefined
  #error: AppError | undefined
  #failures = 0
  #restarts = 0
  #nextAt = 0
  #cancelTimer = () => {}
  #attempt: Promise<void> | undefined

  constructor(options: LaneOptions) {
    this.#options = options
  }

  get state(): LaneState {
    return this.#state
  }

  get link(): UpstreamLink | undefined {
    return this.#connection?.link
  }

  get error(): AppError | undefined {
    return this.#error
  }

  get restarts(): number {
    return this.#restarts
  }

  /** Resolves when the first attempt has ended, well or badly. Looks again for an era that was absent. */
  async start(): Promise<void> {
    if (this.#state === 'idle' || this.#state === 'absent') await this.#begin()
    else await this.#attempt
  }

  /** Waits for an attempt that is under way or near; rejects with what the last one failed of. */
  async ready(signal?: AbortSignal): Promise<UpstreamLink> {
    if (this.#connection) return this.#connection.link
    if (!this.#worthWaiting()) throw this.#refusal()
    return waitIn(this.#waiters, signal)
  }

  async close(): Promise<void> {
    if (this.#state === 'stopped') return this.#attempt
    this.#cancelTimer()
    this.#controller.abort()
    const last = this.#connection
    this.#connection = undefined
    this.#enter('stopped')
    this.#settle((waiter) => waiter.reject(this.#refusal()))
    await last?.link.close()
    await this.#attempt
  }

  #enter(next: LaneState): void {
    this.#state = next
    this.#options.changed()
  }

  #begin(): Promise<void> {
    this.#cancelTimer()
    this.#attempt ??= this.#tryOnce().finally(() => {
      this.#attempt = undefined
    })
    return this.#attempt
  }

  async #tryOnce(): Promise<void> {
    this.#enter('starting')
    const { signal } = this.#controller
    try {
      const found = await this.#connectInTime()
      if (signal.aborted) await found.link.close()
      else this.#up(found)
    } catch (cause) {
      if (!signal.aborted) this.#down(asAppError(this.#options.name, cause))
    }
  }

  async #connectInTime(): Promise<Connection> {
    const { name, connectTimeout: milliseconds, door } = this.#options
    if (door.refusal) throw door.refusal
    const tries = new AbortController()
    const signal = AbortSignal.any([this.#controller.signal, tries.signal])
    const message = new AppError('UPSTREAM_TIMEOUT', `server ${name} did not start in time`)
    const connecting = this.#options.connect(signal)
    try {
      return await pTimeout(connecting, { milliseconds, message })
    } catch (cause) {
      tries.abort(cause)
      // if it comes up after all, nobody would own it
      connecting.then((found) => found.link.close()).catch(() => {})
      throw cause
    }
  }

  #up(found: Connection): void {
    const { clock, restart, name } = this.#options
    this.#connection = found
    this.#error = undefined
    // stable for as long as the longest wait: what comes later starts from the shortest again
    this.#cancelTimer = clock.after(restart.most, () => {
      this.#failures = 0
    })
    void found.lost.then((reason) => {
      if (this.#connection === found)
        this.#down(new AppError('UPSTREAM_UNAVAILABLE', `server ${name} was lost: ${reason}`))
    })
    this.#enter('ready')
    this.#settle((waiter) => waiter.resolve(found.link))
  }

  #down(reason: AppError): void {
    const lost = this.#connection
    this.#connection = undefined
    this.#error = reason
    this.#cancelTimer()
    // what is left of it is released while the next one may start
    void lost?.link.close().catch(() => {})
    this.#enter(this.#plan(reason))
    this.#settle((waiter) => waiter.reject(reason))
  }

  /** When it is tried next, and who starts that. */
  #plan(reason: AppError): LaneState {
    const { clock, restart, random } = this.#options
    if (isAppError(reason, 'UPSTREAM_ERA')) {
      this.#nextAt = clock.now() + ABSENT_MS
      if (this.#options.recheck)
        this.#cancelTimer = clock.after(ABSENT_MS, () => void this.#begin())
      return 'absent'
    }
    this.#failures++
    if (this.#failures > restart.max) {
      this.#nextAt = clock.now() + restart.most
      return 'failed'
    }
    const delay = backoffDelay(this.#failures, restart, random())
    this.#nextAt = clock.now() + delay
    this.#cancelTimer = clock.after(delay, () => this.#again())
    return 'waiting'
  }

  #again(): void {
    this.#restarts++
    this.#options.restarted()
    void this.#begin()
  }

  /** Starts an attempt when it is due; false when a call should not wait. */
  #worthWaiting(): boolean {
    const wait = this.#nextAt - this.#options.clock.now()
    switch (this.#state) {
      case 'idle':
        void this.#begin()
        return true
      case 'starting':
        return true
      case 'waiting':
        return wait <= PATIENCE_MS
      case 'failed':
      case 'absent':
        if (wait > 0) return false
        if (this.#state === 'absent') void this.#begin()
        else this.#again()
        return true
      default:
        return false
    }
  }

  #settle(tell: (waiter: PromiseWithResolvers<UpstreamLink>) => void): void {
    for (const waiter of this.#waiters) tell(waiter)
    this.#waiters.clear()
  }

  #refusal(): AppError {
    const { name, door } = this.#options
    if (this.#state === 'stopped')
      return door.refusal ?? new AppError('UPSTREAM_UNAVAILABLE', `server ${name} is stopped`)
    return this.#error ?? new AppError('UPSTREAM_UNAVAILABLE', `server ${name} is not up`)
  }
}

async function waitIn(
  waiters: Set<PromiseWithResolvers<UpstreamLink>>,
  signal: AbortSignal | undefined,
): Promise<UpstreamLink> {
  const gone = () =>
    new AppError('DISPATCH_ABORTED', 'the caller went away while the server was starting')
  if (signal?.aborted) throw gone()
  const waiter = Promise.withResolvers<UpstreamLink>()
  const abort = () => {
    waiters.delete(waiter)
    waiter.reject(gone())
  }
  waiters.add(waiter)
  signal?.addEventListener('abort', abort, { once: true })
  try {
    return await waiter.promise
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

function asAppError(name: string, cause: unknown): AppError {
  if (isAppError(cause)) return cause
  return new AppError('UPSTREAM_UNAVAILABLE', `server ${name} failed: ${messageOf(cause)}`, {
    cause,
  })
}
