// Batches of revision 2025-03-26: read whole before anything happens, then each element is a call of its own to the one dispatcher.
import { AppError, isAppError } from '../base/errors.ts'
import type { FewMap } from '../base/few.ts'
import { RequestContext } from '../engine/context.ts'
import { elementsOf } from '../wire/batch.ts'
import type { HeaderBag } from '../wire/header-value.ts'
import { type Message, readableId, readMessage } from '../wire/message.ts'
import { eraOf, isLegacyRevision, REVISIONS } from '../wire/revision.ts'
import type { ScanLimits } from '../wire/scan.ts'
import { type Answer, faultAnswer, type RpcId, refusalAnswer } from './answer.ts'
import { traceOf } from './endpoint/trace.ts'
import type { Call, Exchange, Outbound, Room } from './exchange.ts'
import { dispatchMessage } from './incoming.ts'
import type { Session } from './session.ts'

/** Each element is worth a request; more of them than this are sent in several batches. */
export const MAX_ELEMENTS = 32

/** A message, or why it is none that could be taken. */
type Element =
  | { readonly message: Message }
  | { readonly fault: AppError; readonly id: RpcId | undefined }

export interface Batch {
  /** Of the batch as a whole. */
  readonly exchange: Exchange
  readonly session: Session
  readonly inflight?: FewMap<RpcId, RequestContext>
  /** For what is said while one element is worked on. */
  readonly outboundOf: (exchange: Exchange) => Outbound
  readonly headers: HeaderBag
  readonly room: Room
}

export function isBatch(error: unknown): boolean {
  return isAppError(error, 'WIRE_BATCH')
}

/** Throws WIRE_BATCH: there is no session, or its revision knows no batches. */
export function checkBatchAllowed(revision: string | undefined): void {
  if (isLegacyRevision(revision) && REVISIONS[revision].batches) return
  throw new AppError(
    'WIRE_BATCH',
    'batches are of revision 2025-03-26 only; send one message per request',
  )
}

/** The answer to one element. */
export interface ElementAnswer {
  readonly exchange: Exchange
  readonly bytes: Buffer
}

/**
 * The answers to the elements that have one, in their order. Rejects with WIRE_INVALID_REQUEST, before anything was done, when the
 * batch is none as a whole. `bytes` are what `readMessage` has found to be a batch.
 */
export async function dispatchBatch(
  batch: Batch,
  bytes: Buffer,
  limits: ScanLimits & { readonly response: number },
): Promise<readonly ElementAnswer[]> {
  const elements = readElements(bytes, limits)
  let left = limits.response
  const answering = elements.map(async (element) => {
    const exchange = exchangeOf(batch, element)
    const answer = await whileWanted(batch, exchange, () => answerTo(batch, exchange, element))
    if (answer === undefined) return undefined
    // together they are one answer, so they have the room of one
    if (answer.bytes.length > left)
      return { exchange, bytes: withheld(batch.room, exchange, element) }
    left -= answer.bytes.length
    return { exchange, bytes: answer.bytes }
  })
  const answers = await Promise.all(answering)
  return answers.filter((answer) => answer !== undefined)
}

/** An element is given up with its batch. */
async function whileWanted<T>(batch: Batch, { request }: Exchange, work: () => T): Promise<T> {
  const whole = batch.exchange.request
  const gone = { interrupt: () => request.abort() }
  if (whole.aborted) request.abort()
  else whole.enter(gone)
  try {
    return await work()
  } finally {
    whole.leave(gone)
  }
}

function readElements(bytes: Buffer, limits: ScanLimits): readonly Element[] {
  const slices = elementsOf(bytes, MAX_ELEMENTS)
  if (slices === undefined)
    throw wrong(`the batch has more than ${MAX_ELEMENTS} elements; send it in parts`)
  if (slices.length === 0) throw wrong('the batch is empty')
  const elements = slices.map((slice) => readElement(slice, limits))
  const ids = elements.flatMap(requestId)
  if (new Set(ids).size < ids.length) throw wrong('two requests of the batch have the same id')
  return elements
}

function readElement(slice: Buffer, limits: ScanLimits): Element {
  let message: Message
  try {
    message = readMessage(slice, limits)
  } catch (error) {
    // a batch in a batch is no message either
    const fault = isBatch(error) || !isAppError(error) ? wrong('the element is no message') : error
    return { fault, id: readableId(slice, limits) }
  }
  if (message.method === 'initialize')
    return { fault: notHere('initialize is not part of a batch; send it alone'), id: message.id }
  if (eraOf(message, undefined) === 'modern')
    return { fault: notHere('the revision of the element knows no batches'), id: message.id }
  return { message }
}

function requestId(element: Element): (string | number)[] {
  const id = idOf(element)
  const asks = !('message' in element) || element.message.kind === 'request'
  return asks && id !== undefined ? [id] : []
}

function idOf(element: Element): RpcId | undefined {
  return 'message' in element ? element.message.id : element.id
}

/** As the batch came, with a request id and a method of its own; what the http points labelled is labelled for each. */
function exchangeOf({ exchange, room }: Batch, element: Element): Exchange {
  const message = 'message' in element ? element.message : undefined
  const identity = {
    ...exchange.identity,
    requestId: room.createId(),
    method: message?.method ?? '',
    trace: exchange.identity.trace ?? (message ? traceOf(message) : undefined),
  }
  const request = new RequestContext(identity)
  const kept = identity.sessionLabels?.values
  for (const label of exchange.request.labels) if (!kept?.has(label)) request.addLabel(label)
  return {
    identity,
    request,
    runtime: exchange.runtime,
    startedAt: room.clock.now(),
    decided: false,
  }
}

function answerTo(
  { session, inflight, outboundOf, headers, room }: Batch,
  exchange: Exchange,
  element: Element,
): Promise<Answer | undefined> {
  if ('fault' in element) {
    const { fault, id } = element
    room.report.raised(exchange, fault, 'batch')
    room.report.finished(exchange, 'fault', fault.code)
    return Promise.resolve(refusalAnswer(id, fault, exchange.identity.requestId))
  }
  const { revision, capabilities } = session
  const of = { revision, capabilities, session, ...(inflight ? { inflight } : {}) }
  const outbound = outboundOf(exchange)
  const call: Call = { exchange, message: element.message, ...of, outbound, headers, room }
  return dispatchMessage(call)
}

function withheld(room: Room, exchange: Exchange, element: Element): Buffer {
  const what = 'the answers to the batch are together larger than limits.response'
  const fault = new AppError('UPSTREAM_TOO_LARGE', what)
  const { requestId, era } = exchange.identity
  room.report.raised(exchange, fault, 'batch')
  return faultAnswer(idOf(element), fault, requestId, era).bytes
}

function wrong(what: string): AppError {
  return new AppError('WIRE_INVALID_REQUEST', what)
}

function notHere(what: string): AppError {
  return new AppError('WIRE_BATCH', what)
}
