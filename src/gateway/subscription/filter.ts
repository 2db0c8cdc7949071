// The filter of subscriptions/listen: read, shown to its point, and turned into what the gateway can grant.
import { AppError, isAppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { UpstreamLink } from '../../upstream/client.ts'
import type { Answer } from '../answer.ts'
import { type Call, derivedRequest } from '../exchange.ts'
import { capabilitiesOf, linksOf } from '../opening.ts'
import type { Target } from '../operation/operations.ts'
import { refused } from '../operation/point.ts'
import { locate } from '../operation/targets.ts'
import type { Follow } from './ledger.ts'
import { type Filter, LIST_MEMBERS } from './receiver.ts'
import { type Source, sourceFor } from './source.ts'
import { judge, judgeResource } from './subscribe.ts'

/** What may be granted, if the servers agree to the resources. */
export interface Judged {
  readonly lists: Filter
  readonly follows: readonly Follow[]
}

/**
 * The filter passes `resource_pre_subscribe` once as the client sent it, and once for each resource in it, as in the legacy era: a
 * policy on a resource holds however a client subscribes. A denial is an answer. Rejects with WIRE_INVALID_PARAMS and with faults.
 */
export async function judgeFilter(call: Call): Promise<Judged | { readonly denied: Answer }> {
  const { exchange } = call
  const max = exchange.runtime.limits.subscriptions
  const asked = readFilter(call.message.params?.notifications, max)
  const outcome = await judge(call, exchange.request, { filter: asked })
  if (outcome.kind !== 'pass')
    return { denied: refused(call, 'resource_pre_subscribe', outcome, false) }
  const filter = outcome.changed
    ? readFilter((outcome.payload as { filter?: unknown }).filter, max)
    : asked
  const follows: Follow[] = []
  // each resource is asked for; a change of a list says nothing of what is in it
  exchange.decided = true
  for (const exposed of new Set(filter.resourceSubscriptions)) {
    const found = await findSource(call, exposed)
    if (!found) continue
    const follow = await followOf(call, found, max)
    if ('denied' in follow) return follow
    follows.push(follow)
  }
  return { lists: await grantable(call, filter), follows }
}

function readFilter(value: unknown, max: number): Filter {
  if (!isObject(value)) throw wrong('params.notifications is not an object')
  const filter: Record<string, unknown> = {}
  for (const member of LIST_MEMBERS) {
    const wanted = value[member]
    if (wanted !== undefined && typeof wanted !== 'boolean')
      throw wrong(`params.notifications.${member} is neither true nor false`)
    if (wanted) filter[member] = true
  }
  const uris = value.resourceSubscriptions
  if (uris === undefined) return filter
  if (!Array.isArray(uris) || !uris.every((uri) => typeof uri === 'string'))
    throw wrong('params.notifications.resourceSubscriptions is not a list of URIs')
  if (uris.length > max)
    throw new AppError('SUBSCRIPTION_LIMIT', `a subscription follows at most ${max} resources`)
  return uris.length > 0 ? { ...filter, resourceSubscriptions: uris } : filter
}

function wrong(what: string): AppError {
  return new AppError('WIRE_INVALID_PARAMS', what)
}

interface Found {
  readonly target: Target
  readonly source: Source
}

/** Undefined: there is no such resource here, or none that its server tells of, so it cannot be granted. */
async function findSource(call: Call, exposed: string): Promise<Found | undefined> {
  try {
    const target = await locate(call, 'resources', exposed)
    const source = await sourceFor(call, target.upstream)
    return source && { target, source }
  } catch (error) {
    if (isAppError(error)) return undefined
    throw error
  }
}

async function followOf(
  call: Call,
  { target: { upstream, own, exposed }, source }: Found,
  max: number,
): Promise<Follow | { readonly denied: Answer }> {
  const { exchange } = call
  const request = derivedRequest(exchange, exchange.identity.method, upstream)
  request.target = own.name
  const judged = await judgeResource(call, request, own)
  return 'denied' in judged ? judged : { source, uri: judged.name, exposed, max }
}

/** Changes of lists the gateway announces itself, where it has such lists. */
async function grantable(call: Call, filter: Filter): Promise<Filter> {
  for (const upstream of call.exchange.runtime.upstreams.values())
    if (isSilent(upstream.link('modern'), filter)) void upstream.prepare('legacy')
  const offers = await linksOf(call)
  const capabilities: JsonObject = capabilitiesOf(offers.map(([, offer]) => offer))
  return Object.fromEntries(
    LIST_MEMBERS.filter(
      (member) => filter[member] && member.replace('ListChanged', '') in capabilities,
    ).map((member) => [member, true]),
  )
}

/** Has lists that are asked about and does not tell of their changes: a server of both eras may do so in the older one. */
function isSilent(link: UpstreamLink | undefined, filter: Filter): boolean {
  return LIST_MEMBERS.some((member) => {
    const offered = link?.capabilities[member.replace('ListChanged', '')]
    return filter[member] === true && isObject(offered) && offered.listChanged !== true
  })
}
