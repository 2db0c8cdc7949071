// Whoever is told what servers say on their own account: a session of the legacy era, or one subscriptions/listen of the modern one.
import type { RpcId } from '../answer.ts'
import type { Session } from '../session.ts'

/** What a client may ask to be told of (2026-07-28 patterns/subscriptions). */
export interface Filter {
  readonly toolsListChanged?: true
  readonly promptsListChanged?: true
  readonly resourcesListChanged?: true
  /** URIs as the client knows them. */
  readonly resourceSubscriptions?: readonly string[]
}

/** A session is one as it is: it is told of every list, and hears on its GET stream. */
export interface Receiver
  extends Pick<Session, 'principal' | 'client' | 'labels' | 'streams' | 'virtualServer'> {
  /** Of a session. */
  readonly id: string | undefined
  readonly listen?: Listen
}

export interface Listen {
  /** The client's own request id, which every message of the subscription names. */
  readonly id: RpcId
  /** What was granted. */
  readonly filter: Filter
}

const MEMBER_OF: ReadonlyMap<string, Exclude<keyof Filter, 'resourceSubscriptions'>> = new Map([
  ['notifications/tools/list_changed', 'toolsListChanged'],
  ['notifications/prompts/list_changed', 'promptsListChanged'],
  ['notifications/resources/list_changed', 'resourcesListChanged'],
])

/** The members of a filter that stand for changes of lists. */
export const LIST_MEMBERS = [...MEMBER_OF.values()]

/** Whether a change of a list is to be told. */
export function wantsChange({ listen }: Receiver, method: string): boolean {
  if (!listen) return true
  const member = MEMBER_OF.get(method)
  return member !== undefined && listen.filter[member] === true
}
