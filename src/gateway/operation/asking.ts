// One operation on its way to a server: what was decided about it, the request it becomes, and the end of its answer.
import { isObject } from '../../base/json.ts'
import type { UpstreamLink, UpstreamReply } from '../../upstream/client.ts'
import type { Message } from '../../wire/message.ts'
import { type Edit, editMember } from '../../wire/splice.ts'
import type { Permit } from '../access/permit.ts'
import type { Answer, RpcId } from '../answer.ts'
import type { Call } from '../exchange.ts'
import { askable } from '../input/kinds.ts'
import type { Resumed } from '../input/rounds.ts'
import { requestBridge } from './bridge.ts'
import type { Operation, Payload, Target } from './operations.ts'
import { Outgoing } from './outgoing.ts'
import type { AnyRunner } from './point.ts'
import { outgoingHeaders, requestEdits, sendsNoHeaders } from './request.ts'
import { settle } from './settle.ts'

/** What policies made of the call. */
export interface Decided {
  /** Where it goes, and nowhere else. */
  readonly permit: Permit
  readonly before: Payload
  readonly payload: Payload
  /** What the client came back with; undefined in the first round. */
  readonly resumed: Resumed | undefined
}

export interface Asking {
  readonly call: Call
  readonly operation: Operation
  readonly target: Target
  readonly decided: Decided
  readonly link: UpstreamLink
  /** The runner of the post-point. */
  readonly behind: AnyRunner
}

const NO_EDITS: readonly Edit[] = []

/** At once where no headers have to be built, which is what most calls come to. */
export function outgoing(
  asking: Asking,
  more: readonly Edit[] = NO_EDITS,
): Outgoing | Promise<Outgoing> {
  const { call, target, decided } = asking
  if (sendsNoHeaders(call, target, decided.before, decided.payload)) return made(asking, more)
  return outgoingHeaders(asking).then((headers) => made(asking, more, headers))
}

function made(
  asking: Asking,
  more: readonly Edit[],
  headers?: Readonly<Record<string, string>>,
): Outgoing {
  const { call, operation, target, decided, link, behind } = asking
  const { permit, before, payload } = decided
  const edits = requestEdits(call, operation, permit.name, before, payload)
  const bridge = requestBridge(call, link)
  // nobody looks at the result, and it is none that asks: a large one need not wait for its own end
  const asked = link.era === 'modern' && askable(call.capabilities) !== undefined
  const relays = behind === null && link.era === call.exchange.identity.era && !asked
  return new Outgoing(call, target.upstream, {
    permit,
    target: permit.name,
    edits: more.length + bridge.length === 0 ? edits : [...edits, ...bridge, ...more],
    headers,
    relay: relays ? call.outbound.relay?.(call.message.id as RpcId) : undefined,
  })
}

/** Answers and state of the round before, for a modern server. */
export function roundEdits({ message }: Call, resumed: Resumed | undefined): readonly Edit[] {
  if (!resumed) return NO_EDITS
  const { answers, state } = resumed
  const responses = Object.keys(answers).length > 0 ? answers : undefined
  return [
    ...editMember(message, ['params', 'inputResponses'], responses),
    ...editMember(message, ['params', 'requestState'], state.upstream),
  ]
}

/** Sends it and waits, also for what the server says before its answer. */
export async function send(link: UpstreamLink, sent: Outgoing): Promise<UpstreamReply> {
  const reply = await link.request(sent)
  if (sent.forwarded) await sent.forwarded
  return reply
}

export function end(asking: Asking, reply: UpstreamReply): Answer | Promise<Answer> {
  asking.call.exchange.request.origin = 'upstream'
  return settle(asking, reply)
}

/** The server needs something of the client before it can answer (2026-07-28 basic/patterns/mrtr). */
export function asksFirst({ result }: Message): boolean {
  return isObject(result) && result.resultType === 'input_required'
}
