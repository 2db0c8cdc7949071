// Every outgoing HTTP request that is not MCP traffic: to granted hosts, at checked addresses, within limits, hop by hop.
import type { Clock } from '../base/clock.ts'
import { AppError, isAppError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Resolve } from './connect.ts'
import { createHostList, hostOf } from './hosts.ts'
import { createLimit } from './limit.ts'
import { type Pool, Pools } from './pool.ts'
import { checkUrl, prepare } from './prepare.ts'
import { follow } from './redirect.ts'
import { type EgressResponse, type Outgoing, send } from './request.ts'

export type { Resolve } from './connect.ts'
export type { EgressResponse } from './request.ts'

export interface EgressRequest {
  readonly method?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | Uint8Array | undefined
  readonly signal?: AbortSignal | undefined
  /** Milliseconds for everything: resolving, redirects, body. 10 s, at most 120 s. */
  readonly timeout?: number | undefined
  /** Bytes of the response body; 1 MiB. */
  readonly maxBytes?: number | undefined
  /** The caller's own grant; without it nothing is reached. */
  readonly allowed: readonly string[]
  /** False: a redirect is the answer. */
  readonly redirects?: boolean | undefined
}

export interface Egress {
  /** Rejects with AppError EGRESS_REFUSED, or EGRESS_FAILED with the cause. */
  fetch(url: string, request: EgressRequest): Promise<EgressResponse>
  close(): Promise<void>
}

export interface EgressOptions {
  /** `network.allowed_hosts`. */
  readonly allowedHosts: readonly string[]
  readonly clock: Clock
  readonly log: Logger
  /** Replaces the system's resolver. */
  readonly resolve?: Resolve | undefined
  /** PEM of the certificate authorities to trust instead of the system's. */
  readonly ca?: string | undefined
}

const DEFAULT_TIMEOUT = 10_000
const MAX_TIMEOUT = 120_000
const DEFAULT_BYTES = 1024 ** 2
const MAX_REDIRECTS = 5
const MAX_IN_FLIGHT = 256

/** Throws CONFIG_INVALID when a host is malformed. */
export function createEgress(options: EgressOptions): Egress {
  const { clock, log } = options
  const pools = new Pools(createHostList(options.allowedHosts), options)
  let inFlight = 0
  let closed = false

  async function fetch(text: string, request: EgressRequest): Promise<EgressResponse> {
    if (closed) throw new AppError('SHUTTING_DOWN', 'outgoing requests have ended')
    if (inFlight >= MAX_IN_FLIGHT) throw new AppError('EGRESS_FAILED', 'too many outgoing requests')
    const outgoing = prepare(text, request)
    const pool = pools.for(request.allowed)
    const timeout = Math.min(request.timeout ?? DEFAULT_TIMEOUT, MAX_TIMEOUT)
    const limit = createLimit(timeout, request.signal, clock)
    inFlight++
    try {
      const answer = run(outgoing, pool, limit.signal, {
        maxBytes: request.maxBytes ?? DEFAULT_BYTES,
        redirects: request.redirects ?? true,
      })
      return await Promise.race([answer, limit.over])
    } catch (error) {
      const host = hostOf(outgoing.url)
      const fault = limit.expired ? timedOut(host, timeout) : asFault(error, host)
      log.warn({ host, code: fault.code, reason: fault.message }, 'outgoing request failed')
      throw fault
    } finally {
      inFlight--
      limit.end()
    }
  }

  return {
    fetch,
    close() {
      closed = true
      return pools.close()
    },
  }
}

async function run(
  outgoing: Outgoing,
  pool: Pool,
  signal: AbortSignal,
  { maxBytes, redirects }: { readonly maxBytes: number; readonly redirects: boolean },
): Promise<EgressResponse> {
  let current = outgoing
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    checkUrl(current.url, pool.reach)
    const response = await send(current, pool.agent, signal, maxBytes)
    const next = redirects ? follow(current, response) : null
    if (!next) return response
    current = next
  }
  throw new AppError('EGRESS_FAILED', `more than ${MAX_REDIRECTS} redirects`)
}

function timedOut(host: string, timeout: number): AppError {
  return new AppError('EGRESS_FAILED', `${host} did not answer within ${timeout} ms`, {
    data: { host },
  })
}

function asFault(error: unknown, host: string): AppError {
  if (isAppError(error)) return error
  const message = `the request to ${host} failed`
  return new AppError('EGRESS_FAILED', message, { cause: error, data: { host } })
}
