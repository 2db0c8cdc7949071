// What one server is told to be from the state of its lanes, and to whom its links report; it keeps nothing.
import type { AppError } from '../base/errors.ts'
import type { Era, InstanceClient, Upstream, UpstreamEvents, UpstreamState } from './client.ts'
import type { Follower } from './follow.ts'
import type { Lane } from './lane.ts'
import type { LinkEvents } from './transport.ts'

export function compositeOf(lanes: readonly Lane[]): UpstreamState {
  const states = lanes.map(({ state }) => state)
  if (states.includes('ready')) return 'ready'
  if (states.includes('starting')) return 'starting'
  if (states.some((state) => state === 'waiting' || state === 'failed' || state === 'absent'))
    return 'failed'
  return 'stopped'
}

/** How it is, in one word, and why, in one sentence: what was decided about it comes before what happened to it. */
export function toldOf({ admission, admissionReason, status }: Upstream): {
  readonly state: UpstreamState | 'quarantined'
  readonly reason?: string
} {
  const isShut = admission === 'quarantined'
  const reason = isShut ? admissionReason : (status.error ?? admissionReason)
  return { state: isShut ? admission : status.state, ...(reason && { reason }) }
}

// a lane that is merely of the other era explains nothing while the other one has a fault
export function faultOf(lanes: readonly Lane[]): AppError | undefined {
  const errors = lanes.flatMap((lane) => lane.error ?? [])
  return errors.find((error) => error.code !== 'UPSTREAM_ERA') ?? errors[0]
}

/**
 * A connection of one client's own reports to that client what all others report to the gateway. What a server says that is
 * quarantined is heard by nobody, whatever of it was on its way.
 */
export function linkEvents(
  upstream: Upstream,
  events: UpstreamEvents,
  client: InstanceClient | undefined,
  followerOf: (era: Era) => Follower,
): LinkEvents {
  return {
    notification: (link, message) => {
      if (upstream.refusal) return
      if (client) client.notification(message)
      else events.notification(upstream, link, message)
    },
    request: (link, asked) => {
      if (upstream.refusal) return undefined
      if (client) return client.request(asked)
      events.request(upstream, link, asked.message)
      return undefined
    },
    stderr: (line) => events.stderr(upstream, line),
    call: (method, ms, outcome) => events.call(upstream, method, ms, outcome),
    renewed: ({ era }) => {
      if (upstream.refusal) return
      followerOf(era).renew()
      if (!client) events.renewed(upstream)
    },
  }
}
