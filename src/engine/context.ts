// What is known of one request, shared by all its points; plugins never see it, only the narrow face in step-context.ts.
import { Cancellation } from '../base/caller.ts'
import { deepFreeze } from '../base/json.ts'
import type { OutcomeSummary } from './outcome.ts'
import { plainJson } from './payload/copy.ts'

export type Era = 'legacy' | 'modern'

/** Who asks. An anonymous principal has no roles, not undefined ones, so that conditions deny it (docs/pipeline.md section 7). */
export interface Principal {
  readonly id: string
  readonly kind: 'anonymous' | 'user' | 'service' | 'system'
  readonly roles: readonly string[]
  readonly scopes: readonly string[]
  readonly tenant: string | undefined
  readonly claims: Readonly<Record<string, unknown>>
}

export const ANONYMOUS: Principal = Object.freeze({
  id: 'anonymous',
  kind: 'anonymous',
  roles: Object.freeze([]),
  scopes: Object.freeze([]),
  tenant: undefined,
  claims: Object.freeze({}),
})

export const SYSTEM: Principal = Object.freeze({ ...ANONYMOUS, id: 'system', kind: 'system' })

export interface ServerInfo {
  readonly name: string
  readonly tags: readonly string[]
  readonly environment: string | undefined
  readonly tenant: string | undefined
}

export interface ClientInfo {
  readonly name: string
  readonly version: string
}

/** Labels that outlive a request: one bounded set per session (modern era: per principal and client). */
export interface SessionLabels {
  readonly values: ReadonlySet<string>
  add(name: string): void
}

export interface Trace {
  readonly traceparent: string
}

export interface RequestIdentity {
  readonly requestId: string
  readonly trace: Trace | undefined
  readonly era: Era
  /** The way in: `http`, `express`, `stdio`, `cli`, … */
  readonly surface: string
  readonly method: string
  readonly principal: Principal
  readonly client: ClientInfo | undefined
  readonly session: string | undefined
  readonly sessionLabels?: SessionLabels
  readonly generation: number
  readonly dryRun?: boolean
  /** The virtual server the request came in by; undefined: the gateway as a whole. */
  readonly virtualServer?: string | undefined
}

const MAX_LABELS = 64
const LABEL = /^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}$/

/** One per request. The gateway owns it; plugins never see it, only a `StepContext`. */
export class RequestContext extends Cancellation {
  readonly identity: RequestIdentity
  /** The upstream server the request is for, once its name is resolved. */
  server: ServerInfo | undefined = undefined
  /** The upstream's own name of what the request is for, for the audit. */
  target: string | undefined = undefined
  /** What the client gave, for the audit; its arguments may be parsed by the first who reads them. */
  given: { readonly arguments?: unknown } | undefined = undefined
  /** Who made the answer that post-points see. */
  origin: 'client' | 'upstream' | 'plugin' | 'cache' = 'client'
  round = 0
  /** Entries that passed, point by point, for the audit record of the request. */
  passes: Pass[] | null = null
  /** Rights that its caller was found to have, for the audit record of the request. */
  allowed: string[] | null = null
  #labels: Set<string> | undefined
  #states: Map<string, Record<string, unknown>> | undefined
  #shared: Map<string, Readonly<Record<string, unknown>>> | undefined
  #controller: AbortController | undefined

  constructor(identity: RequestIdentity) {
    super()
    this.identity = identity
  }

  /** Made on first use: a signal costs more than the whole dispatch of a request nobody cancels. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.aborted && !this.#controller.signal.aborted) this.#controller.abort()
    return this.#controller.signal
  }

  /** The caller went away: what waits for a plugin stops waiting at once. */
  override abort(): void {
    super.abort()
    this.#controller?.abort()
  }

  get labels(): ReadonlySet<string> {
    const session = this.identity.sessionLabels?.values
    if (!this.#labels) return session ?? EMPTY_LABELS
    return session && session.size > 0 ? this.#labels.union(session) : this.#labels
  }

  addLabel(name: string, scope: 'request' | 'session' = 'request'): void {
    if (!LABEL.test(name)) throw new TypeError('a label is 1 to 64 letters, digits and _ . : / -')
    this.#labels ??= new Set()
    if (this.#labels.size >= MAX_LABELS && !this.#labels.has(name))
      throw new RangeError(`a request carries at most ${MAX_LABELS} labels`)
    this.#labels.add(name)
    if (scope === 'session' && !this.identity.dryRun) this.identity.sessionLabels?.add(name)
  }

  state(entry: string): Record<string, unknown> {
    this.#states ??= new Map()
    let state = this.#states.get(entry)
    if (!state) {
      state = Object.create(null) as Record<string, unknown>
      this.#states.set(entry, state)
    }
    return state
  }

  /** Cuts a late handler off: what it still holds is no longer what the entry reads at its next point. */
  detach(entry: string): void {
    const state = this.#states?.get(entry)
    if (state) this.#states?.set(entry, Object.assign(Object.create(null), state))
  }

  shared(plugin: string): Readonly<Record<string, unknown>> {
    return this.#shared?.get(plugin) ?? NOTHING_SHARED
  }

  share(plugin: string, values: Readonly<Record<string, unknown>>): void {
    const added = deepFreeze(plainJson(values, SHARED_LIMITS, 'context.shared', 'copied')) as object
    this.#shared ??= new Map()
    this.#shared.set(plugin, Object.freeze({ ...this.#shared.get(plugin), ...added }))
  }

  /** A copy that later writes to this request do not reach: what parallel phases read. */
  snapshot(): ReadonlyMap<string, Readonly<Record<string, unknown>>> {
    return new Map(this.#shared)
  }
}

const EMPTY_LABELS: ReadonlySet<string> = new Set()
export const NOTHING_SHARED: Readonly<Record<string, unknown>> = Object.freeze({})
const SHARED_LIMITS = { bytes: 65_536, depth: 32 }

export interface Pass {
  readonly point: string
  readonly entries: readonly string[]
}

/** What other plugins laid open: each plugin writes only under its own id. */
export interface Shared {
  /** What the plugin with this id shared in this request; empty if nothing. */
  get(plugin: string): Readonly<Record<string, unknown>>
  /** Adds JSON to what this plugin shares; copied. Refused in guards and observers, which run in parallel. */
  set(values: Readonly<Record<string, unknown>>): void
}

/** What a plugin's handler is handed beside the payload (docs/pipeline.md section 11). */
export interface PluginContext {
  readonly requestId: string
  readonly trace: Trace | undefined
  readonly era: Era
  readonly surface: string
  readonly method: string
  readonly round: number
  readonly origin: 'client' | 'upstream' | 'plugin' | 'cache'
  readonly principal: Principal
  readonly client: ClientInfo | undefined
  readonly session: string | undefined
  /** The name of the virtual server the request came in by. */
  readonly virtualServer: string | undefined
  readonly server: ServerInfo | undefined
  readonly generation: number
  /** Milliseconds this call may still take, as of the first reading. */
  readonly deadline: number
  /** Aborts when the call has used up its time, a sibling guard denied, or the caller went away. */
  readonly signal: AbortSignal
  readonly dryRun: boolean
  /** This entry's own bag for the request: written at pre, read at post. */
  readonly state: Record<string, unknown>
  readonly shared: Shared
  readonly labels: ReadonlySet<string>
  /** How the dispatch ended; only observers (audit, background) run late enough to know. */
  readonly outcome: OutcomeSummary | undefined
  addLabel(name: string, scope?: 'request' | 'session'): void
}
