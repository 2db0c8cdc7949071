// What the rest of the gateway knows about an MCP server behind us: interfaces only, no transport, no process, no socket.
import type { Caller } from '../base/caller.ts'
import type { Clock } from '../base/clock.ts'
import type { DeadlineWheel } from '../base/deadline.ts'
import type { AppError } from '../base/errors.ts'
import type { JsonObject } from '../base/json.ts'
import type { Logger } from '../base/log.ts'
import type { ServerInfo } from '../engine/context.ts'
import type { Message, RpcError } from '../wire/message.ts'
import type { Edit } from '../wire/splice.ts'
import type { ProcessGuard } from './stdio/guard.ts'

/** `legacy`: 2024-11-05 to 2025-11-25, with initialize and sessions. `modern`: 2026-07-28 and later, stateless. */
export type Era = 'legacy' | 'modern'

/** One request on its way to an upstream. */
export interface UpstreamRequest {
  /** The client's own message, or one the gateway made. Its bytes are spliced, never re-serialised. */
  readonly message: Message
  /** Name, uri and patched fields. The id and the progress token are the link's own affair. */
  readonly edits: readonly Edit[]
  /** Sent upstream over HTTP; ignored on stdio and WebSocket. Nothing else of the client's headers goes upstream. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The final upstream name or uri, for `Mcp-Name`; read from the message when absent. */
  readonly target?: string
  /** The tool's own inputSchema, for `Mcp-Param-*`; without it `headers` may carry them. */
  readonly inputSchema?: unknown
  /** Whose going away gives the request up. */
  readonly caller?: Caller
  /** Milliseconds; a hard maximum, progress does not extend it. Infinity: a subscription, ended by its caller only. */
  readonly timeout: number
  /** Notifications that belong to this request; progress carries the client's own token again. */
  onNotification?(message: Message): void
  /** A request of the server that belongs to this one; resolves to a whole answer with the id of the server's message. */
  onRequest?(asked: ServerRequest): Promise<Uint8Array> | undefined
  /** The server has sent the gateway away in the middle of its answer, to come back for the rest after so many milliseconds. */
  onPause?(retry: number | undefined): void
  /** Where nobody has to see a large result whole; links that cannot pass it on in pieces give it whole. */
  readonly relay?: ResultRelay | undefined
}

/** Takes a large result as it comes, with the client's own id in it. */
export interface ResultRelay {
  /** The client's id as JSON text. */
  readonly id: string
  /** A result of so many bytes begins. False: it is to be given whole after all. */
  begin(bytes: number): boolean
  /** False: the client has enough for now, and `more` is called once it takes more or has gone. */
  write(bytes: Buffer, more: () => void): boolean
}

/**
 * The reply: of kind result or error. Its id is the link's; whoever answers the client splices the client's id in. A result
 * that was relayed has been sent: the message stands for it and is empty.
 */
export interface UpstreamReply {
  readonly message: Message
  readonly relayed?: boolean
}

/** One connection (or stateless endpoint) in one era. */
export interface UpstreamLink {
  readonly era: Era
  /** The negotiated protocol revision, such as `2025-11-25`. */
  readonly revision: string
  readonly capabilities: JsonObject
  readonly serverInfo: JsonObject | undefined
  readonly instructions: string | undefined
  /** Rejects with an AppError: UPSTREAM_UNAVAILABLE, _TIMEOUT, _PROTOCOL, _TOO_LARGE, _QUARANTINED, _KEY_CHANGED or DISPATCH_ABORTED. */
  request(request: UpstreamRequest): Promise<UpstreamReply>
  notify(message: Message): Promise<void>
  close(): Promise<void>
}

/** What attestation says of a server. `due` and `grace` serve; nothing is sent to one that is quarantined. */
export type Admission = 'admitted' | 'due' | 'grace' | 'quarantined'

/** How the other end of a TLS connection has to prove who it is. Empty: as node:tls does by itself. */
export interface PeerTrust {
  /** Lower-case hex SHA-256 of the DER of the key (SPKI) that its certificate has to be for. */
  readonly pin?: string | undefined
  readonly tls?: TlsOptions | undefined
}

