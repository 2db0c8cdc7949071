// One change of the catalogue through its points: the entries are asked as `system`, the post-point is told how it ended.
import type { JsonObject } from '../../base/json.ts'
import type { RequestContext, ServerInfo } from '../../engine/context.ts'
import type { Generation } from '../../engine/engine.ts'
import type { Outcome } from '../../engine/outcome.ts'
import type { Points } from '../../points/table.ts'
import { type Change, catalogueId, entityOf, LISTED, type ListedKind } from './kinds.ts'

export interface Asking {
  readonly generation: Pick<Generation<Points>, 'runner'>
  /** A request nobody sent, about what the server calls so. */
  readonly requestFor: (server: ServerInfo, name: string) => RequestContext
}

export interface Question {
  readonly change: Change
  readonly server: ServerInfo
  readonly kind: ListedKind
  readonly name: string
  readonly definition: JsonObject
  readonly previous?: JsonObject | undefined
}

export type Answer =
  | { readonly outcome: 'written'; readonly definition: JsonObject }
  | { readonly outcome: 'vetoed' | 'failed'; readonly reason: string }

/** Never rejects: a fault is an answer. */
export async function ask({ generation, requestFor }: Asking, question: Question): Promise<Answer> {
  const { change, server, kind, name, definition, previous } = question
  const { pre, post } = LISTED[kind].points[change]
  const request = requestFor(server, name)
  request.server = server
  request.target = name
  request.origin = 'upstream'
  const about = {
    kind: LISTED[kind].entity,
    id: catalogueId(kind, server.name, name),
    entity: entityOf(kind, server.name, name, definition),
  }
  const before = previous && { previous: entityOf(kind, server.name, name, previous) }
  const outcome = await generation
    .runner(pre, { server })
    ?.dispatch({ ...about, ...before }, request)
  const answer = answerOf(outcome, definition)
  const made =
    answer.outcome === 'written'
      ? { entity: entityOf(kind, server.name, name, answer.definition), outcome: answer.outcome }
      : answer
  // observers only: nobody waits for them
  void generation.runner(post, { server })?.dispatch({ ...about, ...made }, request)
  return answer
}

function answerOf(
  outcome: Outcome<Points['tool_pre_register']['payload']> | undefined,
  definition: JsonObject,
): Answer {
  if (!outcome) return { outcome: 'written', definition }
  switch (outcome.kind) {
    case 'pass':
      return {
        outcome: 'written',
        definition: outcome.changed ? outcome.payload.entity.definition : definition,
      }
    case 'deny':
      return {
        outcome: 'vetoed',
        reason: `${outcome.violation.reason} (${outcome.violation.code})`,
      }
    case 'fault':
      return { outcome: 'failed', reason: outcome.fault.message }
    // the points allow neither
    case 'respond':
    case 'ask':
      return { outcome: 'failed', reason: `an entry answered ${outcome.kind}` }
  }
}
