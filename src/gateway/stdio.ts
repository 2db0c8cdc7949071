// A client on stdin and stdout: which era each of its messages is of, the one legacy session of the process, and the call to the dispatcher that each becomes.
import { AppError, isAppError } from '../base/errors.ts'
import { FewMap } from '../base/few.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import type { RequestContext } from '../engine/context.ts'
import { joinBatch } from '../wire/batch.ts'
import { checkModernMeta } from '../wire/headers.ts'
import { type LinePeer, type LineService, type Pipes, serveLines } from '../wire/line-service.ts'
import type { LineWriter } from '../wire/line-writer.ts'
import { type Message, readableId, readMessage } from '../wire/message.ts'
import { eraOf, META, MODERN } from '../wire/revision.ts'
import { type Answer, type RpcId, refusalAnswer } from './answer.ts'
import { checkBatchAllowed, dispatchBatch, isBatch } from './batch.ts'
import { dispatchRequest } from './dispatcher.ts'
import { traceOf } from './endpoint/trace.ts'
import { type Call, createExchange, type Exchange, type Outbound, type Room } from './exchange.ts'
import { dispatchMessage } from './incoming.ts'
import { clientOf, createOpenings, openingDenied } from './opening.ts'
import type { Session } from './session.ts'

/** Serves one client until `end`. */
export function serveStdio(room: Room, pipes: Pipes): LineService {
  const { body } = room.current().limits
  return serveLines(pipes, body, (writer) => createConversation(room, writer))
}

/** What conditions and the audit see. */
const SURFACE = 'stdio'

/** One line being worked on. */
interface Turn extends Exchange {
  readonly outbound: Outbound
}

