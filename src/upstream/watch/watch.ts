// What is done for a connection while it is up: its health is asked for, changes are listened to, resources are followed; all of it ends with the connection.
import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { Message } from '../../wire/message.ts'
import type { ClientInfo } from '../client.ts'
import type { Follower } from '../follow.ts'
import { listenForChanges } from '../http/listen.ts'
import type { Connection } from '../lane.ts'
import type { HealthOptions } from '../options.ts'
import { watchHealth } from './health.ts'

export interface WatchDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly clientInfo: ClientInfo
  readonly random: () => number
  readonly health: HealthOptions
  /** Milliseconds a server may take to agree to tell of changes. */
  readonly timeout: number
  readonly follower: Follower
  notification(message: Message): void
}

/** Until the connection is lost or `signal` aborts. */
export function watchOver(connection: Connection, signal: AbortSignal, deps: WatchDeps): void {
  const { link } = connection
  const { follower, health } = deps
  const unwatch = watchHealth(connection, { ...deps, every: health.every, timeout: health.timeout })
  const listening = listenForChanges(link, {
    ...deps,
    restart: health.restart,
    resources: follower.uris,
  })
  const detach = follower.attach(link, listening)
  const end = () => {
    unwatch()
    detach()
    listening.end()
  }
  void connection.lost.then(end)
  signal.addEventListener('abort', end, { once: true })
}
