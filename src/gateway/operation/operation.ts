// The operations on an upstream: tools/call, prompts/get, resources/read, completion/complete, from the client's message to the answer.
import { AppError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { Answer } from '../answer.ts'
import type { Call } from '../exchange.ts'
import { canConfirm, confirm } from '../input/confirm.ts'
import { continues, endHeld, resume } from '../input/rounds.ts'
import { OPERATIONS, type Operation, type Payload, type Target } from './operations.ts'
import { ownName, refused, runnerAt } from './point.ts'
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

  checkParameters(call, operation, target)
  const found = continues(call) ? await resume(call, target.upstream, operation.pre) : undefined
  if (found && 'denied' in found) return found.denied
  const before = prePayload(operation, message, target)
  exchange.request.given = before
  const runner = runnerAt(call, operation.pre, target.own.name)
  let resumed = found
  let payload = before
  if (runner) {
    const options = { bytes: message.bytes.length, asks: canConfirm(call) }
    const pending = runner.dispatch(before, exchange.request, options)
    const outcome = pending instanceof Promise ? await pending : pending
    if (outcome.kind !== 'pass' && outcome.kind !== 'ask') endHeld(call, resumed?.state)
    if (outcome.kind === 'respond') {
      const answer = outcome.answer as JsonObject
      return answered(call, operation, target, outcome.payload as Payload, answer)
    }
    if (outcome.kind === 'ask') {
      const confirmed = await confirm(call, target.upstream, operation.pre, outcome, resumed)
      if ('denied' in confirmed) {
        if (confirmed.denied.outcome === 'denied') endHeld(call, resumed?.state)
        return confirmed.denied
      }
      resumed = confirmed.resumed
    } else if (outcome.kind !== 'pass') return refused(call, operation.pre, outcome, false)
    payload = outcome.payload as Payload
  }
  const own =
    payload === before ? target.own.name : await currentTarget(call, operation, target, payload)
  return ask(call, operation, target, { own, before, payload, resumed })
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
