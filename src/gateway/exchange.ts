// One exchange with a client: its context, the runtime it pins, and what every handler of a method is handed.
import type { Clock } from '../base/clock.ts'
import type { DeadlineWheel } from '../base/deadline.ts'
import { AppError } from '../base/errors.ts'
import type { FewMap } from '../base/few.ts'
import type { JsonObject } from '../base/json.ts'
import type { Logger } from '../base/log.ts'
import {
  ANONYMOUS,
  type ClientInfo,
  type Principal,
  RequestContext,
  type RequestIdentity,
  type SessionLabels,
} from '../engine/context.ts'
import type { Outcome } from '../engine/outcome.ts'
import type { StampedViolation } from '../engine/verdict.ts'
import type { Target } from '../identity/access.ts'
import type { ResultRelay, Upstream } from '../upstream/client.ts'
import type { HeaderBag } from '../wire/header-value.ts'
import type { Message } from '../wire/message.ts'
import type { Answer, RpcId } from './answer.ts'
import type { Cursors } from './catalog/cursor.ts'
import type { Listed } from './catalog/listed.ts'
import type { HeldCalls } from './input/held.ts'
import type { InputStates } from './input/state.ts'
import type { Self } from './meta.ts'
import type { Runtime } from './runtime.ts'
import type { Session, SessionStream, Sessions } from './session.ts'
import type { EventMemory } from './stream/memory.ts'
import type { Subscriptions } from './subscription/ledger.ts'
import type { Listens } from './subscription/listens.ts'
import type { Receiver } from './subscription/receiver.ts'
import type { TaskIds } from './task/ids.ts'

/** Becomes known step by step while a request is read; nobody but the gateway writes it. */
export type Identity = { -readonly [K in keyof RequestIdentity]: RequestIdentity[K] }

export interface Exchange {
  readonly identity: Identity
  readonly request: RequestContext
  readonly runtime: Runtime
  readonly startedAt: number
  /** It has been decided what its caller may do. */
  decided: boolean
}

/** Where messages for the client go while its request is being worked on. */
export interface Outbound {
  /** What belongs to the request; false when the client cannot take it. `dropped`: a policy did not let it through after all. */
  notify(message: Buffer, dropped?: () => void): boolean
  /** The server has asked the gateway to come back for the rest; so may the client be. */
  pause?(retry: number | undefined): void
  /** What the client has been answered instead, after which nobody waits for the call. */
  readonly refusal?: Answer | undefined
  /**
   * A stream for a request that stands: it is sent to until the answer, and no runtime is held for it any more. Undefined: a policy
   * refused the response or the client has gone. Rejects with WIRE_NOT_ACCEPTABLE.
   */
  stand(): Promise<SessionStream | undefined>
  /** Takes a large result in pieces; undefined where it has to be whole. */
  relay?(id: RpcId): ResultRelay | undefined
}

/** One JSON-RPC request or notification on its way through the dispatcher. */
export interface Call {
  readonly exchange: Exchange
  readonly message: Message
  /** The revision the client speaks. */
  readonly revision: string
  /** Legacy era only. */
  readonly session: Session | undefined
  /** Requests in flight where they belong to a connection and not to a session: cancelled by id in both eras. */
  readonly inflight?: FewMap<string | number, RequestContext>
  /** What the client declared that it can do. */
  readonly capabilities: JsonObject
  readonly outbound: Outbound
  /** The headers of the HTTP request as the http points left them; empty on other transports. */
  readonly headers: HeaderBag
  readonly room: Room
}

/** What one finished request is reported as. */
export interface Finished {
  readonly call: Call
  readonly answer: Answer
  readonly ms: number
}

/** What the handlers share. One per gateway. */
export interface Room {
  readonly clock: Clock
  /** All deadlines of requests. */
  readonly wheel: DeadlineWheel
  readonly log: Logger
  readonly self: Self
  readonly sessions: Sessions
  /** What clients of either era follow at servers. */
  readonly subscriptions: Subscriptions
  readonly listens: Listens
  readonly cursors: Cursors
  /** What lists are put together from. */
  readonly listed: Listed
  readonly createId: () => string
  readonly current: () => Runtime
  readonly report: Reporter
  /** What servers' requests to clients of the modern era wait in. */
  readonly states: InputStates
  readonly held: HeldCalls
  readonly tasks: TaskIds
  /** Sends a session what a server says on a connection of its own. */
  readonly deliver: (session: Session, upstream: Upstream, message: Message) => void
  /** What streams of the legacy era have sent, for clients that come back. */
  readonly memory: EventMemory
  /** Streams that a client is connected to. */
  readonly streams: Set<OpenStream>
  /** Tells who follows it of an update on a connection kept under this key. */
  readonly updated: (upstream: Upstream, key: string, message: Message) => void
  /** Labels of scope session in the modern era, which has no sessions: by principal and client, with a lifetime. */
  readonly labelsOf: (principal: Principal, client: ClientInfo) => SessionLabels
}

