// The one table of methods: which era knows each and who handles it. What is not here is answered -32601.
import { AppError } from '../base/errors.ts'
import type { Era } from '../engine/context.ts'
import type { Right } from '../identity/rights.ts'
import { makeRequest } from '../wire/message.ts'
import { resultBytes } from '../wire/reply.ts'
import type { Answer, RpcId } from './answer.ts'
import { lister } from './catalog/lists.ts'
import type { Call } from './exchange.ts'
import { LOG_LEVELS } from './notification/notifications.ts'
import { discover, initialize } from './opening.ts'
import { operate } from './operation/operation.ts'
import { listen } from './subscription/listen.ts'
import { subscribe, unsubscribe } from './subscription/subscribe.ts'
import { operateTask } from './task/tasks.ts'

/** What a caller has to have, one of several by what the message is about; or that nothing of a server is told or done. */
type Needs = readonly [Right, ...Right[]] | 'nothing'

export interface Method {
  readonly eras: readonly Era[]
  readonly needs: Needs
  readonly handle: (call: Call) => Promise<Answer>
}

const BOTH = ['legacy', 'modern'] as const
const CALL = ['mcp:tool.call'] as const
const SUBSCRIBE = ['mcp:resource.subscribe'] as const
const LIST_RESOURCES = ['mcp:resource.list'] as const

const method = (eras: Method['eras'], needs: Needs, handle: Method['handle']): Method => ({
  eras,
  needs,
  handle,
})

export const METHODS: Readonly<Record<string, Method>> = {
  initialize: method(['legacy'], 'nothing', initialize),
  ping: method(['legacy'], 'nothing', ping),
  'server/discover': method(['modern'], 'nothing', discover),
  'tools/list': method(BOTH, ['mcp:tool.list'], lister('tools')),
  'prompts/list': method(BOTH, ['mcp:prompt.list'], lister('prompts')),
  'resources/list': method(BOTH, LIST_RESOURCES, lister('resources')),
  'resources/templates/list': method(BOTH, LIST_RESOURCES, lister('templates')),
  'tools/call': method(BOTH, CALL, operate),
  'prompts/get': method(BOTH, ['mcp:prompt.get'], operate),
  'resources/read': method(BOTH, ['mcp:resource.read'], operate),
  'tasks/get': method(BOTH, CALL, operateTask),
  'tasks/result': method(['legacy'], CALL, operateTask),
  'tasks/update': method(['modern'], CALL, operateTask),
  'tasks/cancel': method(BOTH, CALL, operateTask),
  'completion/complete': method(BOTH, ['mcp:prompt.get', 'mcp:resource.read'], operate),
  'resources/subscribe': method(['legacy'], SUBSCRIBE, subscribe),
  // gives up what was permitted
  'resources/unsubscribe': method(['legacy'], 'nothing', unsubscribe),
  'subscriptions/listen': method(['modern'], SUBSCRIBE, listen),
  'logging/setLevel': method(['legacy'], 'nothing', setLevel),
}

/** Throws WIRE_METHOD_NOT_FOUND. */
export function methodOf(name: string, era: Era): Method {
  const method = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined
  if (!method?.eras.includes(era))
    throw new AppError(
      'WIRE_METHOD_NOT_FOUND',
      `the method ${name.slice(0, 64)} is not offered here`,
    )
  return method
}

async function ping(call: Call): Promise<Answer> {
  return { bytes: resultBytes(call.message.id as RpcId, {}), status: 200 }
}

/** The gateway filters per session; the servers are asked for the most talkative level that any session wants. */
async function setLevel(call: Call): Promise<Answer> {
  const level = call.message.params?.level
  if (!LOG_LEVELS.some((known) => known === level))
    throw new AppError('WIRE_INVALID_PARAMS', `params.level is none of ${LOG_LEVELS.join(', ')}`)
  const { session, exchange, room } = call
  if (session) session.logLevel = level as string
  const wanted = new Set([...room.sessions.all()].map((each) => each.logLevel))
  const least = LOG_LEVELS.find((known) => wanted.has(known)) ?? level
  const timeout = Math.min(5000, exchange.runtime.limits.request_timeout)
  const asked = [...exchange.runtime.upstreams.values()].map(async (upstream) => {
    const link = upstream.link('legacy')
    if (link?.capabilities.logging)
      await link.request({
        message: makeRequest('logging/setLevel', { level: least as string }),
        edits: [],
        timeout,
      })
  })
  // a server that does not follow sends more or less than asked; what reaches the client is filtered here all the same
  for (const outcome of await Promise.allSettled(asked)) {
    if (outcome.status === 'rejected')
      room.log.debug({ error: outcome.reason }, 'a server did not take the log level')
  }
  return { bytes: resultBytes(call.message.id as RpcId, {}), status: 200 }
}
