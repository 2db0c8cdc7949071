// Sessions of the legacy era: owned by the gateway, bounded in number, ended when idle. A session id never authenticates.
import { LRUCache } from 'lru-cache'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { FewMap, FewSet } from '../base/few.ts'
import type { JsonObject } from '../base/json.ts'
import type { ClientInfo, Principal, RequestContext, SessionLabels } from '../engine/context.ts'
import { isOwner, ownerKey } from './access/owner.ts'
import type { Asking } from './input/asking.ts'
import type { Route } from './input/relay.ts'
import type { SessionEvents } from './stream/memory.ts'

export interface Session {
  readonly id: string
  readonly revision: string
  readonly principal: Principal
  readonly client: ClientInfo
  readonly capabilities: JsonObject
  readonly labels: SessionLabels
  /** The virtual server it was opened on, and is known on. */
  readonly virtualServer: string | undefined
  /** The least severe level of log messages the client wants; undefined: whatever the servers send. */
  logLevel: string | undefined
  /** What its client is being asked; made when it is asked first. */
  asking: Asking | undefined
  /** The ways to its client of calls under way whose servers may ask. */
  readonly routes: FewSet<Route>
  /** Requests in flight by their JSON-RPC id, so that they can be cancelled. */
  readonly inflight: FewMap<string | number, RequestContext>
  /** GET streams that are open or waited for; a message goes to exactly one of them. */
  readonly streams: FewSet<SessionStream>
  /** Servers this session has called: a log without a request goes to a session that is alone on its server. */
  readonly servers: FewSet<string>
  /** What its streams have sent, for a client that comes back. */
  events: SessionEvents | undefined
  ended: boolean
  lastUsed: number
}

export interface SessionStream {
  /** No client is connected, but one may come back. */
  readonly waiting: boolean
  /** False when the stream is gone. `dropped`: a policy did not let it through after all. */
  send(message: Buffer, dropped?: () => void): boolean
  close(): void
}

export interface SessionSeed
  extends Pick<Session, 'revision' | 'principal' | 'client' | 'capabilities'> {
  readonly virtualServer?: string | undefined
  /** Labels that the opening earned. */
  readonly labels?: SessionLabels
}

export interface Sessions {
  /** Throws SESSION_LIMIT when all places are taken by sessions in use. */
  open(seed: SessionSeed): Session
  /** Throws SESSION_REQUIRED or SESSION_UNKNOWN. */
  get(id: string | undefined, principal: Principal, virtualServer?: string): Session
  /** It is in use: every other session is idle for longer. */
  use(session: Session): void
  end(session: Session, cause: string): void
  readonly size: number
  all(): Iterable<Session>
  /** Whether a session that called this server has ended so lately that its call may still be running there. */
  leftBehind(server: string): boolean
  /** Ends the streams, so that a draining server is not held open by them; the sessions stay. */
  closeStreams(): void
  close(): void
}

export interface SessionOptions {
  readonly clock: Clock
  /** How many may be open; read anew each time, as a reload may change it. */
  readonly max: () => number
  readonly createId: () => string
  readonly ended: (session: Session, cause: string) => void
}

/** A session nobody uses for this long is ended. */
const IDLE = 30 * 60_000
/** When all places are taken, one unused for this long makes room. */
const YIELDS = 60_000
const MAX_SESSION_LABELS = 64
/** A server that ignores a cancellation may still log for a session that has ended, but not for ever. */
const LINGERS = 60_000

