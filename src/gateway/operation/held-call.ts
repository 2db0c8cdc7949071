// A call of a modern client at a legacy server: held open there while the client finds answers to what the server asks.
import { AppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { UpstreamLink, UpstreamReply } from '../../upstream/client.ts'
import type { Message } from '../../wire/message.ts'
import { errorBytes, resultBytes } from '../../wire/reply.ts'
import type { Answer } from '../answer.ts'
import type { Call } from '../exchange.ts'
import type { HeldCall } from '../input/held.ts'
import { INPUT_KINDS } from '../input/kinds.ts'
import { fresh, inputRequired, putQuestions } from '../input/rounds.ts'
import { instanceKey } from '../links.ts'
import { type Asking, end, outgoing } from './asking.ts'
import type { Outgoing } from './outgoing.ts'

/** What is kept with a call that waits. */
interface Kept {
  readonly sent: Outgoing
  readonly reply: Promise<UpstreamReply>
  readonly link: UpstreamLink
}

/** Rejects with a fault, or WIRE_BAD_STATE for a call that is held no more. */
export async function askHeld(asking: Asking): Promise<Answer> {
  const { call, target, decided } = asking
  const id = decided.resumed?.state.held
  if (id !== undefined) {
    const found = call.room.held.take<Kept>(id)
    if (!found) throw new AppError('WIRE_BAD_STATE', 'the call that waited for this is gone')
    const { held, more } = found
    give(held, decided.resumed?.answers ?? {})
    more.sent.moveTo(call)
    return round({ ...asking, link: more.link }, held, more)
  }
  const sent = await outgoing(asking)
  const held = call.room.held.open(instanceKey(call, target.upstream) ?? target.upstream.name)
  sent.caller = held.caller
  sent.answers = (asked) => held.ask(asked)
  const reply = asking.link.request(sent)
  reply.catch(() => {})
  return round(asking, held, { sent, reply, link: asking.link })
}

function give(held: HeldCall, answers: JsonObject): void {
  for (const [key, answer] of Object.entries(answers)) {
    const id = held.idOf(key)
    if (id !== undefined) held.answer(key, resultBytes(id, answer as JsonObject))
  }
}

/** Until the server has answered or the client has to; the call ends with the round unless it waits for the next. */
async function round(asking: Asking, held: HeldCall, kept: Kept): Promise<Answer> {
  const { room, exchange } = asking.call
  const { request } = exchange
  const gone = { interrupt: () => held.end() }
  if (request.aborted) held.end()
  else request.enter(gone)
  let waits = false
  try {
    for (;;) {
      const event = await held.next(kept.reply)
      if (kept.sent.forwarded) await kept.sent.forwarded
      if ('reply' in event) return await end(asking, event.reply)
      const answer = await put(asking, held, event.questions)
      if (!answer) continue
      // a client that has gone meanwhile does not get the question, so it cannot come back
      if (answer.asks && !request.aborted) {
        room.held.park(held, kept, exchange.runtime.limits.ask)
        waits = true
      }
      return answer.answer
    }
  } finally {
    request.leave(gone)
    if (!waits) held.end()
  }
}

/** Undefined: nothing is left that the client has to answer. */
async function put(
  { call, target, operation, decided }: Asking,
  held: HeldCall,
  asked: ReadonlyMap<string, Message>,
): Promise<{ readonly answer: Answer; readonly asks: boolean } | undefined> {
  const questions: Record<string, unknown> = {}
  for (const [key, { id, method, params }] of asked) {
    if (isDeclared(call, method, params)) questions[key] = { method, params: params ?? {} }
    else held.answer(key, errorBytes(id, UNDECLARED))
  }
  const found = await putQuestions(call, target.upstream, questions, operation.pre)
  if ('denied' in found) return { answer: found.denied, asks: false }
  give(held, found.known)
  if (Object.keys(found.open).length === 0) return undefined
  const state = decided.resumed?.state ?? fresh(call, target.upstream)
  return { answer: inputRequired(call, { ...state, held: held.id }, found.open), asks: true }
}

const UNDECLARED = { code: -32601, message: 'the client has not declared this capability' }

function isDeclared(
  { capabilities }: Call,
  method: string | undefined,
  params: JsonObject | undefined,
): boolean {
  const kind = INPUT_KINDS.get(method ?? '')
  return kind?.declared(capabilities, isObject(params) ? (params as JsonObject) : {}) ?? false
}
