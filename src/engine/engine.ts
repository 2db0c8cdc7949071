// The hook engine: points and registrations in, generations of compiled runners out. It knows neither MCP nor where plugins come from.
import type { Clock } from '../base/clock.ts'
import { canonicalText } from '../base/json.ts'
import { type Plan, type PreparedPoint, planFor, preparePoint } from './compile.ts'
import type { ExpressionCompiler, Scope } from './condition.ts'
import type { RequestContext } from './context.ts'
import { createFlights, type Flights, type InFlight } from './dispatch/flight.ts'
import { createObserverQueue, type ObserverQueue } from './dispatch/observe.ts'
import { type DispatchOptions, run } from './dispatch/run.ts'
import { type EngineSink, guarded } from './dispatch/sink.ts'
import type { Mode } from './mode.ts'
import type { Outcome } from './outcome.ts'
import type { WritePolicy } from './payload/view.ts'
import type { PointClass, PointTable, PointTypes } from './point.ts'
import { inOrder, type Registration } from './registry.ts'
import { createStats, type StepStats } from './stats.ts'

export interface EngineDeps {
  readonly clock: Clock
  readonly expression: ExpressionCompiler
  readonly sink: EngineSink
  /** Runs later, off the caller's path. */
  readonly defer: (run: () => void) => void
  /** What a write to a payload does. */
  readonly writes?: WritePolicy
  /** Collect the names of entries that passed, for one audit record per request. */
  readonly passes?: boolean
  /** How many finished dispatches may wait for their observers; more are dropped and counted. */
  readonly observerBound?: number
}

/** What the inner files of the engine share. */
export interface EngineParts {
  readonly clock: Clock
  readonly flights: Flights
  readonly expression: ExpressionCompiler
  readonly sink: EngineSink
  readonly writes: WritePolicy
  readonly passes: boolean
  readonly observers: ObserverQueue
  stats(point: string, entry: string, plugin: string): StepStats
}

export interface EngineLimits {
  readonly payload: number
  readonly points: Readonly<Record<string, number>>
  readonly depth: number
  readonly dispatch: Readonly<Record<PointClass, number>>
}

export interface Runner<P extends object, A> {
  /** Never rejects. Synchronous when every entry was. */
  dispatch(
    payload: P,
    request: RequestContext,
    options?: DispatchOptions,
  ): Outcome<P, A> | Promise<Outcome<P, A>>
  /** Entries in the order they would run: chain, guards, observers. */
  readonly plan: Plan
}

export type { EngineSink, FaultEvent, StepName, VerdictEvent } from './dispatch/sink.ts'
export type { InFlight }

/** One immutable, compiled set of entries. */
export interface Generation<T extends PointTypes> {
  readonly id: number
  /** Null when nobody would run: test for it, and pay nothing. */
  runner<K extends keyof T & string>(
    point: K,
    scope?: Scope,
  ): Runner<T[K]['payload'], T[K]['answer']> | null
  /** Points at which anything is registered. */
  readonly points: ReadonlySet<string>
  /** Entries of a point in the order of their priorities, whether or not their conditions can match in some scope. */
  entries(point: string): readonly { entry: string; plugin: string; mode: Mode }[]
  /** Who judges at a point, and by what: a text that changes when a verdict may. How long they may take is no part of it. */
  signature(point: string): string
}

export interface Engine<T extends PointTypes> {
  /** Compiles registrations. Throws CONFIG_INVALID with what is wrong. */
  generation(registrations: readonly Registration[], limits: EngineLimits): Generation<T>
  /** Counters of every entry at every point it ever ran at. */
  readonly stats: readonly StepStats[]
  /** Steps that have not answered yet: shutdown and the watchdog name them. */
  readonly inflight: ReadonlySet<InFlight>
  readonly observers: ObserverQueue
  /** How often the sink threw; each time something was not told. */
  readonly sinkFailures: number
}

/** Runners kept per server and target; beyond that the cache of the server starts anew. */
const MAX_TARGETS = 1024
const MAX_SERVERS = 1024

/** No name: not the empty one. */
const NONE = '\0'

