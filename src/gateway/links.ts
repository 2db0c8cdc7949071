// Which connection of a server a call takes: the one all share, or one of its client's own where the server may ask that client something.
import { AppError } from '../base/errors.ts'
import type { InstanceClient, Upstream, UpstreamLink } from '../upstream/client.ts'
import { ownerKey } from './access/owner.ts'
import type { Call } from './exchange.ts'
import { askable } from './input/kinds.ts'
import { relayRequest, sessionRoute } from './input/relay.ts'
import { digestOf } from './input/state.ts'
import type { Session } from './session.ts'

/** At once where the link is up. Rejects with UPSTREAM_UNAVAILABLE or DISPATCH_ABORTED. */
export function linkFor(call: Call, upstream: Upstream): UpstreamLink | Promise<UpstreamLink> {
  const { era } = call.exchange.identity
  const near = upstream.nearest(era)
  if (near === undefined) return reach(call, upstream)
  return near.era === 'modern' || !upstream.own ? near : ownLink(call, upstream, near)
}

async function reach(call: Call, upstream: Upstream): Promise<UpstreamLink> {
  const { identity, request } = call.exchange
  const link = await upstream.reach(identity.era, request.signal)
  return link.era === 'modern' || !upstream.own ? link : ownLink(call, upstream, link)
}

/** The instance of the legacy era that this caller has to itself; the shared one where it needs none. */
function ownLink(
  call: Call,
  upstream: Upstream,
  shared: UpstreamLink,
): UpstreamLink | Promise<UpstreamLink> {
  const { own } = upstream
  const key = instanceKey(call, upstream)
  if (!own || key === undefined) return shared
  // a session that has ended opens nothing that nobody would end
  if (call.exchange.request.aborted || call.session?.ended)
    throw new AppError('DISPATCH_ABORTED', 'the caller went away before its server was called')
  return own.link(key) ?? own.open(key, clientOf(call, upstream, key), call.exchange.request.signal)
}

/** Whose instance a call takes at a server of the legacy era; undefined: the shared one. */
export function instanceKey(call: Call, { own }: Upstream): string | undefined {
  const { principal, client } = call.exchange.identity
  switch (own?.per) {
    case undefined:
      return undefined
    case 'principal':
      return `principal ${ownerKey(principal)}`
    case 'tenant':
      return `tenant ${principal.tenant ?? ''}`
    case 'auto':
      if (askable(call.capabilities) === undefined) return undefined
  }
  if (call.session) return instanceOf(call.session)
  const { name = '', version = '' } = client ?? {}
  // what clients say of themselves may be long, and many may say it
  return digestOf([ownerKey(principal), name, version, askable(call.capabilities) ?? {}])
}

/** Whether a legacy server may ask this caller over the connection its calls take: a shared one says that nobody can be asked. */
export function canBeAsked(call: Call, { own }: Upstream): boolean {
  const alone = own?.per === 'auto' || own?.per === 'session'
  return alone && askable(call.capabilities) !== undefined
}

/** The key of what a session has of its own at a server. */
export function instanceOf(session: Session): string {
  return `session ${session.id}`
}

function clientOf(call: Call, upstream: Upstream, key: string): InstanceClient {
  const { room, session } = call
  const per = upstream.own?.per
  const alone = per === 'auto' || per === 'session'
  if (!session || !alone)
    return {
      capabilities: alone ? (askable(call.capabilities) ?? {}) : {},
      notification: (message) => room.updated(upstream, key, message),
      // in the modern era a question is asked in the answer to a call: it has to be known to which
      request: (asked) => (alone ? room.held.only(key)?.ask(asked) : undefined),
    }
  return {
    capabilities: askable(session.capabilities) ?? {},
    notification: (message) => room.deliver(session, upstream, message),
    request: (asked) => relayRequest(sessionRoute(room, session, upstream), asked),
  }
}
