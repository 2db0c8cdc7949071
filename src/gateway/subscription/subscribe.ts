// resources/subscribe and resources/unsubscribe of the legacy era, from the client's message to the answer.
import { AppError } from '../../base/errors.ts'
import type { RequestContext } from '../../engine/context.ts'
import type { Outcome } from '../../engine/outcome.ts'
import { errorBytes, resultBytes } from '../../wire/reply.ts'
import { authorise, type Denied, type Permit } from '../access/permit.ts'
import type { Answer, RpcId } from '../answer.ts'
import type { OwnName } from '../catalog/names.ts'
import type { Call } from '../exchange.ts'
import { refused } from '../operation/point.ts'
import { findTarget } from '../operation/targets.ts'
import type { Session } from '../session.ts'
import { followedOver, sourceFor } from './source.ts'

/** Rejects with a fault; a denial is an answer. */
export async function subscribe(call: Call): Promise<Answer> {
  const { exchange, room } = call
  const { request, runtime } = exchange
  assertServed(call)
  const { upstream, own, exposed } = await findTarget(call, 'resources', 'uri')
  request.server = upstream.info
  request.target = own.name
  const judged = await judgeResource(call, request, own)
  if ('denied' in judged) return judged.denied
  const source = await sourceFor(call, upstream)
  if (!source)
    throw new AppError(
      'WIRE_INVALID_PARAMS',
      'the server does not tell of changes to its resources',
    )
  // its session may have ended meanwhile: nobody would let go of what it follows
  if (request.aborted) throw new AppError('DISPATCH_ABORTED', 'the subscription was cancelled')
  const refusal = await room.subscriptions.join(sessionOf(call), {
    source,
    uri: judged.name,
    exposed,
    max: runtime.limits.subscriptions,
  })
  const id = call.message.id as RpcId
  return { bytes: refusal ? errorBytes(id, refusal) : resultBytes(id, {}), status: 200 }
}

export async function unsubscribe(call: Call): Promise<Answer> {
  const uri = call.message.params?.uri
  if (typeof uri !== 'string')
    throw new AppError('WIRE_INVALID_PARAMS', 'params.uri is not a string')
  // what is not followed is not followed after it, either
  if (!call.room.subscriptions.leave(sessionOf(call), uri)) assertServed(call)
  return { bytes: resultBytes(call.message.id as RpcId, {}), status: 200 }
}

/** Rights, then policies, then rights again if policies changed the resource. */
export async function judgeResource(
  call: Call,
  request: RequestContext,
  own: OwnName,
): Promise<Permit | Denied> {
  const permit = await authorise(call, 'mcp:resource.subscribe', 'resource', own)
  if ('denied' in permit) return permit
  const outcome = await judge(call, request, { server: own.server, uri: own.name })
  if (outcome.kind !== 'pass')
    return { denied: refused(call, 'resource_pre_subscribe', outcome, false) }
  const { uri } = outcome.payload as { uri: string }
  if (uri === own.name) return permit
  return authorise(call, 'mcp:resource.subscribe', 'resource', { server: own.server, name: uri })
}

interface Asked {
  readonly server?: string
  readonly uri?: string
  readonly filter?: object
}

/** What `resource_pre_subscribe` makes of a subscription. */
export function judge(
  { exchange }: Call,
  request: RequestContext,
  asked: Asked,
): Outcome<object> | Promise<Outcome<object>> {
  const runner = exchange.runtime.generation.runner('resource_pre_subscribe', {
    server: request.server,
    ...(asked.uri === undefined ? {} : { target: asked.uri }),
  })
  return runner
    ? (runner.dispatch(asked as Parameters<typeof runner.dispatch>[0], request, {}) as ReturnType<
        typeof judge
      >)
    : { kind: 'pass', payload: asked, changed: false }
}

/** Throws WIRE_METHOD_NOT_FOUND where no server tells of updates: then it is not advertised, either. One that is down may. */
function assertServed({ exchange }: Call): void {
  for (const upstream of exchange.runtime.upstreams.values())
    if (upstream.status.state !== 'ready' || followedOver(upstream, exchange.identity.era)) return
  throw new AppError('WIRE_METHOD_NOT_FOUND', 'no server here tells of changes to its resources')
}

function sessionOf({ session }: Call): Session {
  if (session) return session
  throw new AppError('SESSION_REQUIRED', 'subscriptions belong to a session')
}
