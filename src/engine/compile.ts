// Registrations of one point become a runner for one scope, or null when nobody would run: all that can be decided early is.
import { Breaker } from './breaker.ts'
import {
  type CompiledCondition,
  compileCondition,
  type Predicate,
  type Scope,
} from './condition.ts'
import type { Pass } from './context.ts'
import type { RunLimits } from './dispatch/run.ts'
import type { EngineParts } from './engine.ts'
import { MODES, type Mode, type ModeRules } from './mode.ts'
import type { PointRules } from './point.ts'
import { assertOrder, type Handler, inOrder, type Registration } from './registry.ts'
import type { StepStats } from './stats.ts'

/** One entry at one point, ready to run. Flat, so that the loop reads fields and calls functions. */
export interface Step {
  readonly rank: number
  readonly entry: string
  readonly plugin: string
  readonly modeName: Mode
  readonly mode: ModeRules
  readonly handler: Handler
  /** Says that it is async: among guards it starts after those that do not. */
  readonly asynchronous: boolean
  readonly timeout: number
  readonly onError: 'fail' | 'ignore' | 'disable'
  readonly redacts: boolean
  readonly external: boolean
  readonly entitled: boolean
  readonly breaker: Breaker | null
  readonly stats: StepStats
  /** Null when the conditions are known to match in this scope. */
  readonly predicate: Predicate | null
  /** Something other than the breaker may leave it out. */
  readonly gated: boolean
}

/** What runs at one point in one scope, and under which limits. */
export interface Plan {
  readonly point: string
  readonly rules: PointRules
  readonly parts: EngineParts
  readonly limits: RunLimits
  readonly chain: readonly Step[]
  readonly guards: readonly Step[]
  readonly observers: readonly Step[]
  /** Registered at the point, but their conditions cannot match in this scope. */
  readonly excluded: readonly Step[]
  /** Entry names of chain and guards, for the audit record of a request that all of them passed. */
  readonly pass: Pass
  /** Some entry of chain or guards redacts. */
  readonly redacting: boolean
  /** The plan for another target, when a patch renames it; null when nobody would run for that. */
  readonly replan: (target: string) => Plan | null
}

interface Prepared extends Omit<Step, 'predicate' | 'gated'> {
  readonly condition: CompiledCondition | null
}

/** The entries of one point, in order, before a scope is known. */
export interface PreparedPoint {
  readonly point: string
  readonly rules: PointRules
  readonly parts: EngineParts
  readonly limits: RunLimits
  readonly steps: readonly Prepared[]
  /** Runners differ by the name of the target. */
  readonly targeted: boolean
}

/** Compiles conditions and breakers once for all scopes. Throws CONFIG_INVALID. */
export function preparePoint(
  point: string,
  rules: PointRules,
  registrations: readonly Registration[],
  parts: EngineParts,
  limits: RunLimits,
): PreparedPoint {
  assertOrder(registrations)
  const steps = inOrder(registrations).map(
    (registration, rank): Prepared => prepare(registration, rank, rules, parts),
  )
  const targeted = steps.some((step) => step.condition?.targeted)
  return { point, rules, parts, limits, steps, targeted }
}

function prepare(
  registration: Registration,
  rank: number,
  rules: PointRules,
  parts: EngineParts,
): Prepared {
  const { entry, plugin, point, mode, onError } = registration
  return {
    rank,
    entry,
    plugin,
    modeName: mode,
    mode: MODES[mode],
    handler: registration.handler,
    asynchronous:
      registration.asynchronous ?? registration.handler.constructor.name === 'AsyncFunction',
    timeout: registration.timeout,
    onError,
    redacts: registration.redacts === true,
    external: registration.external === true,
    entitled: registration.entitled === true,
    breaker:
      onError === 'disable'
        ? new Breaker(parts.clock.now, registration.breaker ?? { faults: 5, open: 30_000 })
        : null,
    stats: parts.stats(point, entry, plugin),
    condition: compileCondition(registration, rules, point, parts.expression),
  }
}

/** Null when no entry can run in this scope: the call site then pays for one comparison. */
export function planFor(
  prepared: PreparedPoint,
  scope: Scope,
  replan: Plan['replan'],
): Plan | null {
  const steps: Step[] = []
  const excluded: Step[] = []
  for (const { condition, ...step } of prepared.steps) {
    const match = condition === null ? true : condition.inScope(scope)
    const predicate = typeof match === 'boolean' ? null : match
    const compiled = { ...step, predicate, gated: predicate !== null || step.external }
    if (match === false) excluded.push(compiled)
    else steps.push(compiled)
  }
  if (steps.length === 0) return null
  const { point, rules, parts, limits } = prepared
  const chain = steps.filter((step) => step.mode.phase === 'chain')
  const guards = synchronousFirst(steps.filter((step) => step.mode.phase === 'guard'))
  const observers = steps.filter((step) => step.mode.phase === 'observe')
  const entries = Object.freeze([...chain, ...guards].map((step) => step.entry))
  const pass = Object.freeze({ point, entries })
  const redacting = [...chain, ...guards].some((step) => step.redacts)
  return {
    point,
    rules,
    parts,
    limits,
    chain,
    guards,
    observers,
    excluded,
    pass,
    redacting,
    replan,
  }
}

// whether a function is async is known only when it says so; others that return a promise are waited for all the same
function synchronousFirst(guards: Step[]): Step[] {
  const isAsync = (step: Step) => step.asynchronous
  return [...guards.filter((step) => !isAsync(step)), ...guards.filter(isAsync)]
}