type AnyRunner = Runner<object, unknown>

export function createEngine<T extends PointTypes>(
  points: PointTable<T>,
  deps: EngineDeps,
): Engine<T> {
  const stats = new Map<string, StepStats>()
  let generations = 0
  let sinkFailures = 0
  const parts: EngineParts = {
    clock: deps.clock,
    flights: createFlights(deps.clock),
    expression: deps.expression,
    sink: guarded(deps.sink, () => sinkFailures++),
    writes: deps.writes ?? 'ignore',
    passes: deps.passes === true,
    observers: createObserverQueue(deps.defer, deps.observerBound ?? 1024),
    stats(point, entry, plugin) {
      const key = `${point}\0${entry}`
      let counters = stats.get(key)
      if (!counters) {
        counters = createStats(point, entry, plugin)
        stats.set(key, counters)
      }
      return counters
    },
  }
  return {
    generation: (registrations, limits) =>
      createGeneration<T>(++generations, points, registrations, limits, parts),
    get stats() {
      return [...stats.values()]
    },
    get inflight() {
      return parts.flights.list()
    },
    observers: parts.observers,
    get sinkFailures() {
      return sinkFailures
    },
  }
}

function createGeneration<T extends PointTypes>(
  id: number,
  points: PointTable<T>,
  registrations: readonly Registration[],
  limits: EngineLimits,
  parts: EngineParts,
): Generation<T> {
  const byPoint = Map.groupBy(registrations, (registration) => registration.point)
  const lookups = new Map<string, (scope: Scope) => AnyRunner | null>()
  const listed = new Map<string, readonly { entry: string; plugin: string; mode: Mode }[]>()
  for (const [point, entries] of byPoint) {
    const rules = points[point]
    if (!rules) throw new TypeError(`unknown point ${point}`)
    const bytes = limits.points[point] ?? limits.payload
    const budget = limits.dispatch[rules.class]
    const prepared = preparePoint(point, rules, entries, parts, {
      bytes,
      depth: limits.depth,
      budget,
    })
    lookups.set(point, createLookup(prepared))
    listed.set(
      point,
      prepared.steps.map(({ entry, plugin, modeName }) => ({ entry, plugin, mode: modeName })),
    )
  }
  return {
    id,
    points: new Set(byPoint.keys()),
    entries: (point) => listed.get(point) ?? [],
    signature: (point) => signatureOf(byPoint.get(point) ?? []),
    runner: (point, scope = NO_SCOPE) => (lookups.get(point)?.(scope) ?? null) as never,
  }
}

// in the order they run; also those that only record what they would have said
function signatureOf(registrations: readonly Registration[]): string {
  return canonicalText(
    inOrder(registrations).map(({ entry, plugin, mode, onError, conditions, when, digest }) => ({
      entry,
      plugin,
      mode,
      onError,
      conditions,
      when,
      digest,
    })),
  )
}

const NO_SCOPE: Scope = Object.freeze({})

/** Runners of one point, made on first use and kept per server, and per target where a condition names targets. */
function createLookup(prepared: PreparedPoint): (scope: Scope) => AnyRunner | null {
  const servers = new Map<string, Map<string, AnyRunner | null>>()
  const make = (scope: Scope): AnyRunner | null => {
    const plan = planFor(prepared, scope, (target) => lookup({ ...scope, target })?.plan ?? null)
    return plan === null
      ? null
      : { plan, dispatch: (payload, request, options) => run(plan, payload, request, options) }
  }
  const lookup = (scope: Scope): AnyRunner | null => {
    const server = scope.server?.name ?? NONE
    const target = (prepared.targeted ? scope.target : undefined) ?? NONE
    let targets = servers.get(server)
    if (!targets) {
      targets = new Map()
      if (servers.size >= MAX_SERVERS) servers.clear()
      servers.set(server, targets)
    }
    let runner = targets.get(target)
    if (runner === undefined) {
      runner = make(prepared.targeted ? scope : { server: scope.server })
      if (targets.size >= MAX_TARGETS) targets.clear()
      targets.set(target, runner)
    }
    return runner
  }
  return lookup
}
