// A modern server that needs something first: put to the client, in its own era's way, or answered by policies without it.
import { AppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import { type Message, makeRequest } from '../../wire/message.ts'
import type { Answer } from '../answer.ts'
import { INPUT_KINDS } from '../input/kinds.ts'
import { callRoute, ownQuestion, relay } from '../input/relay.ts'
import {
  type Denied,
  denied,
  fresh,
  inputRequired,
  MAX_ROUNDS,
  type Put,
  putQuestions,
} from '../input/rounds.ts'
import type { InputState } from '../input/state.ts'
import type { Session } from '../session.ts'
import { type Asking, asksFirst, end, outgoing, roundEdits, send } from './asking.ts'

/** Rejects with a fault, or UPSTREAM_PROTOCOL when the server asks again and again. */
export async function another(asking: Asking, first: Message): Promise<Answer> {
  const { call, operation, target, decided } = asking
  let state = decided.resumed?.state ?? fresh(call, target.upstream)
  let reply = first
  for (; state.round < MAX_ROUNDS; state = { ...state, round: state.round + 1 }) {
    const { inputRequests, requestState } = reply.result as JsonObject
    const questions = isObject(inputRequests) ? inputRequests : {}
    if (Object.keys(questions).length === 0 && typeof requestState !== 'string')
      throw new AppError('UPSTREAM_PROTOCOL', `server ${target.upstream.name} asks for nothing`)
    const put = await putQuestions(call, target.upstream, questions, operation.pre)
    if ('denied' in put) return put.denied
    state = withUpstream({ ...state, known: put.known }, requestState)
    if (!call.session && leavesSomething(put, questions))
      return inputRequired(call, state, put.open)
    const given = call.session ? await askSession(asking, call.session, put.open) : NOTHING
    if ('denied' in given) return given.denied
    const answers = { ...put.known, ...given.answers }
    const edits = roundEdits(call, { state, answers, confirmation: undefined })
    const next = await send(asking.link, await outgoing(asking, edits))
    if (!asksFirst(next.message)) return end(asking, next)
    reply = next.message
  }
  throw new AppError('UPSTREAM_PROTOCOL', `server ${target.upstream.name} asks again and again`)
}

// a server may also ask for nothing but to be asked again
const leavesSomething = ({ open }: Put, questions: object) =>
  Object.keys(open).length > 0 || Object.keys(questions).length === 0

const NOTHING = { answers: {} }

function withUpstream(state: InputState, given: unknown): InputState {
  const { upstream: _, ...rest } = state
  return typeof given === 'string' ? { ...rest, upstream: given } : rest
}

/** As requests to a client of the legacy era, all at once. They have passed their pre-points. */
async function askSession(
  { call, operation, target }: Asking,
  session: Session,
  open: Put['open'],
): Promise<{ readonly answers: JsonObject } | Denied> {
  const route = callRoute(call, session, target.upstream)
  const answers: Record<string, JsonObject> = Object.create(null)
  const asked = Object.entries(open).map(async ([key, { method, params }]) => {
    const message = makeRequest(method, params)
    return [key, await relay(route, ownQuestion(message), 'seen')] as const
  })
  for (const [key, relayed] of await Promise.all(asked)) {
    if (relayed.kind === 'result') answers[key] = relayed.result
    else if (relayed.kind === 'denied') {
      const declined = declinedAs(open, key)
      if (!declined) return denied(call, operation.pre, relayed.violation)
      answers[key] = declined
    } else if (relayed.kind === 'failed') throw relayed.fault
    else throw new AppError('CLIENT_UNREACHABLE', 'the client did not answer what the server asks')
  }
  return { answers }
}

function declinedAs(open: Put['open'], key: string): JsonObject | undefined {
  return INPUT_KINDS.get(open[key]?.method ?? '')?.declined
}
