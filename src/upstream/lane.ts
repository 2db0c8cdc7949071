// Keeps one connection up: connect, watch, reconnect with back-off and jitter, give up to on-demand; it knows no transport.
import pTimeout from 'p-timeout'
import type { Clock } from '../base/clock.ts'
import { AppError, isAppError, messageOf } from '../base/errors.ts'
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

export interface Lane {
  readonly state: LaneState
  readonly link: UpstreamLink | undefined
  readonly error: AppError | undefined
  readonly restarts: number
  /** Resolves when the first attempt has ended, well or badly. */
  start(): Promise<void>
  ready(signal?: AbortSignal): Promise<UpstreamLink>
  close(): Promise<void>
}

export interface LaneOptions {
  readonly name: string
  readonly clock: Clock
  readonly random: () => number
  readonly restart: RestartOptions
  /** Hard maximum of one attempt to connect. */
  readonly connectTimeout: number
  connect(signal: AbortSignal): Promise<Connection>
  changed(): void
  restarted(): void
}

/** A call waits for an attempt that is at most this far away; otherwise it fails at once. */
const PATIENCE_MS = 2000
/** How long "does not speak this era" is believed. */
const ABSENT_MS = 10 * 60_000

interface Waiter {
  resolve(link: UpstreamLink): void
  reject(error: unknown): void
}

/** Exponential from `least` to `most`; the upper half of it is random, so that many gateways do not return together. */
export function backoffDelay(failures: number, restart: RestartOptions, random: number): number {
  const full = Math.min(restart.most, restart.least * 2 ** Math.min(failures - 1, 30))
  return Math.round(full / 2 + (full / 2) * random)
}

export function createLane(options: LaneOptions): Lane {
  const { clock, restart } = options
  const waiters = new Set<Waiter>()
  const controller = new AbortController()
  let state: LaneState = 'idle'
  let connection: Connection | undefined
  let error: AppError | undefined
  let failures = 0
  let restarts = 0
  let nextAt = 0
  let cancelTimer = () => {}
  let attempt: Promise<void> | undefined

  function enter(next: LaneState): void {
    state = next
    options.changed()
  }

  function begin(): Promise<void> {
    cancelTimer()
    attempt ??= tryOnce().finally(() => {
      attempt = undefined
    })
    return attempt
  }

  async function tryOnce(): Promise<void> {
    enter('starting')
    try {
      const found = await connectInTime()
      if (controller.signal.aborted) return void (await found.link.close())
      up(found)
    } catch (cause) {
      if (controller.signal.aborted) return
      down(asAppError(options.name, cause))
    }
  }

  function connectInTime(): Promise<Connection> {
    const tries = new AbortController()
    const signal = AbortSignal.any([controller.signal, tries.signal])
    const late = new AppError('UPSTREAM_TIMEOUT', `server ${options.name} did not start in time`)
    const connecting = options.connect(signal)
    return pTimeout(connecting, { milliseconds: options.connectTimeout, message: late }).catch(
      (cause: unknown) => {
        tries.abort(late)
        // if it comes up after all, nobody would own it
        connecting.then((found) => found.link.close()).catch(() => {})
        throw cause
      },
    )
  }

  function up(found: Connection): void {
    connection = found
    error = undefined
    // stable for as long as the longest wait: what comes later starts from the shortest again
    cancelTimer = clock.after(restart.most, () => {
      failures = 0
    })
    void found.lost.then((reason) => {
      if (connection !== found || controller.signal.aborted) return
      down(new AppError('UPSTREAM_UNAVAILABLE', `server ${options.name} was lost: ${reason}`))
    })
    enter('ready')
    for (const waiter of waiters) waiter.resolve(found.link)
    waiters.clear()
  }

  function down(reason: AppError): void {
    const lost = connection
    connection = undefined
    error = reason
    cancelTimer()
    void lost?.link.close().catch(() => {})
    settleDown(reason)
    for (const waiter of waiters) waiter.reject(reason)
    waiters.clear()
  }

  function settleDown(reason: AppError): void {
    if (isAppError(reason, 'UPSTREAM_ERA')) {
      nextAt = clock.now() + ABSENT_MS
      enter('absent')
      return
    }
    failures++
    if (failures > restart.max) {
      nextAt = clock.now() + restart.most
      enter('failed')
      return
    }
    const delay = backoffDelay(failures, restart, options.random())
    nextAt = clock.now() + delay
    cancelTimer = clock.after(delay, again)
    enter('waiting')
  }

  function again(): void {
    restarts++
    options.restarted()
    void begin()
  }

  // resolves false when a call should not wait
  function worthWaiting(): boolean {
    if (state === 'idle') void begin()
    else if (state === 'waiting') return nextAt - clock.now() <= PATIENCE_MS
    else if (state === 'failed' || state === 'absent') {
      if (clock.now() < nextAt) return false
      again()
    }
    return true
  }

  function refusal(): AppError {
    if (state === 'stopped')
      return new AppError('UPSTREAM_UNAVAILABLE', `server ${options.name} is stopped`)
    return error ?? new AppError('UPSTREAM_UNAVAILABLE', `server ${options.name} is not up`)
  }

  return {
    get state() {
      return state
    },
    get link() {
      return connection?.link
    },
    get error() {
      return error
    },
    get restarts() {
      return restarts
    },
    async start() {
      if (state === 'idle') await begin()
      else await attempt
    },
    async ready(signal) {
      if (connection) return connection.link
      if (state === 'stopped' || !worthWaiting()) throw refusal()
      return waitFor(waiters, signal)
    },
    async close() {
      if (state === 'stopped') return
      cancelTimer()
      controller.abort()
      const last = connection
      connection = undefined
      enter('stopped')
      for (const waiter of waiters) waiter.reject(refusal())
      waiters.clear()
      await last?.link.close()
      await attempt
    },
  }
}

function waitFor(waiters: Set<Waiter>, signal: AbortSignal | undefined): Promise<UpstreamLink> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      waiters.delete(waiter)
      reject(new AppError('DISPATCH_ABORTED', 'the caller went away while the server was starting'))
    }
    const waiter: Waiter = {
      resolve(link) {
        signal?.removeEventListener('abort', abort)
        resolve(link)
      },
      reject(error) {
        signal?.removeEventListener('abort', abort)
        reject(error)
      },
    }
    if (signal?.aborted) return abort()
    waiters.add(waiter)
    signal?.addEventListener('abort', abort, { once: true })
  })
}

function asAppError(name: string, cause: unknown): AppError {
  if (isAppError(cause)) return cause
  return new AppError('UPSTREAM_UNAVAILABLE', `server ${name} failed: ${messageOf(cause)}`, {
    cause,
  })
}
