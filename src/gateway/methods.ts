// The one table of methods: which era knows each and who handles it. What is not here is answered -32601.
import { AppError } from '../base/errors.ts'
import type { Era } from '../engine/context.ts'
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

interface Method {
  readonly eras: readonly Era[]
  readonly handle: (call: Call) => Promise<Answer>
}

const BOTH = ['legacy', 'modern'] as const

export const METHODS: Readonly<Record<string, Method>> = {
  initialize: { eras: ['legacy'], handle: initialize },
  ping: { eras: ['legacy'], handle: ping },
  'server/discover': { eras: ['modern'], handle: discover },
  'tools/list': { eras: BOTH, handle: lister('tools') },
  'prompts/list': { eras: BOTH, handle: lister('prompts') },
  'resources/list': { eras: BOTH, handle: lister('resources') },
  'resources/templates/list': { eras: BOTH, handle: lister('templates') },
  'tools/call': { eras: BOTH, handle: operate },
  'prompts/get': { eras: BOTH, handle: operate },
  'resources/read': { eras: BOTH, handle: operate },
  'tasks/get': { eras: BOTH, handle: operateTask },
  'tasks/result': { eras: ['legacy'], handle: operateTask },
  'tasks/update': { eras: ['modern'], handle: operateTask },
  'tasks/cancel': { eras: BOTH, handle: operateTask },
  'completion/complete': { eras: BOTH, handle: operate },
  'resources/subscribe': { eras: ['legacy'], handle: subscribe },
  'resources/unsubscribe': { eras: ['legacy'], handle: unsubscribe },
  'subscriptions/listen': { eras: ['modern'], handle: listen },
  'logging/setLevel': { eras: ['legacy'], handle: setLevel },
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