export function createSessions({ clock, max, createId, ended }: SessionOptions): Sessions {
  // insertion order is order of use: a session in use is taken out and put in again
  const sessions = new Map<string, Session>()
  const cancelSweep = sweepEvery(clock, IDLE / 10, () => {
    for (const session of sessions.values()) {
      if (clock.now() - session.lastUsed < IDLE) break
      if (isIdle(session)) end(session, 'idle')
    }
  })

  // by server; as many as servers are configured
  const left = new Map<string, number>()

  function end(session: Session, cause: string): void {
    if (!sessions.delete(session.id)) return
    for (const server of session.servers.values()) left.set(server, clock.now())
    for (const request of session.inflight.values()) request.abort()
    session.asking?.close()
    for (const stream of session.streams.values()) stream.close()
    session.ended = true
    session.events?.clear()
    ended(session, cause)
  }

  function use(session: Session): void {
    session.lastUsed = clock.now()
    if (sessions.delete(session.id)) sessions.set(session.id, session)
  }

  function makeRoom(): void {
    for (const session of sessions.values()) {
      if (clock.now() - session.lastUsed < YIELDS) break
      if (isIdle(session)) {
        end(session, 'made room')
        return
      }
    }
    throw new AppError(
      'SESSION_LIMIT',
      `all ${max()} sessions are in use; end idle ones, or try again later`,
    )
  }

  return {
    open(seed) {
      if (sessions.size >= max()) makeRoom()
      const session: Session = {
        ...seed,
        id: createId(),
        labels: seed.labels ?? createSessionLabels(),
        virtualServer: seed.virtualServer,
        logLevel: undefined,
        asking: undefined,
        routes: new FewSet(),
        inflight: new FewMap(),
        streams: new FewSet(),
        servers: new FewSet(),
        events: undefined,
        ended: false,
        lastUsed: clock.now(),
      }
      sessions.set(session.id, session)
      return session
    },
    get(id, principal, virtualServer) {
      if (id === undefined)
        throw new AppError(
          'SESSION_REQUIRED',
          'the request has no Mcp-Session-Id; send initialize first',
        )
      const session = sessions.get(id)
      if (
        !session ||
        !isOwner(session.principal, principal) ||
        session.virtualServer !== virtualServer
      ) {
        throw new AppError(
          'SESSION_UNKNOWN',
          'the session is unknown or has ended; send initialize again',
        )
      }
      use(session)
      return session
    },
    use,
    end,
    get size() {
      return sessions.size
    },
    all: () => sessions.values(),
    leftBehind: (server) => clock.now() - (left.get(server) ?? Number.NEGATIVE_INFINITY) < LINGERS,
    closeStreams() {
      for (const session of sessions.values())
        for (const stream of session.streams.values()) stream.close()
    },
    close() {
      cancelSweep()
      for (const session of [...sessions.values()]) end(session, 'shutdown')
    },
  }
}

function isIdle(session: Session): boolean {
  return session.inflight.size === 0 && session.streams.values().every(({ waiting }) => waiting)
}

export function createSessionLabels(): SessionLabels {
  return new Labels()
}

class Labels implements SessionLabels {
  #values: Set<string> | undefined = undefined

  get values(): ReadonlySet<string> {
    return this.#values ?? NO_LABELS
  }

  add(name: string): void {
    this.#values ??= new Set()
    if (this.#values.size >= MAX_SESSION_LABELS && !this.#values.has(name))
      throw new RangeError(`a session carries at most ${MAX_SESSION_LABELS} labels`)
    this.#values.add(name)
  }
}

/**
 * Bounded and forgotten when unused: the modern era's stand-in for the labels of a session. Only a client that has a label is
 * remembered, so that a crowd of clients without any does not push it out.
 */
export function createClientLabels(
  now: () => number,
): (principal: Principal, client: ClientInfo) => SessionLabels {
  const kept = new LRUCache<string, SessionLabels>({
    max: 1000,
    ttl: IDLE,
    updateAgeOnGet: true,
    perf: { now },
  })
  return (principal, client) => new ClientLabels(kept, principal, client)
}

/** Made for every request, so it looks nothing up until it is asked. */
class ClientLabels implements SessionLabels {
  readonly #kept: LRUCache<string, SessionLabels>
  readonly #principal: Principal
  readonly #client: ClientInfo

  constructor(kept: LRUCache<string, SessionLabels>, principal: Principal, client: ClientInfo) {
    this.#kept = kept
    this.#principal = principal
    this.#client = client
  }

  get values(): ReadonlySet<string> {
    if (this.#kept.size === 0) return NO_LABELS
    return this.#kept.get(this.#key())?.values ?? NO_LABELS
  }

  add(name: string): void {
    const key = this.#key()
    const known = this.#kept.get(key) ?? createSessionLabels()
    known.add(name)
    this.#kept.set(key, known)
  }

  #key(): string {
    const { name, version } = this.#client
    return JSON.stringify([ownerKey(this.#principal), name, version])
  }
}

const NO_LABELS: ReadonlySet<string> = new Set()

function sweepEvery(clock: Clock, ms: number, run: () => void): () => void {
  let cancel = clock.after(ms, function again() {
    run()
    cancel = clock.after(ms, again)
  })
  return () => cancel()
}
