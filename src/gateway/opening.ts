// How a client gets in: initialize and sessions in the legacy era, server/discover and every request in the modern one.
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { AppError } from '../base/errors.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import type { ClientInfo } from '../engine/context.ts'
import type { StampedViolation } from '../engine/verdict.ts'
import { resultBytes } from '../wire/reply.ts'
import { MODERN, negotiate } from '../wire/revision.ts'
import { serversShown } from './access/visible.ts'
import { type Answer, denialAnswer, type RpcId } from './answer.ts'
import type { Call, Exchange } from './exchange.ts'
import { serverMeta } from './meta.ts'
import { createSessionLabels } from './session.ts'
import { tellsOfUpdates } from './subscription/ledger.ts'
import { TASKS_EXTENSION } from './task/result.ts'
import { type Offer, offersOf } from './virtual/offer.ts'

/** What `session_pre_open` decided: capabilities as they may be, or a violation. */
export type Opening =
  | { readonly capabilities: JsonObject }
  | { readonly violation: StampedViolation }

export interface OpeningRequest {
  readonly client: ClientInfo
  readonly revision: string
  readonly capabilities: JsonObject
}

/** Runs `session_pre_open`. Rejects with a fault. */
export async function open(exchange: Exchange, opening: OpeningRequest): Promise<Opening> {
  const runner = exchange.runtime.generation.runner('session_pre_open')
  if (!runner) return { capabilities: opening.capabilities }
  const { principal, era } = exchange.identity
  const outcome = await runner.dispatch({ ...opening, principal, era }, exchange.request, {})
  if (outcome.kind === 'fault') throw outcome.fault
  if (outcome.kind === 'deny') return { violation: outcome.violation }
  return { capabilities: outcome.payload.capabilities }
}

const OPENING_KEPT = 60_000
const OPENINGS_KEPT = 1000

/** In the modern era every request is an opening; its verdict is kept by who, with what, in which revision and generation. */
export function createOpenings(
  now: () => number,
): (exchange: Exchange, opening: OpeningRequest) => Opening | Promise<Opening> {
  const kept = new LRUCache<
    string,
    { readonly verdict: Opening; readonly labels: readonly string[] }
  >({
    max: OPENINGS_KEPT,
    ttl: OPENING_KEPT,
    perf: { now },
  })
  const decide = async (exchange: Exchange, opening: OpeningRequest): Promise<Opening> => {
    const { principal, generation, virtualServer } = exchange.identity
    const key = createHash('sha256')
      .update(JSON.stringify([principal, opening, generation, virtualServer]))
      .digest('base64')
    const { request } = exchange
    const known = kept.get(key)
    if (known) {
      // what later points are conditioned on belongs to the verdict
      for (const label of known.labels) request.addLabel(label)
      return known.verdict
    }
    const before = new Set(request.labels)
    const verdict = await open(exchange, opening)
    kept.set(key, { verdict, labels: [...request.labels].filter((label) => !before.has(label)) })
    return verdict
  }
  return (exchange, opening) =>
    exchange.runtime.generation.runner('session_pre_open')
      ? decide(exchange, opening)
      : { capabilities: opening.capabilities }
}

/** `initialize`: opens a session. The endpoint adds its id as a header. */
export async function initialize(call: Call): Promise<Answer & { sessionId?: string }> {
  const { exchange, message, room } = call
  const { protocolVersion, capabilities, clientInfo } = message.params ?? {}
  if (typeof protocolVersion !== 'string')
    throw new AppError('WIRE_INVALID_PARAMS', 'params.protocolVersion is not a string')
  const client = clientOf(clientInfo)
  const revision = negotiate(protocolVersion)
  exchange.identity.client = client
  const seed = {
    client,
    revision,
    capabilities: isObject(capabilities) ? (capabilities as JsonObject) : {},
  }
  // labels that the opening earns are the session's from its first moment
  const labels = createSessionLabels()
  exchange.identity.sessionLabels = labels
  const opening = await open(exchange, seed)
  if ('violation' in opening) return openingDenied(call, opening.violation)
  await prepared(call)
  const named = await linksOf(call)
  const links = named.map(([, offer]) => offer)
  const instructions = await instructionsOf(call, named)
  const session = room.sessions.open({
    ...seed,
    labels,
    capabilities: opening.capabilities,
    principal: exchange.identity.principal,
    virtualServer: exchange.identity.virtualServer,
  })
  const result = {
    protocolVersion: revision,
    capabilities: { ...capabilitiesOf(links), ...legacyTasks(links) },
    serverInfo: { ...room.self },
    ...(instructions ? { instructions } : {}),
  }
  return {
    bytes: resultBytes(message.id as RpcId, result as JsonObject),
    status: 200,
    sessionId: session.id,
  }
}