export interface TlsOptions {
  /** PEM, one certificate each; undefined: the roots that node:tls trusts by itself; none in it: nobody is trusted. */
  readonly ca?: readonly string[] | undefined
  /** PEM of the chain and the key by which the gateway proves who it is. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined
  /** In place of the check of the host name, such as of a SPIFFE ID; is given the DER of a certificate whose chain is good. */
  readonly identity?: ((certificate: Uint8Array) => Error | undefined) | undefined
}

export type UpstreamState = 'starting' | 'ready' | 'failed' | 'stopped'

export interface UpstreamStatus {
  readonly state: UpstreamState
  /** Why it failed last, fit to show. */
  readonly error?: string
  /** Restarts and reconnects since the start. */
  readonly restarts: number
  /** Wall-clock milliseconds of the last change of state. */
  readonly since: number
  /** The eras it is known to speak. */
  readonly eras: readonly Era[]
}

/**
 * Legacy connections that not all clients share: a request of a server says nothing of the call that caused it, so where a
 * client can be asked, the connection must say whose it is.
 */
export interface Instances {
  /** Who shares an instance (`pool.per`); `auto`: a client that can be asked has its own. */
  readonly per: 'auto' | 'session' | 'principal' | 'tenant'
  /** The link kept under a key, opened on first use. Rejects with UPSTREAM_UNAVAILABLE, also when `pool.max` are in use. */
  open(key: string, client: InstanceClient, signal?: AbortSignal): Promise<UpstreamLink>
  /** The link kept under a key, if it is up. */
  link(key: string): UpstreamLink | undefined
  release(key: string): void
  /** As of an upstream, on the link kept under a key; it is kept for as long as it follows something. */
  follow(key: string, uri: string): Promise<RpcError | undefined>
  unfollow(key: string, uri: string): void
}

/** Who an instance is opened for. */
export interface InstanceClient {
  /** Declared to the server as what its client can do. */
  readonly capabilities: JsonObject
  /** Not tied to a call of the client. */
  notification(message: Message): void
  /** The answer to a request of the server that is not tied to a call; undefined: nobody can be asked. */
  request(asked: ServerRequest): Promise<Uint8Array> | undefined
}

/** A request of a server to its client. */
export interface ServerRequest {
  readonly message: Message
  /** Aborted when the server takes it back or is gone. */
  readonly caller: Caller
  /** Tells the server something before the answer, such as progress. */
  readonly tell: (bytes: Uint8Array) => void
}

