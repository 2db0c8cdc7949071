// The GET streams of a legacy session: the standing one for what belongs to no call, and the taking up of a call's own; sessions are opened elsewhere.
import type { Call } from '../calls.ts'
import { backoffDelay } from '../lane.ts'
import type { RestartOptions } from '../options.ts'
import type { TransportDeps } from '../transport.ts'
import type { Exchange } from './exchange.ts'
import type { Headers, HttpCore } from './http.ts'
import { NO_RESUME, type Refusal, type ReplyListener, type Resume } from './reply.ts'

/** How often one call's stream is taken up again before it is given up. */
const RESUMES = 5
const RETRY_MS = 1000
/** A server may ask for shorter or longer waits than these, but does not get them. */
const LEAST_RETRY_MS = 20
const MOST_RETRY_MS = 60_000

function openStream(
  core: HttpCore,
  session: Headers,
  lastEventId: string | undefined,
  listener: ReplyListener,
): Exchange {
  const { 'content-type': _, ...headers } = core.headers(undefined, {
    ...session,
    accept: 'text/event-stream',
    ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
  })
  return core.send({ method: 'GET', headers }, listener)
}

function bounded(retry: number): number {
  return Math.min(Math.max(retry, LEAST_RETRY_MS), MOST_RETRY_MS)
}

export interface StandingOptions {
  readonly core: HttpCore
  readonly deps: TransportDeps
  readonly restart: RestartOptions
  readonly session: Headers
  /** A stream that had been there was refused. */
  refused(refusal: Refusal): void
}

/** Opens the standing stream and again, with back-off, when it ends. Returns what ends it. */
export function keepStream(options: StandingOptions): () => void {
  const { core, deps, restart, session } = options
  let stream: Exchange | undefined
  let cancel = () => {}
  let ended = false
  let offered = false
  let failures = 0
  let lastEventId: string | undefined

  function again(resume: Resume): void {
    offered = true
    failures++
    lastEventId = resume.lastEventId ?? lastEventId
    const wait = backoffDelay(failures, restart, 0.5)
    // the server's own wish counts for a stream that worked
    const wish = failures === 1 && resume.retry !== undefined ? bounded(resume.retry) : wait
    cancel = deps.clock.after(wish, open)
  }

  function open(): void {
    if (ended) return
    stream = openStream(core, session, lastEventId, {
      message(message) {
        failures = 0
        core.inbox(message)
      },
      end: again,
      failed: (_error, resume) => again(resume),
      refused(refusal) {
        if (refusal.status >= 500) again(NO_RESUME)
        // 405, or any refusal of the first one, says that the server has none
        else if (offered) options.refused(refusal)
      },
    })
  }

  open()
  return () => {
    ended = true
    cancel()
    stream?.abort()
  }
}

/**
 * Takes up the stream of a call that the server closed on purpose, to be polled, or that broke (2025-11-25
 * transports#resumability-and-redelivery, SEP-1699). False: there is no event to go on from, or it was tried too often.
 */
export function resumeCall(
  options: { readonly core: HttpCore; readonly deps: TransportDeps; session(): Headers },
  call: Call,
  resume: Resume,
  attempt = 1,
): boolean {
  const { core, deps } = options
  const { lastEventId } = resume
  if (lastEventId === undefined || attempt > RESUMES) return false
  if (attempt === 1) call.request.onPause?.(resume.retry)
  const goOn = (found: Resume) => {
    if (!core.calls.find(call.id)) return
    const from = { lastEventId: found.lastEventId ?? lastEventId, retry: found.retry }
    if (!resumeCall(options, call, from, attempt + 1)) core.unanswered(call)
  }
  deps.clock.after(bounded(resume.retry ?? RETRY_MS), () => {
    if (!core.calls.find(call.id)) return
    const stream = openStream(core, options.session(), lastEventId, {
      message(message) {
        core.inbox(message, call)
        if (!core.calls.find(call.id)) stream.abort()
      },
      end: goOn,
      failed: (_error, found) => goOn(found),
      refused: () => core.unanswered(call),
    })
    core.track(call, stream)
  })
  return true
}