/** Servers are asked for this era when its first client comes, and that client does not wait long for slow ones. */
function prepared({ room, exchange }: Call): Promise<unknown> {
  const { upstreams } = exchange.runtime
  const asked = Promise.all([...upstreams.values()].map((upstream) => upstream.prepare('legacy')))
  let cancel = () => {}
  const late = new Promise<void>((resolve) => {
    cancel = room.clock.after(PATIENCE, resolve)
  })
  return Promise.race([asked, late]).finally(() => cancel())
}

const PATIENCE = 1000

/** `server/discover`: the modern era's answer to who is there. */
export async function discover(call: Call): Promise<Answer> {
  const named = await linksOf(call)
  const links = named.map(([, offer]) => offer)
  const instructions = await instructionsOf(call, named)
  const result = {
    supportedVersions: [MODERN],
    capabilities: { ...capabilitiesOf(links), ...modernTasks(links) },
    ...(instructions ? { instructions } : {}),
    resultType: 'complete',
    ttlMs: 0,
    cacheScope: 'private',
    _meta: serverMeta(call.room.self),
  }
  return { bytes: resultBytes(call.message.id as RpcId, result as JsonObject), status: 200 }
}

export function openingDenied(call: Call, violation: StampedViolation): Answer {
  const { identity } = call.exchange
  return denialAnswer('http', violation, {
    id: call.message.id,
    requestId: identity.requestId,
    era: identity.era,
  })
}

/** A client's own word about itself: bounded, for conditions and the audit, never for a decision about who it is. */
export function clientOf(value: unknown): ClientInfo {
  const text = (part: unknown, otherwise: string) =>
    typeof part === 'string' ? part.slice(0, 128) : otherwise
  return isObject(value)
    ? { name: text(value.name, 'unknown'), version: text(value.version, '') }
    : { name: 'unknown', version: '' }
}

export function linksOf({ exchange, room }: Call): Promise<readonly Offer[]> {
  const { runtime, identity } = exchange
  const links: Offer[] = []
  const unseen: string[] = []
  for (const upstream of runtime.upstreams.values()) {
    const link = upstream.nearest(identity.era)
    if (link) links.push([upstream.name, link])
    else unseen.push(upstream.name)
  }
  if (unseen.length > 0 && runtime.once(`unseen: ${unseen.join()}`))
    room.log.warn({ servers: unseen }, 'clients do not see these servers: they are down')
  return offersOf(runtime, identity.era, links)
}

const offers = (links: readonly Offer[1][], capability: string) =>
  links.some((link) => isObject(link.capabilities[capability]))

// only what is served
export function capabilitiesOf(links: readonly Offer[1][]): JsonObject {
  const subscribe = links.some(tellsOfUpdates)
  return {
    ...(offers(links, 'tools') ? { tools: { listChanged: true } } : {}),
    ...(offers(links, 'prompts') ? { prompts: { listChanged: true } } : {}),
    ...(offers(links, 'resources')
      ? { resources: { listChanged: true, ...(subscribe ? { subscribe } : {}) } }
      : {}),
    ...(offers(links, 'logging') ? { logging: {} } : {}),
    ...(offers(links, 'completions') ? { completions: {} } : {}),
  }
}

// whose a task of a shared list is, nobody can tell: tasks/list is not offered
function legacyTasks(links: readonly Offer[1][]): JsonObject {
  const able = links.some(({ era, capabilities }) => {
    const requests = isObject(capabilities.tasks) ? capabilities.tasks.requests : undefined
    return era === 'legacy' && isObject(requests) && isObject(requests.tools)
  })
  return able ? { tasks: { cancel: {}, requests: { tools: { call: {} } } } } : {}
}

function modernTasks(links: readonly Offer[1][]): JsonObject {
  const able = links.some(({ era, capabilities: { extensions } }) => {
    return era === 'modern' && isObject(extensions) && isObject(extensions[TASKS_EXTENSION])
  })
  return able ? { extensions: { [TASKS_EXTENSION]: {} } } : {}
}

const MAX_INSTRUCTIONS = 16_384

async function instructionsOf(call: Call, links: readonly Offer[]): Promise<string | undefined> {
  const said = links.filter(([, { instructions }]) => instructions)
  // what a server says of itself is for whoever may use something of it
  const shown = said.length > 0 ? await serversShown(call) : undefined
  const parts = said
    .filter(([name]) => shown?.has(name) ?? true)
    .map(([name, { instructions }]) =>
      links.length === 1 ? String(instructions) : `${name}: ${instructions}`,
    )
  const { virtualServer } = call.exchange.runtime
  if (virtualServer?.description) parts.unshift(virtualServer.description)
  return parts.length > 0 ? parts.join('\n\n').slice(0, MAX_INSTRUCTIONS) : undefined
}
