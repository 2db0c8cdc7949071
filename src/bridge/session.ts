// The legacy session that a bridge keeps at the gateway: opened by the client's initialize, renewed when it is lost, its stream held open.
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { isObject } from '../base/json.ts'
import type { Logger } from '../base/log.ts'
import { HEADERS } from '../wire/headers.ts'
import { type Message, makeNotification } from '../wire/message.ts'
import type { Headers, Listener, Outcome, Transfer, Transfers } from './transfer.ts'

export interface BridgeSession {
  /** The client's initialize; it is kept, so that a lost session can be opened again. */
  open(message: Message, listener: Listener): Transfer
  /** The client is ready: from now on it hears what servers say on their own account. */
  begin(): void
  /** Headers of a message in the session; once a renewal that is under way has ended. */
  headers(): Promise<Headers>
  /** True: the session was lost, there is a new one, and the message may be sent again, which was not taken. */
  renewed(outcome: Outcome, sent: Headers): Promise<boolean>
  end(): Promise<void>
}

export interface SessionDeps {
  readonly transfers: Transfers
  readonly clock: Clock
  readonly log: Logger
  /** A message for the client that belongs to no request of it. */
  message(message: Message): void
}

/** A stream that broke is taken up again after a while, which grows when it breaks again. */
const LEAST_WAIT = 500
const MOST_WAIT = 30_000
const DELETE_MS = 1000
/** A visible-ASCII session id, no longer than any header may be. */
const SESSION_ID = /^[\x21-\x7e]{1,1024}$/

export function createBridgeSession(deps: SessionDeps): BridgeSession {
  const { transfers, clock, log } = deps
  let opened: Message | undefined
  let isOpening = false
  let current: Headers = {}
  let renewal: Promise<boolean> | undefined
  let stream: Transfer | undefined
  let begun = false
  let ended = false

  function open(message: Message, listener: Listener): Transfer {
    let id: string | undefined
    return transfers.post(
      message.bytes,
      {},
      {
        head(headers) {
          id = headers[HEADERS.session]?.toString()
        },
        message(answer) {
          if (answer.kind === 'result' && answer.id === message.id) adopt(message, answer, id)
          listener.message(answer)
        },
      },
    )
  }

  function adopt(message: Message, answer: Message, id: string | undefined): void {
    const revision = isObject(answer.result) ? answer.result.protocolVersion : undefined
    opened = message
    current = {
      ...(typeof revision === 'string' && SESSION_ID.test(revision)
        ? { [HEADERS.version]: revision }
        : {}),
      ...(id !== undefined && SESSION_ID.test(id) ? { [HEADERS.session]: id } : {}),
    }
  }

  async function listen(session: Headers): Promise<void> {
    let wait = LEAST_WAIT
    let lastEventId: string | undefined
    while (!ended && session === current) {
      const from: Headers = lastEventId === undefined ? {} : { [HEADERS.lastEventId]: lastEventId }
      stream = transfers.get(
        { ...session, ...from },
        {
          message(message) {
            wait = LEAST_WAIT
            deps.message(message)
          },
        },
      )
      const outcome = await stream.outcome
      if (outcome.kind === 'aborted') return
      if (outcome.kind !== 'refused') lastEventId = outcome.resume.lastEventId ?? lastEventId
      else if (isLoss(outcome, session)) return void (await renewed(outcome, session))
      // 405 and the like: there is no such stream
      else if (outcome.refusal.status < 500) return
      await new Promise<void>((resolve) => clock.after(wait, resolve))
      wait = Math.min(wait * 2, MOST_WAIT)
    }
  }

  function isLoss(outcome: Outcome, sent: Headers): boolean {
    return (
      outcome.kind === 'refused' &&
      outcome.refusal.status === 404 &&
      sent[HEADERS.session] !== undefined
    )
  }

  async function renewed(outcome: Outcome, sent: Headers): Promise<boolean> {
    if (ended || !isLoss(outcome, sent)) return false
    // somebody else may have met the loss before
    if (sent[HEADERS.session] !== current[HEADERS.session]) return true
    renewal ??= renew().finally(() => {
      renewal = undefined
    })
    return renewal
  }

  async function renew(): Promise<boolean> {
    if (!opened) return false
    log.info({}, 'the gateway does not know the session; a new one is opened')
    stream?.abort()
    const lost = current
    const outcome = await open(opened, { message() {} }).outcome
    if (current === lost) {
      log.warn({ outcome: outcome.kind }, 'no new session could be opened')
      return false
    }
    const initialized = makeNotification('notifications/initialized').bytes
    await transfers.post(initialized, current, { message() {} }).outcome
    if (begun) void listen(current)
    return true
  }

  return {
    open(message, listener) {
      if (opened || isOpening)
        throw new AppError(
          'WIRE_INVALID_REQUEST',
          'the one session of this process is open already; start another process for another',
        )
      isOpening = true
      const transfer = open(message, listener)
      void transfer.outcome.then(() => {
        isOpening = false
      })
      return transfer
    },
    begin() {
      if (begun || !opened) return
      begun = true
      void listen(current)
    },
    async headers() {
      await renewal
      return current
    },
    renewed,
    async end() {
      ended = true
      stream?.abort()
      if (current[HEADERS.session] === undefined) return
      const goodbye = transfers.delete(current)
      const cancel = clock.after(DELETE_MS, goodbye.abort)
      await goodbye.outcome
      cancel()
    },
  }
}
