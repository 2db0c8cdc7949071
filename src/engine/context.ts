// What is known of one request, shared by all its points, and the narrow face of it that each plugin is handed.
import { AppError } from '../base/errors.ts'
import type { OutcomeSummary } from './observe.ts'

export type Era = 'legacy' | 'modern'

/** Who asks. An anonymous principal has no roles, not undefined ones, so that conditions deny it (HOOKS.md section 7). */
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
}

const MAX_LABELS = 64
const LABEL = /^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}$/

/** One per request. The gateway owns it; plugins never see it, only a `StepContext`. */
export class RequestContext {
  readonly identity: RequestIdentity
  /** The upstream server the request is for, once its name is resolved. */
  server: ServerInfo | undefined = undefined
  /** Who made the answer that post-points see. */
  origin: 'client' | 'upstream' | 'plugin' | 'cache' = 'client'
  round = 0
  aborted = false
  /** Entries that passed, point by point, for the audit record of the request. */
  passes: Pass[] | null = null
  #labels: Set<string> | undefined
  #states: Map<string, Record<string, unknown>> | undefined
  #shared: Map<string, Readonly<Record<string, unknown>>> | undefined
  #controller: AbortController | undefined

  constructor(identity: RequestIdentity) {
    this.identity = identity
  }

  /** Made on first use: a signal costs more than the whole dispatch of a request nobody cancels. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.aborted && !this.#controller.signal.aborted) this.#controller.abort()
    return this.#controller.signal
  }

  abort(): void {
    this.aborted = true
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

  shared(plugin: string): Readonly<Record<string, unknown>> {
    return this.#shared?.get(plugin) ?? NOTHING_SHARED
  }

  share(plugin: string, values: Readonly<Record<string, unknown>>): void {
    this.#shared ??= new Map()
    this.#shared.set(plugin, Object.freeze({ ...this.#shared.get(plugin), ...values }))
  }

  /** A copy that later writes to this request do not reach: what parallel phases read. */
  snapshot(): ReadonlyMap<string, Readonly<Record<string, unknown>>> {
    return new Map(this.#shared)
  }
}

const EMPTY_LABELS: ReadonlySet<string> = new Set()
const NOTHING_SHARED = Object.freeze({})

export interface Pass {
  readonly point: string
  readonly entries: readonly string[]
}

/** What other plugins laid open: each plugin writes only under its own id. */
export interface Shared {
  /** What the plugin with this id shared in this request; empty if nothing. */
  get(plugin: string): Readonly<Record<string, unknown>>
  /** Adds to what this plugin shares. Refused in guards and observers, which run in parallel. */
  set(values: Readonly<Record<string, unknown>>): void
}

/** What a plugin's handler is handed beside the payload (HOOKS.md section 11). */
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
  readonly server: ServerInfo | undefined
  readonly generation: number
  /** Milliseconds this call may still take when it was handed over. */
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

/** The face of a request for one call of one entry; a late handler keeps only its own. */
export class StepContext implements PluginContext {
  readonly #request: RequestContext
  readonly #entry: string
  readonly #plugin: string
  readonly #parallel: boolean
  readonly deadline: number
  readonly outcome: OutcomeSummary | undefined
  #controller: AbortController | undefined
  #over = false
  #snapshot: ReadonlyMap<string, Readonly<Record<string, unknown>>> | undefined

  constructor(
    request: RequestContext,
    step: { entry: string; plugin: string },
    deadline: number,
    parallel: boolean,
    outcome?: OutcomeSummary,
  ) {
    this.outcome = outcome
    this.#request = request
    this.#entry = step.entry
    this.#plugin = step.plugin
    this.deadline = deadline
    this.#parallel = parallel
  }

  /** Called by the runner when the step is over, whether or not the handler has noticed. */
  static end(context: StepContext, abort: boolean): void {
    context.#over = true
    if (abort) context.#controller?.abort()
  }

  get requestId(): string {
    return this.#request.identity.requestId
  }
  get trace(): Trace | undefined {
    return this.#request.identity.trace
  }
  get era(): Era {
    return this.#request.identity.era
  }
  get surface(): string {
    return this.#request.identity.surface
  }
  get method(): string {
    return this.#request.identity.method
  }
  get round(): number {
    return this.#request.round
  }
  get origin(): 'client' | 'upstream' | 'plugin' | 'cache' {
    return this.#request.origin
  }
  get principal(): Principal {
    return this.#request.identity.principal
  }
  get client(): ClientInfo | undefined {
    return this.#request.identity.client
  }
  get session(): string | undefined {
    return this.#request.identity.session
  }
  get server(): ServerInfo | undefined {
    return this.#request.server
  }
  get generation(): number {
    return this.#request.identity.generation
  }
  get dryRun(): boolean {
    return this.#request.identity.dryRun === true
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      const controller = new AbortController()
      this.#controller = controller
      const { signal } = this.#request
      if (signal.aborted || this.#over) controller.abort()
      else
        signal.addEventListener('abort', () => controller.abort(), {
          once: true,
          signal: controller.signal,
        })
    }
    return this.#controller.signal
  }

  get state(): Record<string, unknown> {
    return this.#request.state(this.#entry)
  }

  get labels(): ReadonlySet<string> {
    return this.#request.labels
  }

  addLabel(name: string, scope?: 'request' | 'session'): void {
    if (this.#over) throw new AppError('PLUGIN_TIMEOUT', 'the call this context belongs to is over')
    this.#request.addLabel(name, scope)
  }

  get shared(): Shared {
    const parallel = this.#parallel
    if (parallel) this.#snapshot ??= this.#request.snapshot()
    return {
      get: (plugin) =>
        this.#snapshot
          ? (this.#snapshot.get(plugin) ?? NOTHING_SHARED)
          : this.#request.shared(plugin),
      set: (values) => {
        if (parallel || this.#over)
          throw new TypeError(
            'context.shared is read-only in guards and observers, and after the call',
          )
        this.#request.share(this.#plugin, values)
      },
    }
  }
}
