// A policy's question to the person behind the client, before an operation goes on with exactly the payload that was asked about.
import { isAppError } from '../../base/errors.ts'
import type { AskOutcome } from '../../engine/outcome.ts'
import type { PointName } from '../../points/table.ts'
import type { Upstream } from '../../upstream/client.ts'
import { makeRequest } from '../../wire/message.ts'
import type { Call } from '../exchange.ts'
import type { Session } from '../session.ts'
import { INPUT_KINDS, type InputKind } from './kinds.ts'
import { askClient, callRoute, ownQuestion } from './relay.ts'
import { CONFIRMATION, type Denied, denied, fresh, inputRequired, type Resumed } from './rounds.ts'
import { digestOf } from './state.ts'

const ELICITATION = INPUT_KINDS.get('elicitation/create') as InputKind
const YES_OR_NO = { type: 'object', properties: {} } as const

/** Whether a person can be asked at all. */
export function canConfirm({ capabilities }: Call): boolean {
  return ELICITATION.declared(capabilities, {})
}

/** Goes on, or is an answer: the question in the modern era, or a refusal. */
export async function confirm(
  call: Call,
  upstream: Upstream,
  point: PointName,
  asking: AskOutcome<object>,
  resumed: Resumed | undefined,
): Promise<{ readonly resumed: Resumed | undefined } | Denied> {
  if (call.session) {
    const action = await askSession(call, call.session, upstream, asking)
    return action === 'accept' ? { resumed } : no(call, point, asking, action)
  }
  const payload = digestOf(asking.payload)
  const state = resumed?.state ?? fresh(call, upstream)
  if (state.confirmed === payload) return { resumed }
  const action = state.confirming === payload ? resumed?.confirmation : undefined
  if (action === undefined) {
    const { confirming: _, ...rest } = state
    const known = resumed?.answers ?? {}
    const params = paramsOf(asking)
    const open = { [CONFIRMATION]: { method: ELICITATION.method, params } }
    return { denied: inputRequired(call, { ...rest, known, confirming: payload }, open) }
  }
  if (action !== 'accept') return no(call, point, asking, action)
  const { confirming: _, ...rest } = state
  const answers = resumed?.answers ?? {}
  return { resumed: { state: { ...rest, confirmed: payload }, answers, confirmation: undefined } }
}

function paramsOf({ question }: AskOutcome<object>) {
  const requestedSchema = (question.schema ?? YES_OR_NO) as typeof YES_OR_NO
  return { mode: 'form', message: question.message, requestedSchema } as const
}

/** What the person did; undefined when nobody could be asked or nobody answered. */
async function askSession(
  call: Call,
  session: Session,
  upstream: Upstream,
  asking: AskOutcome<object>,
): Promise<string | undefined> {
  const { mode: _, ...params } = paramsOf(asking)
  const route = callRoute(call, session, upstream)
  const make = (id: number) => makeRequest(ELICITATION.method, params, id).bytes
  const asked = ownQuestion(makeRequest(ELICITATION.method, params))
  try {
    const answer = await askClient(route, asked, make)
    if (!ELICITATION.valid(answer.result)) return undefined
    return (answer.result as { action: string }).action
  } catch (error) {
    // who asks for a confirmation and gets none in time has not got it
    if (isAppError(error, 'CLIENT_TIMEOUT')) return 'cancel'
    if (isAppError(error, 'CLIENT_UNREACHABLE')) return undefined
    throw error
  }
}

function no(
  call: Call,
  point: PointName,
  { refusal }: AskOutcome<object>,
  action: string | undefined,
): Denied {
  const violation =
    action === undefined
      ? { code: 'ASK_UNAVAILABLE', reason: 'this call needs a confirmation, and nobody gave one' }
      : { code: 'ASK_DECLINED', reason: 'this call needs a confirmation, and it was declined' }
  return denied(call, point, refusal(violation))
}
