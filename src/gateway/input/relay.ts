// A request of a server on its way to a client of the legacy era and back: policies see both, ids are the gateway's own.
import { type Caller, Cancellation } from '../../base/caller.ts'
import { AppError, isAppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { StampedViolation } from '../../engine/verdict.ts'
import type { ServerRequest, Upstream } from '../../upstream/client.ts'
import { type Message, makeNotification, type RpcError } from '../../wire/message.ts'
import { errorBytes, resultBytes, rpcErrorOf } from '../../wire/reply.ts'
import { type Edit, editMember, splice, valueEdit } from '../../wire/splice.ts'
import { POLICY_DENIED } from '../answer.ts'
import {
  type Call,
  derivedRequest,
  type Exchange,
  type Room,
  sessionExchange,
} from '../exchange.ts'
import type { Runtime } from '../runtime.ts'
import type { Session } from '../session.ts'
import { sendToSession } from '../stream/resumption.ts'
import { createAsking } from './asking.ts'
import { type InputContext, inspectAnswer, inspectRequest } from './inspect.ts'
import { INPUT_KINDS, type InputKind } from './kinds.ts'

/** The client of a session, as one server reaches it. */
export interface Route {
  readonly room: Room
  readonly runtime: Runtime
  readonly session: Session
  readonly server: string
  /** Whose going away withdraws the question, besides the server's; undefined: nobody's. */
  readonly caller: Caller | undefined
  /** What policies see of the request; made anew for each. */
  exchange(method: string): Exchange
  /**
   * Hands a message to the client: on the stream of the call it belongs to, else on any other of the session. `dropped`: a
   * policy on the stream did not let it through after all.
   */
  send(message: Buffer, dropped?: () => void): boolean
}

/**
 * The way to a session's client for what a server asks on a connection of the session's own without saying for which call: for
 * the only one it works on, or for none.
 */
export function sessionRoute(room: Room, session: Session, upstream: Upstream): Route {
  const calls = session.routes.values().filter(({ server }) => server === upstream.name)
  const [only] = calls
  if (only && calls.length === 1) return only
  return {
    room,
    runtime: room.current(),
    session,
    server: upstream.name,
    caller: undefined,
    exchange: (method) => sessionExchange(room, session, method, upstream),
    send: (message, dropped) =>
      sendToSession(session, message, dropped) || calls.some((call) => call.send(message, dropped)),
  }
}

/** The way to the client of a call: on the call's own stream where it can have one. */
export function callRoute(call: Call, session: Session, upstream: Upstream): Route {
  const { exchange, room, outbound } = call
  return {
    room,
    runtime: exchange.runtime,
    session,
    server: upstream.name,
    caller: exchange.request,
    exchange: (method) => ({ ...exchange, request: derivedRequest(exchange, method, upstream) }),
    send: (message, dropped) =>
      outbound.notify(message, dropped) || sendToSession(session, message, dropped),
  }
}

/** What became of a question. */
export type Relayed =
  | { readonly kind: 'result'; readonly result: JsonObject; readonly message?: Message }
  | { readonly kind: 'error'; readonly error: RpcError }
  | { readonly kind: 'denied'; readonly violation: StampedViolation }
  | { readonly kind: 'failed'; readonly fault: AppError; readonly exchange: Exchange }

/** A whole answer with the id of the server's message; never rejects. */
export async function relayRequest(route: Route, asked: ServerRequest): Promise<Uint8Array> {
  const id = asked.message.id as string | number
  const relayed = await relay(route, asked)
  if (relayed.kind === 'error') return errorBytes(id, relayed.error)
  if (relayed.kind === 'failed') return failure(id, route, relayed)
  if (relayed.kind === 'denied') return refusal(id, asked.message.method, relayed.violation)
  const { message, result } = relayed
  return message ? splice(message.bytes, idEdit(message, id)) : resultBytes(id, result)
}

/** Policies, the client, policies; never rejects. `seen`: its pre-point has passed already. */
export async function relay(route: Route, asking: Question, seen?: 'seen'): Promise<Relayed> {
  const { message } = asking
  const kind = INPUT_KINDS.get(message.method ?? '')
  const params = (isObject(message.params) ? message.params : {}) as JsonObject
  if (!kind?.declared(route.session.capabilities, params)) return UNDECLARED
  const { runtime, server } = route
  const exchange = route.exchange(kind.method)
  const context = { runtime, server, request: exchange.request }
  // the answer may come after a reload, and when the call has ended: its policies must still be there
  const release = runtime.pin()
  try {
    const asked = seen ? PASSED : await inspectRequest(context, kind, params, message.bytes.length)
    if (asked.kind === 'denied') return asked
    if (asked.kind === 'answered') return { kind: 'result', result: asked.result }
    const edits = asked.changes.flatMap(([name, value]) =>
      editMember(message, ['params', name], value),
    )
    const answer = await askClient(route, asking, (own) =>
      splice(message.bytes, [...idEdit(message, own), ...tokenEdit(message, own), ...edits]),
    )
    return await settle(answer, kind, context)
  } catch (error) {
    return { kind: 'failed', fault: faultOf(error), exchange }
  } finally {
    release()
  }
}

const PASSED = { kind: 'pass', changes: [] } as const
const UNDECLARED: Relayed = {
  kind: 'error',
  error: { code: -32601, message: 'the client has not declared this capability' },
}

/** The answer as the server gets it. */
async function settle(answer: Message, kind: InputKind, context: InputContext): Promise<Relayed> {
  if (answer.kind === 'error') return { kind: 'error', error: answer.error as RpcError }
  if (!kind.valid(answer.result)) {
    const message = `the client's answer has the wrong shape`
    return { kind: 'error', error: { code: -32603, message } }
  }
  const before = answer.result as JsonObject
  const inspected = await inspectAnswer(context, kind, before)
  if (inspected.kind === 'denied') return inspected
  const { result } = inspected
  return { kind: 'result', result, ...(result === before ? { message: answer } : {}) }
}

/** Asks and waits. Rejects with DISPATCH_ABORTED, CLIENT_TIMEOUT or CLIENT_UNREACHABLE. */
export async function askClient(
  route: Pick<Route, 'room' | 'runtime' | 'session' | 'caller' | 'send'>,
  asking: Question,
  make: (id: number) => Buffer,
): Promise<Message> {
  const { room, runtime, session, caller } = route
  session.asking ??= createAsking()
  return session.asking.ask({
    wheel: room.wheel,
    timeout: runtime.limits.ask,
    callers: caller ? [asking.caller, caller] : [asking.caller],
    progress: (heard) => tellProgress(asking, heard),
    send: (id, dropped) => route.send(make(id), dropped),
    withdraw: (requestId, reason) =>
      void route.send(makeNotification('notifications/cancelled', { requestId, reason }).bytes),
  })
}

/** A question no server takes back: the gateway's own, or one out of an answer. */
export function ownQuestion(message: Message): Question {
  return { message, caller: NEVER }
}

const NEVER = new Cancellation()

/** What the client is asked; `tell` is where the server hears of progress. */
export type Question = Omit<ServerRequest, 'tell'> & Partial<Pick<ServerRequest, 'tell'>>

// tokens of several servers may be equal, so the client's is the question's id
function tokenEdit(message: Message, own: number): Edit[] {
  const token = message.scan.meta.get('progressToken')
  return token ? [valueEdit(token, own)] : []
}

function tellProgress({ message, tell }: Question, heard: Message): void {
  const theirs = message.scan.meta.get('progressToken')
  const own = heard.scan.inner.get('progressToken')
  if (!tell || !theirs || !own) return
  const text = message.bytes.toString('utf8', theirs.start, theirs.end)
  tell(splice(heard.bytes, [{ span: own, text }]))
}

function idEdit(message: Message, id: string | number): Edit[] {
  return editMember(message, ['id'], id)
}

function refusal(
  id: string | number,
  method: string | undefined,
  { code, reason }: StampedViolation,
): Uint8Array {
  const declined = INPUT_KINDS.get(method ?? '')?.declined
  if (declined) return resultBytes(id, declined)
  return errorBytes(id, {
    code: POLICY_DENIED,
    message: `blocked by policy: ${reason}`,
    data: { code, reason },
  })
}

const faultOf = (error: unknown): AppError =>
  isAppError(error) ? error : new AppError('INTERNAL', 'the gateway failed', { cause: error })

/** Nobody but the server is told here, so it is reported here. */
function failure(
  id: string | number,
  { room }: Route,
  { fault, exchange }: Relayed & { kind: 'failed' },
): Uint8Array {
  const { code, rpc } = fault
  const { method, requestId } = exchange.request.identity
  room.report.raised(exchange, fault, method)
  const message = 'the client could not be asked'
  return errorBytes(id, rpcErrorOf({ code, rpc, message }, requestId))
}
