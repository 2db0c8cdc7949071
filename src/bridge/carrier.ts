// Carries each line to the gateway as its own POST, and what comes back to the client: as it came, in both eras.
import type { Clock } from '../base/clock.ts'
import { AppError, isAppError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { elementsOf, joinBatch } from '../wire/batch.ts'
import { HEADERS, modernHeaders } from '../wire/headers.ts'
import type { LinePeer } from '../wire/line-service.ts'
import type { LineWriter } from '../wire/line-writer.ts'
import { type Message, readableId, readMessage } from '../wire/message.ts'
import { errorBytes } from '../wire/reply.ts'
import { eraOf } from '../wire/revision.ts'
import { editMember, splice } from '../wire/splice.ts'
import { createParameters } from './parameters.ts'
import { createBridgeSession } from './session.ts'
import type { Headers, Listener, Outcome, Transfer, Transfers } from './transfer.ts'

export interface Carrier extends LinePeer {
  /** Ends the session at the gateway. */
  close(): Promise<void>
}

type RpcId = string | number

/** A request of the client that has no answer yet. */
interface Flight {
  readonly message: Message
  transfer: Transfer | undefined
  answered: boolean
  /** Nobody waits for the answer any more. */
  cancelled: boolean
}

const DEPTH = { depth: 1000 }
/** How often the stream of one request is taken up again. */
const RESUMES = 5
const LEAST_RETRY = 20
const MOST_RETRY = 60_000
const RETRY = 1000
/** A gateway that has answered may hold its stream open; the connection is wanted back. */
const LINGER = 1000
/** More than a gateway takes. */
const MOST_ELEMENTS = 1000
/** The answers to a batch are held until there are all. */
const MOST_HELD = 64 * 1024 * 1024

export function createCarrier(
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
  transfers: Transfers,
  writer: LineWriter,
): Carrier {
  const toClient: Listener = { message: ({ bytes }) => writer.send(bytes) }
  const session = createBridgeSession({ transfers, clock, log, ...toClient })
  const parameters = createParameters()
  const flights = new Map<RpcId, Flight>()
  /** What needs no answer is taken by the gateway in the order of its coming, and before what comes after it. */
  let before: Promise<void> = Promise.resolve()
  let opening: Promise<unknown> | undefined

  async function take(bytes: Buffer): Promise<void> {
    let message: Message
    try {
      message = readMessage(bytes, DEPTH)
    } catch (error) {
      if (isAppError(error, 'WIRE_BATCH')) return batch(bytes)
      refuse(asFault(error), readableId(bytes, DEPTH))
      return
    }
    if (message.kind === 'request') return ask(message)
    if (message.method === 'notifications/cancelled') {
      const isModern = eraOf(message, undefined) === 'modern'
      cancel(message.params?.requestId, isModern)
      // closing the answer is what cancels in that era; no message says so
      if (isModern) return
    }
    before = before
      .then(() => tell(message))
      .catch((error: unknown) => {
        log.warn({ error: asFault(error).code }, 'a message was not taken')
      })
    await before
  }

  function cancel(id: unknown, isModern: boolean): void {
    const flight = flights.get(id as RpcId)
    if (flight === undefined) return
    flight.cancelled = true
    if (isModern) flight.transfer?.abort()
  }

  async function tell(message: Message): Promise<void> {
    const { bytes, method } = message
    const outcome =
      eraOf(message, undefined) === 'modern'
        ? await transfers.post(bytes, modernHeaders(message), toClient).outcome
        : await inSession((headers) => transfers.post(bytes, headers, toClient))
    if (outcome.kind !== 'ended')
      log.warn({ method, outcome: outcome.kind }, 'a message was not taken')
    if (method === 'notifications/initialized') session.begin()
  }

  async function ask(message: Message): Promise<void> {
    const id = message.id as RpcId
    if (flights.has(id)) {
      refuse(new AppError('WIRE_INVALID_REQUEST', 'a request with this id is in flight'), id)
      return
    }
    const flight: Flight = { message, transfer: undefined, answered: false, cancelled: false }
    flights.set(id, flight)
    try {
      await before
      const outcome = await outcomeOf(flight)
      if (!flight.answered && !flight.cancelled) fail(id, outcome)
    } catch (error) {
      refuse(asFault(error), id)
    } finally {
      flights.delete(id)
    }
  }

  function outcomeOf(flight: Flight): Promise<Outcome> {
    if (eraOf(flight.message, undefined) === 'modern') return modern(flight)
    return flight.message.method === 'initialize' ? initialize(flight) : legacy(flight)
  }

  async function initialize(flight: Flight): Promise<Outcome> {
    const { outcome } = track(flight, session.open(flight.message, listenerFor(flight)))
    opening = outcome
    return outcome
  }

  async function modern(flight: Flight): Promise<Outcome> {
    const { message } = flight
    const post = () => {
      const inputSchema = parameters.schemaFor(message)
      const headers = modernHeaders(message, { inputSchema })
      return track(flight, transfers.post(message.bytes, headers, listenerFor(flight))).outcome
    }
    const outcome = await post()
    if (!isMismatch(outcome) || message.method !== 'tools/call') return outcome
    // the tool wants arguments in headers, and no list has passed by that says so
    return (await parameters.fetch(transfers, message)) ? post() : outcome
  }

  async function legacy(flight: Flight): Promise<Outcome> {
    const { bytes } = flight.message
    const listener = listenerFor(flight)
    let outcome = await inSession((headers) =>
      track(flight, transfers.post(bytes, headers, listener)),
    )
    for (let attempt = 1; attempt <= RESUMES; attempt++) {
      const from = resumeFrom(outcome)
      if (flight.answered || flight.cancelled || from === undefined) return outcome
      await new Promise<void>((resolve) => clock.after(from.wait, resolve))
      const headers = { ...(await session.headers()), [HEADERS.lastEventId]: from.lastEventId }
      outcome = await track(flight, transfers.get(headers, listener)).outcome
    }
    return outcome
  }

  async function inSession(send: (headers: Headers) => Transfer): Promise<Outcome> {
    await opening
    const headers = await session.headers()
    const outcome = await send(headers).outcome
    const again = await session.renewed(outcome, headers)
    return again ? send(await session.headers()).outcome : outcome
  }

  async function batch(bytes: Buffer): Promise<void> {
    await before
    const held: Buffer[] = []
    const answered = new Set<unknown>()
    let size = 0
    const listener: Listener = {
      message({ kind, id, bytes: answer }) {
        if (kind !== 'result' && kind !== 'error') return writer.send(answer)
        answered.add(id)
        size += answer.length
        if (size <= MOST_HELD) held.push(answer)
      },
    }
    const events = { accept: 'text/event-stream' }
    const outcome = await inSession((headers) =>
      transfers.post(bytes, { ...headers, ...events }, listener),
    )
    // whoever asked waits for an answer to each, also when the rest of them was lost
    if (outcome.kind === 'ended' || outcome.kind === 'failed')
      for (const id of requestsOf(bytes))
        if (!answered.has(id)) held.push(refusal(faultOf(outcome), id))
    if (size > MOST_HELD) refuse(new AppError('UPSTREAM_TOO_LARGE', 'the answers are too large'))
    else if (held.length > 0) writer.send(joinBatch(held))
    else if (outcome.kind !== 'ended') fail(undefined, outcome)
  }

  function track(flight: Flight, transfer: Transfer): Transfer {
    flight.transfer = transfer
    return transfer
  }

  function listenerFor(flight: Flight): Listener {
    const { id, method } = flight.message
    return {
      message(message) {
        const isAnswer = message.kind === 'result' || message.kind === 'error'
        if (!isAnswer) return writer.send(message.bytes)
        if (flight.answered || (message.id !== undefined && message.id !== id)) return
        flight.answered = true
        if (method === 'tools/list') parameters.learn(message)
        if (!flight.cancelled) writer.send(withId(message, id))
        clock.after(LINGER, () => flight.transfer?.abort())
      },
    }
  }

  function fail(id: RpcId | undefined, outcome: Outcome): void {
    const { kind } = outcome
    if (kind === 'refused' && outcome.refusal.message)
      writer.send(withId(outcome.refusal.message, id))
    else if (kind !== 'aborted') refuse(faultOf(outcome), id)
  }

  function refuse(fault: AppError, id?: RpcId): void {
    log.debug({ code: fault.code, reason: fault.message }, 'a line was refused')
    writer.send(refusal(fault, id))
  }

  return {
    take,
    refuse,
    room: transfers.room,
    silent() {
      // it stands until somebody ends it, and nobody can any more
      for (const flight of flights.values())
        if (flight.message.method === 'subscriptions/listen') giveUp(flight)
    },
    end() {
      for (const flight of flights.values()) giveUp(flight)
    },
    close: () => session.end(),
  }
}

function giveUp(flight: Flight): void {
  flight.cancelled = true
  flight.transfer?.abort()
}

function resumeFrom(outcome: Outcome): { lastEventId: string; wait: number } | undefined {
  if (outcome.kind !== 'ended' && outcome.kind !== 'failed') return undefined
  const { lastEventId, retry = RETRY } = outcome.resume
  if (lastEventId === undefined) return undefined
  return { lastEventId, wait: Math.min(Math.max(retry, LEAST_RETRY), MOST_RETRY) }
}

function faultOf(outcome: Exclude<Outcome, { kind: 'aborted' }>): AppError {
  switch (outcome.kind) {
    case 'failed':
      return outcome.fault
    case 'ended':
      return new AppError('UPSTREAM_PROTOCOL', 'the gateway ended its answer early')
    case 'refused': {
      const { status } = outcome.refusal
      const code = status === 401 || status === 403 ? 'UPSTREAM_REFUSED' : 'UPSTREAM_UNAVAILABLE'
      return new AppError(code, `the gateway answered with HTTP ${status}`)
    }
  }
}

function refusal({ code, rpc, message, data }: AppError, id: RpcId | undefined): Buffer {
  return errorBytes(id, { code: rpc, message, data: { ...data, code } })
}

/** The ids of the requests of a batch. */
function requestsOf(batch: Buffer): readonly RpcId[] {
  return (elementsOf(batch, MOST_ELEMENTS) ?? []).flatMap((element) => {
    try {
      const { kind, id } = readMessage(element, DEPTH)
      return kind === 'request' ? [id as RpcId] : []
    } catch {
      return []
    }
  })
}

function isMismatch(outcome: Outcome): boolean {
  return outcome.kind === 'refused' && outcome.refusal.message?.error?.code === -32020
}

/** What is said about a message as a whole names it no more than an error page does. */
function withId(message: Message, id: RpcId | undefined): Buffer {
  return message.id !== undefined || id === undefined
    ? message.bytes
    : splice(message.bytes, editMember(message, ['id'], id))
}

function asFault(error: unknown): AppError {
  return isAppError(error) ? error : new AppError('INTERNAL', 'the bridge failed', { cause: error })
}