export interface OpenStream {
  /** Another generation is in force. */
  reloaded(): void
}

/** Told what happened; must not throw and must not wait. */
export interface Reporter {
  /** A session of the legacy era has ended; reaches session_post_close. */
  sessionEnded(session: Session, cause: string): void
  /** An operation ended, well or badly. `outcome`: ok, error, denied, fault. */
  finished(
    exchange: Exchange,
    outcome: 'ok' | 'error' | 'denied' | 'fault',
    code: string | undefined,
  ): void
  /** A failure, whoever's it was; reaches the error_raised point. */
  raised(exchange: Exchange, fault: AppError, where: string): void
  /** A permission decision that was made, also when it was a yes. */
  decided(exchange: Exchange, decision: Decision): void
  /** A notification that was not delivered. */
  dropped(reason: string): void
}

/** What was asked and what came of it. */
export interface Decision {
  /** The right. */
  readonly action: string
  /** Undefined: a listing. */
  readonly target?: Target
  /** How many items of a listing were asked about, and how many of them are not shown. */
  readonly count?: number
  readonly hidden?: number
  /** Undefined: allowed. */
  readonly violation: StampedViolation | undefined
}

/** Throws WIRE_NOT_FOUND for a virtual server that a reload has taken away. */
export function createExchange(
  room: Room,
  surface: string,
  traceparent: string | undefined,
  virtualServer?: string,
): Exchange {
  return exchangeIn(room, runtimeOf(room, virtualServer), surface, traceparent, virtualServer)
}

function exchangeIn(
  room: Room,
  runtime: Runtime,
  surface: string,
  traceparent?: string,
  virtualServer?: string,
): Exchange {
  const identity: Identity = {
    requestId: room.createId(),
    trace: traceparent ? { traceparent } : undefined,
    era: 'legacy',
    surface,
    method: '',
    principal: ANONYMOUS,
    client: undefined,
    session: undefined,
    generation: runtime.generation.id,
    virtualServer,
  }
  return {
    identity,
    request: new RequestContext(identity),
    runtime,
    startedAt: room.clock.now(),
    decided: false,
  }
}

function runtimeOf(room: Room, virtualServer: string | undefined): Runtime {
  const whole = room.current()
  if (virtualServer === undefined) return whole
  const runtime = whole.virtualServers.get(virtualServer)
  if (!runtime) throw new AppError('WIRE_NOT_FOUND', 'there is no such virtual server any more')
  return runtime
}

/** In force now, for what is said without a request; one that has been taken away ends its sessions, but is still named to them. */
export function presentRuntime(room: Room, virtualServer: string | undefined): Runtime {
  const whole = room.current()
  return whole.virtualServers.get(virtualServer ?? '') ?? whole
}

/** An exchange that no request of the client began, for what a server says to a session or a subscription. */
export function sessionExchange(
  room: Room,
  receiver: Receiver,
  method: string,
  server: Upstream | undefined,
): Exchange {
  const { virtualServer } = receiver
  const runtime = presentRuntime(room, virtualServer)
  const exchange = exchangeIn(room, runtime, 'stream', undefined, virtualServer)
  Object.assign(exchange.identity, {
    method,
    era: receiver.listen ? 'modern' : 'legacy',
    session: receiver.id,
    client: receiver.client,
    principal: receiver.principal,
    sessionLabels: receiver.labels,
  })
  if (server) exchange.request.server = server.info
  return exchange
}

/** The same exchange for another message of it: its own method and server, the same labels so far. */
export function derivedRequest(
  exchange: Exchange,
  method: string,
  server: Upstream | undefined,
): RequestContext {
  const derived = new RequestContext({ ...exchange.identity, method })
  // those of the session are there already; together they may be more than a request carries of its own
  const kept = exchange.identity.sessionLabels?.values
  for (const label of exchange.request.labels) if (!kept?.has(label)) derived.addLabel(label)
  derived.server = server ? server.info : exchange.request.server
  return derived
}

export type PointOutcome = Outcome<object>
