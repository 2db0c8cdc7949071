// The routes by which a second person decides about a change that waits; that it is a second one, the registry sees to.
import type { Call, Route } from '../route.ts'
import { answerOf } from './answers.ts'
import { closedShape, ref } from './shapes.ts'
import { contextOf, written } from './writing.ts'

const REASON = closedShape({ reason: { type: 'string', minLength: 1, maxLength: 1000 } })

export const CHANGE_ROUTES: readonly Route[] = [
  decision(true, 'Approve a change that waits, and have it written.'),
  decision(false, 'Refuse a change that waits.'),
]

function decision(approve: boolean, about: string): Route {
  const verb = approve ? 'approve' : 'refuse'
  return {
    method: 'POST',
    path: `/changes/{id}/${verb}`,
    operation: `${verb}Change`,
    about,
    right: 'api:change.approve',
    kind: 'change',
    reach: 'tenant',
    query: {
      dryRun: { type: 'boolean', default: false, description: 'run everything, write nothing' },
    },
    headers: ['Idempotency-Key'],
    body: { type: 'application/json', schema: REASON, check: REASON, required: false },
    answers: {
      200: {
        description: approve
          ? 'the change, approved and carried out; in a dry run what would be written'
          : 'the change, refused',
        type: 'application/json',
        schema: ref('Entity'),
        headers: ['ETag'],
      },
    },
    problems: [404, 409, 412],
    async handle(call: Call, { registry }) {
      const reason = call.body?.reason
      const state = approve ? 'approved' : 'refused'
      const patch = { state, ...(reason === undefined ? {} : { reason }) }
      const request = { op: 'merge', kind: 'change', id: call.id, patch } as const
      return answerOf(call, await written(call, registry.write(request, contextOf(call))), 200)
    },
  }
}
