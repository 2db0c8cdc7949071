// The face of a request that one call of one entry is handed: nothing of another entry can be reached from it.
import { deepFreeze } from '../../base/json.ts'
import type { Step } from '../compile.ts'
import {
  type ClientInfo,
  type Era,
  NOTHING_SHARED,
  type PluginContext,
  type Principal,
  type ServerInfo,
  type Shared,
  type Trace,
} from '../context.ts'
import type { OutcomeSummary } from '../outcome.ts'
import type { Dispatch } from './dispatch.ts'

/** What few calls need, made when asked for: the face itself is allocated for every step of every dispatch. */
interface Extra {
  controller: AbortController | undefined
  snapshot: ReadonlyMap<string, Readonly<Record<string, unknown>>> | undefined
  deadline: number | undefined
}

const RUNNING = 0
const DONE = 1
const CUT_OFF = 2

export class StepContext implements PluginContext {
  readonly #dispatch: Dispatch
  readonly #step: Step
  #stage = RUNNING
  #extra: Extra | null = null

  static {
    // a plugin that reached the class through its own context could otherwise redefine what others are told
    Object.freeze(StepContext.prototype)
  }

  constructor(dispatch: Dispatch, step: Step) {
    this.#dispatch = dispatch
    this.#step = step
  }

  /** The handler has answered: what it still does later has no effect. */
  static done(context: StepContext): void {
    context.#stage = DONE
  }

  /** The handler is no longer waited for. */
  static cutOff(context: StepContext): void {
    if (context.#stage !== RUNNING) return
    context.#stage = CUT_OFF
    context.#dispatch.request.detach(context.#step.entry)
    context.#extra?.controller?.abort()
  }

  get requestId(): string {
    return this.#dispatch.request.identity.requestId
  }
  get trace(): Trace | undefined {
    return frozen(this.#dispatch.request.identity.trace)
  }
  get era(): Era {
    return this.#dispatch.request.identity.era
  }
  get surface(): string {
    return this.#dispatch.request.identity.surface
  }
  get method(): string {
    return this.#dispatch.request.identity.method
  }
  get round(): number {
    return this.#dispatch.request.round
  }
  get origin(): 'client' | 'upstream' | 'plugin' | 'cache' {
    return this.#dispatch.request.origin
  }
  get principal(): Principal {
    return frozen(this.#dispatch.request.identity.principal)
  }
  get client(): ClientInfo | undefined {
    return frozen(this.#dispatch.request.identity.client)
  }
  get session(): string | undefined {
    return this.#dispatch.request.identity.session
  }
  get virtualServer(): string | undefined {
    return this.#dispatch.request.identity.virtualServer
  }
  get server(): ServerInfo | undefined {
    return frozen(this.#dispatch.request.server)
  }
  get generation(): number {
    return this.#dispatch.request.identity.generation
  }
  get dryRun(): boolean {
    return this.#dispatch.request.identity.dryRun === true
  }
  get outcome(): OutcomeSummary | undefined {
    return this.#step.mode.phase === 'observe' ? this.#dispatch.summary : undefined
  }

  get deadline(): number {
    const extra = this.#more()
    const { deadlineAt, plan } = this.#dispatch
    const { timeout, mode } = this.#step
    extra.deadline ??=
      mode.phase === 'observe'
        ? timeout
        : Math.max(0, Math.min(timeout, deadlineAt - plan.parts.clock.now()))
    return extra.deadline
  }

  get signal(): AbortSignal {
    const extra = this.#more()
    if (extra.controller === undefined) {
      extra.controller = new AbortController()
      const gone = this.#step.mode.phase !== 'observe' && this.#dispatch.request.aborted
      if (gone || this.#stage === CUT_OFF) extra.controller.abort()
    }
    return extra.controller.signal
  }

  get state(): Record<string, unknown> {
    if (this.#stage === CUT_OFF) return Object.create(null) as Record<string, unknown>
    return this.#dispatch.request.state(this.#step.entry)
  }

  /** A copy: labels only grow, and only by `addLabel`. */
  get labels(): ReadonlySet<string> {
    return new Set(this.#dispatch.request.labels)
  }

  addLabel(name: string, scope?: 'request' | 'session'): void {
    if (this.#stage !== RUNNING) this.#tooLate('addLabel')
    else this.#dispatch.request.addLabel(name, scope)
  }

  get shared(): Shared {
    const { request } = this.#dispatch
    const parallel = this.#step.mode.phase !== 'chain'
    if (parallel) this.#more().snapshot ??= request.snapshot()
    const snapshot = this.#extra?.snapshot
    return {
      get: (plugin) =>
        snapshot ? (snapshot.get(plugin) ?? NOTHING_SHARED) : request.shared(plugin),
      set: (values) => {
        if (parallel) throw new TypeError('context.shared is read-only in guards and observers')
        if (this.#stage !== RUNNING) this.#tooLate('shared.set')
        else request.share(this.#step.plugin, values)
      },
    }
  }

  #more(): Extra {
    this.#extra ??= { controller: undefined, snapshot: undefined, deadline: undefined }
    return this.#extra
  }

  // thrown in development only: nobody awaits a late handler, so in production the rejection would be unhandled
  #tooLate(what: string): void {
    if (this.#dispatch.plan.parts.writes === 'throw')
      throw new TypeError(`${what} was called after the handler had answered or was given up`)
  }
}

function frozen<T>(value: T): T {
  return Object.isFrozen(value) ? value : deepFreeze(value)
}
