// What every transport is given and reports back; interfaces only.
import type { Clock } from '../base/clock.ts'
import type { DeadlineWheel } from '../base/deadline.ts'
import type { JsonObject } from '../base/json.ts'
import type { Logger } from '../base/log.ts'
import type { Message } from '../wire/message.ts'
import type { Doorway } from './admission/door.ts'
import type {
  CallOutcome,
  ClientInfo,
  ServerRequest,
  UpstreamLimits,
  UpstreamLink,
} from './client.ts'
import type { ProcessGuard } from './stdio/guard.ts'
import type { Peer } from './tls/peer.ts'

/** What a transport reports while its link is up. */
export interface LinkEvents {
  notification(link: UpstreamLink, message: Message): void
  /** Resolves to the answer; undefined: nobody can be asked. */
  request(link: UpstreamLink, asked: ServerRequest): Promise<Uint8Array> | undefined
  stderr(line: string): void
  call(method: string, ms: number, outcome: CallOutcome): void
  /** The same link speaks to a server that has lost its state: what is known of its lists is stale. */
  renewed(link: UpstreamLink): void
}

export interface TransportDeps {
  readonly door: Doorway
  readonly peer: Peer
  readonly clock: Clock
  readonly wheel: DeadlineWheel
  readonly log: Logger
  readonly limits: UpstreamLimits
  readonly clientInfo: ClientInfo
  /** What is declared to legacy servers; modern ones are told with each request. */
  readonly capabilities: JsonObject
  readonly events: LinkEvents
}

export interface ProcessTransportDeps extends TransportDeps {
  readonly guard: ProcessGuard
  readonly environment: Readonly<Record<string, string | undefined>>
}
