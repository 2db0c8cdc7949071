// A bench for the engine: points with simple rules, time in the test's hands, real expressions, a sink that remembers.
import type { Clock } from '../../src/base/clock.ts'
import { ANONYMOUS, RequestContext, type RequestIdentity } from '../../src/engine/context.ts'
import type { DispatchOptions } from '../../src/engine/dispatch/run.ts'
import {
  createEngine,
  type Engine,
  type EngineDeps,
  type EngineLimits,
  type FaultEvent,
  type Generation,
  type VerdictEvent,
} from '../../src/engine/engine.ts'
import type { PointRules } from '../../src/engine/point.ts'
import type { Registration } from '../../src/engine/registry.ts'
import { createRecorder } from '../../src/engine/trace.ts'
import { conditionCompiler, createExpression } from '../../src/expression/expression.ts'

/** Time that moves when the test says so; timers run in the order they are due. */
export class ManualClock implements Clock {
  #now = 1000
  #timers: { at: number; run: () => void }[] = []

  now = (): number => this.#now
  wall = (): number => 1_700_000_000_000 + this.#now
  after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.#now + ms, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  get timers(): number {
    return this.#timers.length
  }

  /** Lets what is pending in the microtask queue settle between timers. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await settle()
      const due = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0]
      if (!due) break
      this.#timers.splice(this.#timers.indexOf(due), 1)
      this.#now = Math.max(this.#now, due.at)
      due.run()
    }
    this.#now = end
    await settle()
  }
}

export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

const isText = (value: unknown) => typeof value === 'string'
const isRecord = (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const common = { class: 'data', deny: true, observe: false, content: [] } as const

/** `call` and `reply` are shaped like a tool's pre- and post-point; `tell` only tells. */
export const RULES = {
  call: {
    ...common,
    writable: {
      name: { path: ['name'], accepts: isText },
      arguments: { path: ['arguments'], accepts: isRecord },
      headers: { path: ['headers'], accepts: isRecord },
    },
    respond: true,
    answer: isRecord,
    ask: true,
    content: ['arguments', 'headers'],
    target: { field: 'name', condition: 'tools' },
    conditions: [
      'servers', 'tags', 'environments', 'tools', 'tenants', 'users', 'agents', 'roles', 'methods', 'eras', 'labels',
    ], // biome-ignore format: a table
    methods: ['tools/call'],
  },
  reply: {
    ...common,
    writable: {
      content: { path: ['result', 'content'], accepts: Array.isArray },
      error: { path: ['error'], accepts: isRecord, merge: true },
    },
    respond: false,
    ask: false,
    content: ['result', 'error'],
    target: { field: 'name', condition: 'tools' },
    conditions: ['servers', 'tools', 'content_types', 'labels'],
    contentTypes: (payload: { types?: string[] }) => payload.types ?? [],
  },
  fetch: {
    ...common,
    writable: { uri: { path: ['uri'], accepts: isText } },
    respond: false,
    ask: false,
    target: { field: 'uri', condition: 'resources' },
    conditions: ['servers', 'resources'],
  },
  check: {
    ...common,
    writable: { decision: { path: ['decision'], accepts: (value: unknown) => value === 'no' } },
    respond: true,
    answer: isRecord,
    joins: (before: unknown, next: unknown) => ({ ...(before as object), ...(next as object) }),
    entitled: (answer: unknown) => (answer as { grants?: boolean }).grants === true,
    ask: false,
    conditions: [],
  },
  tell: {
    ...common,
    writable: {},
    deny: false,
    observe: true,
    respond: false,
    ask: false,
    conditions: [],
  },
} satisfies Record<string, PointRules>

type AnyPayload = { [member: string]: unknown }
type Kinds = {
  [K in keyof typeof RULES]: { payload: AnyPayload; patch: AnyPayload; answer: unknown }
}

export const LIMITS: EngineLimits = {
  payload: 1_048_576,
  points: { reply: 8_388_608 },
  depth: 64,
  dispatch: { data: 10_000, control: 30_000, admission: 150_000 },
}

export type Entry = Omit<Partial<Registration>, 'handler'> & {
  readonly handler: (payload: never, context: never) => unknown
}