/** One configured server, supervised: started, probed, restarted with back-off, stopped. */
export interface Upstream {
  readonly name: string
  readonly tags: readonly string[]
  readonly environment: string | undefined
  readonly tenant: string | undefined
  /** The four above as conditions and plugins see them; frozen. */
  readonly info: ServerInfo
  readonly kind: 'stdio' | 'http' | 'websocket'
  /** True: the gateway does not start without it. */
  readonly required: boolean
  readonly admission: Admission
  /** Why it is admitted so or quarantined, one sentence for people; undefined: nobody said. */
  readonly admissionReason: string | undefined
  /** Why a call is refused without being tried; undefined: it is not. */
  readonly refusal: AppError | undefined
  /**
   * Takes effect at once. Quarantined: calls under way end with UPSTREAM_QUARANTINED, connections and processes are ended, every
   * request is refused; resolves when all of it has ended. Admitted again: it is started; resolves when the first attempt has ended.
   * Never rejects. Links from before stay closed.
   */
  admit(admission: Admission, reason?: string): Promise<void>
  /**
   * What the other end has to prove on every connection from now on, before a byte is sent on it. Connections from before take
   * no new request; calls under way on them may end. Throws CONFIG_INVALID, also for a server that is not reached over TLS.
   */
  secure(trust: PeerTrust): void
  /** What it has to prove now. */
  readonly trust: PeerTrust
  readonly status: UpstreamStatus
  /** Undefined while it is down or when it does not speak that era; both eras at once for a server that speaks both. */
  link(era: Era): UpstreamLink | undefined
  /**
   * A client of this era has come: looks, once, whether the server speaks it natively. Resolves when that is known; never
   * rejects.
   */
  prepare(era: Era): Promise<void>
  /** What clients of this era are served over: the link of their own era, else the other one, bridged. */
  nearest(era: Era): UpstreamLink | undefined
  /** Waits, bounded, for a start or restart; rejects with UPSTREAM_UNAVAILABLE, _ERA, _QUARANTINED, _KEY_CHANGED or DISPATCH_ABORTED. */
  ready(era: Era, signal?: AbortSignal): Promise<UpstreamLink>
  /** The same for the nearest link; never UPSTREAM_ERA. */
  reach(era: Era, signal?: AbortSignal): Promise<UpstreamLink>
  /** A legacy connection of its own, kept under a key until `release`; undefined: this server is shared by all. */
  readonly own: Instances | undefined
  /**
   * Has the server tell of changes to a resource on the link of that era until `unfollow`, also after it was down. Once per URI:
   * whoever asks counts who wants it. Resolves with the server's refusal, or undefined; rejects like a request.
   */
  follow(era: Era, uri: string): Promise<RpcError | undefined>
  unfollow(era: Era, uri: string): void
  /** Resolves when the first attempt has ended, well or badly; a server that is down keeps being tried. */
  start(): Promise<void>
  /** Ends connections and processes, with bounded waits. Idempotent. */
  close(): Promise<void>
}

export type CallOutcome = 'ok' | 'error' | 'unavailable' | 'timeout' | 'aborted' | 'protocol'

/** What an upstream reports; every hook is optional to call but not to implement. */
export interface UpstreamEvents {
  /** Not tied to a request: list_changed, resources/updated, logs of the server. */
  notification(upstream: Upstream, link: UpstreamLink, message: Message): void
  /** A server-to-client request on a connection that says no whose it is; the link has answered -32601 already. */
  request(upstream: Upstream, link: UpstreamLink, message: Message): void
  state(upstream: Upstream): void
  /** One bounded line of the process's stderr. */
  stderr(upstream: Upstream, line: string): void
  /** One finished call, with its milliseconds. */
  call(upstream: Upstream, method: string, ms: number, outcome: CallOutcome): void
  restart(upstream: Upstream): void
  /**
   * A connection was refused because the server showed another key than the pinned one, whose SHA-256 this is; once per
   * connection. Nothing was sent on it.
   */
  keyChanged(upstream: Upstream, spkiSha256: string): void
  /** An HTTP server lost its session and got a new one: the link stays, what is known of its lists is stale. */
  renewed(upstream: Upstream): void
}

export interface UpstreamLimits {
  /** Bytes of one message from the server. */
  readonly response: number
  /** Nesting of one message from the server. */
  readonly depth: number
  /** Milliseconds for requests the gateway itself makes, such as initialize. */
  readonly requestTimeout: number
}

/** How the gateway names itself to servers. */
export interface ClientInfo {
  readonly name: string
  readonly version: string
}

/** What an upstream is given; `random` is for jitter only. */
export interface UpstreamDeps {
  readonly clock: Clock
  /** One wheel for the process spares a timer per server. */
  readonly wheel?: DeadlineWheel
  /** One guard for the process spares a watcher per server; whoever made it closes it, after the upstreams. */
  readonly guard?: ProcessGuard
  /** The gateway's own environment, of which a server process sees the harmless part; `process.env` by default. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly log: Logger
  readonly events: UpstreamEvents
  readonly limits: UpstreamLimits
  readonly clientInfo: ClientInfo
  readonly random?: () => number
  /** `admitted` when absent. Nobody starts one that is quarantined. */
  readonly admission?: Admission
  readonly admissionReason?: string | undefined
  /** See `Upstream.secure`. */
  readonly trust?: PeerTrust | undefined
}
