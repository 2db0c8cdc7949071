// What a server asks and what its client answers, as policies see and change them; nothing is sent here.
import { AppError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { RequestContext } from '../../engine/context.ts'
import type { Outcome } from '../../engine/outcome.ts'
import type { StampedViolation } from '../../engine/verdict.ts'
import type { PointName, Points } from '../../points/table.ts'
import type { Runtime } from '../runtime.ts'
import type { InputKind } from './kinds.ts'

/** For whom policies look. */
export interface InputContext {
  readonly runtime: Runtime
  readonly request: RequestContext
  readonly server: string
}

export type Inspected =
  | { readonly kind: 'pass'; readonly changes: readonly (readonly [string, unknown])[] }
  /** A policy has answered; the client is not asked. */
  | { readonly kind: 'answered'; readonly result: JsonObject }
  | { readonly kind: 'denied'; readonly violation: StampedViolation }

type AnyRunner = {
  dispatch(payload: object, request: object, options: object): Promise<Outcome<object>>
} | null

const UNTOUCHED: Inspected = { kind: 'pass', changes: [] }

/** Before the client sees a request. Rejects with a fault. */
export async function inspectRequest(
  context: InputContext,
  kind: InputKind,
  params: JsonObject,
  bytes: number,
): Promise<Inspected> {
  const runner = kind.pre && runnerAt(context, kind.pre)
  if (!runner) return UNTOUCHED
  const before = kind.asked(context.server, params)
  const outcome = await runner.dispatch(before, context.request, { bytes })
  switch (outcome.kind) {
    case 'pass':
      return { kind: 'pass', changes: kind.changes(before, outcome.payload as typeof before) }
    case 'respond':
      context.request.origin = 'plugin'
      return inspected(await inspectAnswer(context, kind, outcome.answer as JsonObject))
    case 'deny':
      return { kind: 'denied', violation: outcome.violation }
    case 'fault':
      throw outcome.fault
    case 'ask':
      throw new AppError('INTERNAL', `${kind.pre} asks nobody`)
  }
}

const inspected = (answer: Answered): Inspected =>
  answer.kind === 'pass' ? { kind: 'answered', result: answer.result } : answer

export type Answered =
  | { readonly kind: 'pass'; readonly result: JsonObject }
  | { readonly kind: 'denied'; readonly violation: StampedViolation }

/** Before the server sees the answer. Rejects with a fault. */
export async function inspectAnswer(
  context: InputContext,
  kind: InputKind,
  result: JsonObject,
): Promise<Answered> {
  const runner = runnerAt(context, kind.post)
  if (!runner) return { kind: 'pass', result }
  const before = kind.answered(context.server, result)
  const outcome = await runner.dispatch(before, context.request, {})
  if (outcome.kind === 'fault') throw outcome.fault
  if (outcome.kind === 'deny') return { kind: 'denied', violation: outcome.violation }
  if (outcome.kind === 'respond') return { kind: 'pass', result: outcome.answer as JsonObject }
  const after = outcome.payload as typeof before
  return { kind: 'pass', result: after === before ? result : kind.settled(result, before, after) }
}

function runnerAt({ runtime, request }: InputContext, point: PointName): AnyRunner {
  return runtime.generation.runner(point as keyof Points, { server: request.server }) as AnyRunner
}