export interface Bench {
  readonly clock: ManualClock
  readonly engine: Engine<Kinds>
  readonly verdicts: VerdictEvent[]
  readonly faults: FaultEvent[]
  readonly dispatched: string[]
  dropped: number
  generation(entries: Record<string, Entry>, limits?: Partial<EngineLimits>): Generation<Kinds>
  /** Dispatches at `call` (or another point) and settles; `steps` are what a recorder saw. */
  run(entries: Record<string, Entry>, how?: How): Promise<Ran>
}

export interface How {
  readonly point?: keyof typeof RULES
  readonly payload?: AnyPayload
  readonly request?: RequestContext
  readonly options?: DispatchOptions
  readonly limits?: Partial<EngineLimits>
}

type AnyOutcome = Awaited<
  ReturnType<NonNullable<ReturnType<Generation<Kinds>['runner']>>['dispatch']>
>

export interface Ran {
  readonly outcome: AnyOutcome
  readonly steps: ReturnType<typeof createRecorder>['steps']
  readonly request: RequestContext
}

let requests = 0

export function request(identity: Partial<RequestIdentity> = {}): RequestContext {
  return new RequestContext({
    requestId: `r${++requests}`,
    trace: undefined,
    era: 'modern',
    surface: 'http',
    method: 'tools/call',
    principal: ANONYMOUS,
    client: undefined,
    session: undefined,
    generation: 1,
    ...identity,
  })
}

export const CALL = (): AnyPayload => ({
  server: 'files',
  name: 'read_file',
  exposedName: 'files__read_file',
  arguments: { path: '/etc/passwd', list: [3, 1, 2], deep: { text: 'x' } },
  headers: {},
})

export const SERVER = {
  name: 'files',
  tags: ['prod'],
  environment: 'production',
  tenant: undefined,
}

/** Registrations from a table of entries; those of equal priority stand in the order of the table. */
export function registrations(entries: Record<string, Entry>, point = 'call'): Registration[] {
  return Object.entries(entries).map(([entry, settings], order) => ({
    entry,
    plugin: `p-${entry}`,
    point,
    mode: 'enforce',
    priority: 100,
    order,
    timeout: 1000,
    onError: 'fail',
    ...settings,
    handler: settings.handler as Registration['handler'],
  }))
}

export function bench(deps: Partial<EngineDeps> = {}): Bench {
  const clock = new ManualClock()
  const expression = createExpression()
  const verdicts: VerdictEvent[] = []
  const faults: FaultEvent[] = []
  const dispatched: string[] = []
  const self = { dropped: 0 }
  const engine = createEngine<Kinds>(RULES, {
    clock,
    expression: conditionCompiler(expression),
    sink: {
      verdict: (event) => verdicts.push(event),
      fault: (event) => faults.push(event),
      dispatched: (point, _ms, outcome) => dispatched.push(`${point} ${outcome}`),
      observerDropped: () => self.dropped++,
    },
    defer: (run) => queueMicrotask(run),
    ...deps,
  })
  const generation = (
    entries: Record<string, Entry>,
    limits: Partial<EngineLimits> = {},
    point = 'call',
  ) => engine.generation(registrations(entries, point), { ...LIMITS, ...limits })
  return Object.assign(self, {
    clock,
    engine,
    verdicts,
    faults,
    dispatched,
    generation,
    async run(entries: Record<string, Entry>, how: How = {}): Promise<Ran> {
      const { point = 'call', payload = CALL() } = how
      const about = how.request ?? request()
      about.server ??= SERVER
      const recorder = createRecorder()
      const scope = { server: SERVER, target: (payload.name ?? payload.uri) as string | undefined }
      const runner = generation(entries, how.limits, point).runner(point, scope)
      if (runner === null) throw new Error('nobody would run')
      const outcome = await runner.dispatch(payload, about, { recorder, ...how.options })
      return { outcome, steps: recorder.steps, request: about }
    },
  })
}

/** A promise and its two ends. */
export function gate<T = unknown>(): PromiseWithResolvers<T> {
  return Promise.withResolvers<T>()
}
