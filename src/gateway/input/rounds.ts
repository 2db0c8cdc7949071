// A request of the modern era that takes several rounds: questions go out in its answer, and answers come back with the next try.
import { AppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import { POINTS, type PointName } from '../../points/table.ts'
import type { Upstream } from '../../upstream/client.ts'
import { resultBytes } from '../../wire/reply.ts'
import { ownerKey } from '../access/owner.ts'
import { type Answer, denialAnswer, type RpcId } from '../answer.ts'
import { type Call, derivedRequest } from '../exchange.ts'
import { type InputContext, inspectAnswer, inspectRequest } from './inspect.ts'
import { INPUT_KINDS, type InputKind, kindOfAnswer } from './kinds.ts'
import { type InputState, requestDigest } from './state.ts'

/** What a client came back with. */
export interface Resumed {
  readonly state: InputState
  /** Answers by key, as policies left them, those known before among them. */
  readonly answers: JsonObject
  /** What the person said to the gateway's own question; undefined: nothing yet. */
  readonly confirmation: string | undefined
}

export type Denied = { readonly denied: Answer }

/** The key of the gateway's own question. */
export const CONFIRMATION = 'portcullis/confirmation'
/** A server that asks again and again is cut off. */
export const MAX_ROUNDS = 16

/** Whether a modern request continues an earlier one. */
export function continues({ message, exchange }: Call): boolean {
  if (exchange.identity.era !== 'modern') return false
  const { inner } = message.scan
  return inner.get('requestState') !== undefined || inner.get('inputResponses') !== undefined
}

/** What is known of a request before its first round. */
export function fresh(call: Call, upstream: Upstream): InputState {
  const { message, exchange } = call
  const { principal, virtualServer } = exchange.identity
  return {
    request: requestDigest(message.method ?? '', message.params, virtualServer),
    principal: ownerKey(principal),
    server: upstream.name,
    round: 0,
    asked: {},
  }
}

/** Opens the state and shows each answer to its post-point. Throws WIRE_BAD_STATE; rejects with a fault. */
export async function resume(
  call: Call,
  upstream: Upstream,
  pre: PointName,
): Promise<Resumed | Denied> {
  const { requestState, inputResponses } = call.message.params ?? {}
  const start = fresh(call, upstream)
  const state = requestState === undefined ? start : call.room.states.open(requestState, start)
  if (state.server !== upstream.name)
    throw new AppError('WIRE_BAD_STATE', 'the requestState belongs to another server')
  call.exchange.request.round = state.round
  const { [CONFIRMATION]: own, ...given } = isObject(inputResponses) ? inputResponses : {}
  const sealed = requestState === undefined ? undefined : state.asked
  const inspecting = inspectResponses(call, upstream, given, pre, sealed)
  const found = await endingHeld(call, state, inspecting)
  if ('denied' in found) return found
  const asked = sealed && kindOf(sealed, CONFIRMATION, own)
  const confirmation = asked?.valid(own) ? String((own as JsonObject).action) : undefined
  return { state, answers: { ...state.known, ...found.answers }, confirmation }
}

/** A call that is held open at its server ends with what is refused or fails on the way to it. */
async function endingHeld<T extends object>(
  call: Call,
  state: InputState,
  deciding: Promise<T | Denied>,
): Promise<T | Denied> {
  let goesOn = false
  try {
    const decided = await deciding
    goesOn = !('denied' in decided)
    return decided
  } finally {
    if (!goesOn) endHeld(call, state)
  }
}

/** Gives up the call that waits for this request, if one does. */
export function endHeld({ room }: Call, state: InputState | undefined): void {
  if (state?.held !== undefined) room.held.take(state.held)?.held.end()
}

/** The same for a request that is refused before its state is read. */
export function giveUp(call: Call, upstream: Upstream): void {
  const { requestState } = call.message.params ?? {}
  if (requestState === undefined) return
  try {
    endHeld(call, call.room.states.open(requestState, fresh(call, upstream)))
  } catch {
    // not a state of ours, so nothing waits for it
  }
}

/** Shows each answer to its post-point; `asked` are the methods by key, where they are known. */
export async function inspectResponses(
  call: Call,
  upstream: Upstream,
  responses: Readonly<Record<string, unknown>>,
  pre: PointName,
  asked?: InputState['asked'],
): Promise<{ readonly answers: JsonObject } | Denied> {
  // keys are the other side's words, and `__proto__` is one
  const answers: Record<string, JsonObject> = Object.create(null)
  for (const [key, given] of Object.entries(responses)) {
    const kind = kindOf(asked, key, given)
    // what was not asked is ignored, and what is no answer was not given (basic/patterns/mrtr)
    if (!kind?.valid(given)) continue
    const context = contextOf(call, upstream, kind)
    const inspected = await inspectAnswer(context, kind, given as JsonObject)
    if (inspected.kind === 'pass') answers[key] = inspected.result
    else if (kind.declined) answers[key] = kind.declined
    else return denied(call, pre, inspected.violation)
  }
  return { answers }
}

function kindOf(
  asked: InputState['asked'] | undefined,
  key: string,
  given: unknown,
): InputKind | undefined {
  if (!asked) return kindOfAnswer(given)
  const method = Object.hasOwn(asked, key) ? asked[key] : undefined
  return method === undefined ? undefined : INPUT_KINDS.get(method)
}

/** One question of a server, or of the gateway itself. */
export interface Question {
  readonly method: string
  readonly params: JsonObject
}

/** What is left to ask once policies have looked. */
export interface Put {
  readonly open: Readonly<Record<string, Question>>
  /** Answers that policies gave, or a decline where they refused. */
  readonly known: JsonObject
}

/** Shows each question to its pre-point. Rejects with a fault, or UPSTREAM_PROTOCOL for what the client cannot be asked. */
export async function putQuestions(
  call: Call,
  upstream: Upstream,
  questions: Readonly<Record<string, unknown>>,
  pre: PointName,
): Promise<Put | Denied> {
  const open: Record<string, Question> = Object.create(null)
  const known: Record<string, JsonObject> = Object.create(null)
  for (const [key, question] of Object.entries(questions)) {
    const { kind, params } = questionOf(call, upstream, key, question)
    const bytes = JSON.stringify(params).length
    const context = contextOf(call, upstream, kind)
    const asked = await inspectRequest(context, kind, params, bytes)
    if (asked.kind === 'pass') {
      const changes = Object.fromEntries(asked.changes) as JsonObject
      open[key] = {
        ...(question as object),
        method: kind.method,
        params: { ...params, ...changes },
      }
    } else if (asked.kind === 'answered') known[key] = asked.result
    else if (kind.declined) known[key] = kind.declined
    else return denied(call, pre, asked.violation)
  }
  return { open, known }
}

function questionOf(
  call: Call,
  upstream: Upstream,
  key: string,
  question: unknown,
): { kind: InputKind; params: JsonObject } {
  const { method, params: given } = isObject(question) ? question : {}
  const kind = INPUT_KINDS.get(String(method))
  const params = (isObject(given) ? given : {}) as JsonObject
  if (!kind?.declared(call.capabilities, params) || key === CONFIRMATION)
    throw new AppError(
      'UPSTREAM_PROTOCOL',
      `server ${upstream.name} asks what its client cannot be asked`,
    )
  return { kind, params }
}

/** The answer that asks: made anew, so that nothing of a server's own crosses that no point has seen. */
export function inputRequired(
  call: Call,
  state: InputState,
  open: Readonly<Record<string, Question>>,
): Answer {
  if (state.round >= MAX_ROUNDS)
    throw new AppError('UPSTREAM_PROTOCOL', `server ${state.server} asks again and again`)
  const { room, exchange, message } = call
  const asked = Object.fromEntries(Object.entries(open).map(([key, { method }]) => [key, method]))
  const next = { ...state, round: state.round + 1, asked }
  const requestState = room.states.seal(next, exchange.runtime.limits.ask)
  const inputRequests = Object.keys(open).length > 0 ? { inputRequests: open } : {}
  const result = { resultType: 'input_required', ...inputRequests, requestState }
  return { bytes: resultBytes(message.id as RpcId, result), status: 200 }
}

function contextOf(call: Call, upstream: Upstream, kind: InputKind): InputContext {
  const { runtime, request } = call.exchange
  const derived = derivedRequest(call.exchange, kind.method, upstream)
  derived.round = request.round
  return { runtime, server: upstream.name, request: derived }
}

export function denied(
  call: Call,
  point: PointName,
  violation: Parameters<typeof denialAnswer>[1],
  ran = false,
): Denied {
  const { requestId, era } = call.exchange.identity
  const of = { id: call.message.id, requestId, era, ran }
  return { denied: denialAnswer(POINTS[point].denial, violation, of) }
}
