// The operations on an upstream: tools/call, prompts/get, resources/read, completion/complete, from the client's message to the answer.
import { AppError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { authorise, type Denied, type Permit } from '../access/permit.ts'
import type { Answer } from '../answer.ts'
import type { OwnName } from '../catalog/names.ts'
import type { Call } from '../exchange.ts'
import { canConfirm, confirm } from '../input/confirm.ts'
import { continues, endHeld, giveUp, resume } from '../input/rounds.ts'
import type { Decided } from './asking.ts'
import { OPERATIONS, type Operation, type Payload, type Target } from './operations.ts'
import { type AnyRunner, ownName, refused, runnerAt } from './point.ts'
import { checkParameters, prePayload } from './request.ts'
import { answered } from './settle.ts'
import { findTarget } from './targets.ts'
import { ask } from './upstream.ts'

/** Rejects with a fault; a denial is an answer. */
export async function operate(call: Call): Promise<Answer> {
  const { exchange, message } = call
  const operation = OPERATIONS[message.method as string] as Operation
  const finding = operation.form
    ? operation.form.find(call)
    : findTarget(call, operation.kind, operation.member)
  const target = finding instanceof Promise ? await finding : finding
  exchange.request.server = target.upstream.info
  exchange.request.target = target.own.name
  call.session?.servers.add(target.upstream.name)

  const asking = permitFor(call, operation, target.own)
  const permit = asking instanceof Promise ? await asking : asking
  const goesOn = continues(call)
  if ('denied' in permit) {
    if (goesOn) giveUp(call, target.upstream)
    return permit.denied
  }
  checkParameters(call, operation, target)
  const resumed = goesOn ? await resume(call, target.upstream, operation.pre) : undefined
  if (resumed && 'denied' in resumed) return resumed.denied
  const payload = prePayload(operation, message, target)
  exchange.request.given = payload
  const runner = runnerAt(call, operation.pre, target.own.name)
  const decided = { permit, before: payload, payload, resumed }
  return runner
    ? judged(call, operation, target, decided, runner)
    : ask(call, operation, target, decided)
}

/** What policies at the pre-point make of it. */
async function judged(
  call: Call,
  operation: Operation,
  target: Target,
  { before, permit: first, resumed }: Decided,
  runner: NonNullable<AnyRunner>,
): Promise<Answer> {
  const { exchange, message } = call
  const options = { bytes: message.bytes.length, asks: canConfirm(call) }
  const pending = runner.dispatch(before, exchange.request, options)
  const outcome = pending instanceof Promise ? await pending : pending
  const payload = outcome.payload as Payload
  if (outcome.kind !== 'pass' && outcome.kind !== 'ask') {
    endHeld(call, resumed?.state)
    if (outcome.kind !== 'respond') return refused(call, operation.pre, outcome, false)
    return answered(call, operation, target, payload, outcome.answer as JsonObject)
  }
  const permit =
    payload === before ? first : await permitAgain(call, operation, target, payload, first)
  if ('denied' in permit) {
    endHeld(call, resumed?.state)
    return permit.denied
  }
  if (outcome.kind === 'pass')
    return ask(call, operation, target, { permit, before, payload, resumed })
  const confirmed = await confirm(call, target.upstream, operation.pre, outcome, resumed)
  if ('denied' in confirmed) {
    if (confirmed.denied.outcome === 'denied') endHeld(call, resumed?.state)
    return confirmed.denied
  }
  return ask(call, operation, target, { permit, before, payload, resumed: confirmed.resumed })
}

function permitFor(call: Call, operation: Operation, own: OwnName) {
  const { right, aim } = operation.form?.needs(call.message) ?? operation
  return authorise(call, right, aim, own)
}

/** For what a policy renamed the call to; asked before anybody is asked to confirm it. */
async function permitAgain(
  call: Call,
  operation: Operation,
  target: Target,
  payload: Payload,
  first: Permit,
): Promise<Permit | Denied> {
  const name = await currentTarget(call, operation, target, payload)
  return name === first.name
    ? first
    : permitFor(call, operation, { server: target.own.server, name })
}

// a plugin may send the call to another tool of the same server, if the server has one of that name
async function currentTarget(
  call: Call,
  operation: Operation,
  target: Target,
  payload: Payload,
): Promise<string> {
  const own = ownName(operation, target, payload)
  if (own === target.own.name) return own
  const catalog = call.exchange.runtime.catalogs[call.exchange.identity.era]
  if (await catalog.reaches(operation.kind, { server: target.own.server, name: own })) return own
  throw new AppError(
    'WIRE_UNKNOWN_TARGET',
    'a policy renamed the call to something the server does not offer',
  )
}