function createConversation(room: Room, writer: LineWriter): LinePeer {
  const openings = createOpenings(room.clock.now)
  const inflight = new FewMap<RpcId, RequestContext>()
  // no relay: in pieces a large result would stand between the messages of others;
  // a request that stands, as subscriptions/listen does, outlives generations
  const outboundOf = (release: () => void): Outbound => ({
    notify: (message) => writer.offer(message),
    async stand() {
      release()
      return { waiting: false, send: (message) => writer.offer(message), close() {} }
    },
  })
  let session: Session | undefined
  /** Messages after an initialize wait for its end: a client need not. */
  let opening: Promise<unknown> | undefined

  async function take(bytes: Buffer): Promise<void> {
    let exchange: Exchange
    try {
      exchange = createExchange(room, SURFACE, undefined)
      // whoever holds the pipes started the process, or was given them by who did
      exchange.identity.principal = exchange.runtime.gate.owner
    } catch (error) {
      return refuseUnread(asFault(error), readableId(bytes, UNREAD))
    }
    const release = exchange.runtime.pin()
    try {
      await answerTo({ ...exchange, outbound: outboundOf(release) }, bytes)
    } finally {
      release()
    }
  }

  async function answerTo(exchange: Turn, bytes: Buffer): Promise<void> {
    const { limits } = exchange.runtime
    let message: Message
    try {
      message = readMessage(bytes, limits)
    } catch (error) {
      if (isBatch(error)) return batch(exchange, bytes)
      return refused(exchange, error, readableId(bytes, limits))
    }
    const { identity } = exchange
    identity.method = message.method ?? ''
    identity.trace = traceOf(message)
    identity.era = eraOf(message, undefined)
    try {
      const answer = await (identity.era === 'modern' ? modern : legacy)(exchange, message)
      if (answer) writer.send(answer.bytes)
    } catch (error) {
      refused(exchange, error, message.id, message.kind === 'request')
    }
  }

  async function modern(exchange: Turn, message: Message): Promise<Answer | undefined> {
    const { identity } = exchange
    checkModernMeta(message)
    const meta = (isObject(message.params?._meta) ? message.params._meta : {}) as JsonObject
    const client = clientOf(meta[META.clientInfo])
    identity.client = client
    identity.sessionLabels = room.labelsOf(identity.principal, client)
    const declared = meta[META.clientCapabilities]
    const asked = isObject(declared) ? (declared as JsonObject) : {}
    const decided = await openings(exchange, { client, revision: MODERN, capabilities: asked })
    if (!('violation' in decided))
      return dispatchMessage(callOf(exchange, message, MODERN, decided.capabilities))
    room.report.finished(exchange, 'denied', decided.violation.code)
    return message.kind === 'request'
      ? openingDenied(callOf(exchange, message, MODERN, asked), decided.violation)
      : undefined
  }

  async function legacy(exchange: Turn, message: Message): Promise<Answer | undefined> {
    if (message.method === 'initialize' && message.kind === 'request')
      return initialize(exchange, message)
    const current = await sessionFor(exchange)
    const { revision, capabilities } = current
    return dispatchMessage(callOf(exchange, message, revision, capabilities, current))
  }

  async function sessionFor({ identity }: Exchange): Promise<Session> {
    await opening
    if (!session)
      throw new AppError(
        'SESSION_REQUIRED',
        'no session is open; send initialize first, or a message of 2026-07-28, which needs none',
      )
    const current = room.sessions.get(session.id, identity.principal)
    identity.session = current.id
    identity.sessionLabels = current.labels
    identity.client = current.client
    return current
  }

  async function initialize(exchange: Turn, message: Message): Promise<undefined> {
    if (session || opening)
      throw new AppError(
        'WIRE_INVALID_REQUEST',
        'the one session of this process is open already; start another process for another',
      )
    const answering: Promise<Answer & { sessionId?: string }> = dispatchRequest(
      callOf(exchange, message, '', {}),
    )
    opening = answering
    const { bytes, sessionId } = await answering
    opening = undefined
    writer.send(bytes)
    if (sessionId === undefined) return undefined
    session = room.sessions.get(sessionId, exchange.identity.principal)
    // what servers say on their own account; not before the client knows that it has a session
    session.streams.add({ waiting: false, send: (message) => writer.offer(message), close() {} })
    return undefined
  }

  async function batch(exchange: Turn, bytes: Buffer): Promise<void> {
    try {
      await opening
      checkBatchAllowed(session?.revision)
      const current = await sessionFor(exchange)
      const { outbound } = exchange
      const outboundOf = () => outbound
      const of = { exchange, session: current, inflight, outboundOf, headers: NO_HEADERS, room }
      const answers = await dispatchBatch(of, bytes, exchange.runtime.limits)
      if (answers.length > 0) writer.send(joinBatch(answers.map(({ bytes }) => bytes)))
    } catch (error) {
      refused(exchange, error, undefined)
    }
  }

  function callOf(
    exchange: Turn,
    message: Message,
    revision: string,
    capabilities: JsonObject,
    of?: Session,
  ): Call {
    const { outbound } = exchange
    const shared = { session: of, inflight, outbound, headers: NO_HEADERS, room }
    return { exchange, message, revision, capabilities, ...shared }
  }

  function refused(
    exchange: Exchange,
    error: unknown,
    id: RpcId | undefined,
    isAnswered = true,
  ): void {
    const fault = asFault(error)
    room.report.raised(exchange, fault, exchange.identity.method || SURFACE)
    room.report.finished(exchange, 'fault', fault.code)
    if (isAnswered) writer.send(refusalAnswer(id, fault, exchange.identity.requestId).bytes)
  }

  function refuseUnread(fault: AppError, id: RpcId | undefined): void {
    room.log.debug({ code: fault.code }, 'a line was not taken')
    writer.send(refusalAnswer(id, fault, room.createId()).bytes)
  }

  return {
    take,
    refuse: refuseUnread,
    // whoever waits for its answer to a question waits in vain
    silent: () => session?.asking?.close(),
    end() {
      for (const request of inflight.values()) request.abort()
      if (session) room.sessions.end(session, 'client')
    },
  }
}

const NO_HEADERS = {}
/** Where there is no configuration any more that says more. */
const UNREAD = { depth: 64 }

function asFault(error: unknown): AppError {
  return isAppError(error)
    ? error
    : new AppError('INTERNAL', 'the gateway failed', { cause: error })
}
