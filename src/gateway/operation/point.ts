// The points of an operation: its runner for one target, and what the client gets when a dispatch did not pass.
import { AppError } from '../../base/errors.ts'
import type { Outcome } from '../../engine/outcome.ts'
import type { PointName, Points } from '../../points/table.ts'
import type { Answer } from '../answer.ts'
import type { Call } from '../exchange.ts'
import { denied } from '../input/rounds.ts'
import type { Operation, Payload, Target } from './operations.ts'

export type AnyRunner = {
  dispatch(
    payload: object,
    request: object,
    options: object,
  ): Outcome<object> | Promise<Outcome<object>>
} | null

export function runnerAt(call: Call, point: PointName, target: string): AnyRunner {
  const { runtime, request } = call.exchange
  return runtime.generation.runner(point as keyof Points, {
    server: request.server,
    target,
  }) as AnyRunner
}

/** The name of the target at its server, as policies left it. */
export function ownName({ form, member }: Operation, target: Target, payload: Payload): string {
  return form ? target.own.name : (payload[member] as string)
}

/** Throws a fault; a denial is an answer. */
export function refused(
  call: Call,
  point: PointName,
  outcome: Exclude<Outcome<object>, { kind: 'pass' }>,
  ran: boolean,
): Answer {
  if (outcome.kind === 'fault') throw outcome.fault
  if (outcome.kind !== 'deny') throw new AppError('INTERNAL', `${point} ended with ${outcome.kind}`)
  return denied(call, point, outcome.violation, ran).denied
}
