// One load of all entries: plan, gates, discover, check, then each entry through its stages; on failure everything is undone.

import type { AuditEvent } from '../../audit/record.ts'
import { AppError, isAppError, messageOf } from '../../base/errors.ts'
import type { ExpressionCompiler } from '../../engine/condition.ts'
import { assertOrder, type Registration } from '../../engine/registry.ts'
import { conditionCompiler } from '../../expression/expression.ts'
import type { Catalogue } from '../discovery/discover.ts'
import type { HostConfig, LoadedPlugins, LoadOptions } from '../host.ts'
import {
  type LoadProblem,
  type Locate,
  loadProblem,
  type Path,
  problemsError,
  problemText,
} from '../problem.ts'
import { BROKEN_GLASS, statusOf } from '../report.ts'
import type { SharedServices } from '../services/services.ts'
import { checkPoint } from './bind.ts'
import { checkEntries } from './check.ts'
import { passGates } from './gate.ts'
import { createLoadJudge, type LoadJudge } from './judge.ts'
import { type PlannedEntry, planEntries } from './plan.ts'
import { type Attempt, preLoadOf, type ReadyEntry, type Stages } from './stages.ts'

export interface LoadParts {
  readonly config: HostConfig
  readonly options: LoadOptions
  readonly services: SharedServices
  readonly stages: Stages
  find(): Promise<Catalogue>
}

interface Loading extends LoadParts {
  readonly locate: Locate
  readonly compiler: ExpressionCompiler
  readonly warnings: LoadProblem[]
  readonly results: Map<string, { readonly ready: ReadyEntry; readonly attempt: Attempt }>
}

export async function runLoad(parts: LoadParts): Promise<LoadedPlugins> {
  const { config, options, services } = parts
  const { expression } = services
  const loading: Loading = {
    ...parts,
    locate: options.locate ?? (() => undefined),
    compiler: conditionCompiler(expression),
    warnings: [],
    results: new Map(),
  }
  const planned = planEntries(config.plugins, config.policies)
  const open = openGates(planned, loading)
  const ready = await checkEntries(open.filter(isWanted), loading)
  try {
    const judge = judgeFor(loading)
    for (const one of loadOrder(ready)) await loadOne(one, judge, loading)
    checkOrder(loading)
    await tellObservers(judge, loading)
  } catch (error) {
    await closeAll(loading)
    throw error
  }
  return {
    registrations: registrationsIn(loading),
    entries: planned.map((entry) =>
      statusOf(entry, loading.results.get(entry.name), isLeftOut(entry, options)),
    ),
    warnings: loading.warnings,
    close: () => closeAll(loading),
  }
}

const isLeftOut = (entry: PlannedEntry, { unsafeWithout }: LoadOptions): boolean =>
  unsafeWithout?.includes(entry.name) === true
const isWanted = (entry: PlannedEntry): boolean => entry.mode !== 'disabled'

function openGates(
  planned: readonly PlannedEntry[],
  { config, options, services, locate }: Loading,
): PlannedEntry[] {
  const without = options.unsafeWithout ?? []
  try {
    const open = passGates({ plugins: config.plugins, entries: planned, without, locate })
    for (const name of without) {
      services.audit({ kind: 'break_glass', entry: name, reason: BROKEN_GLASS })
      services.log.warn(
        { entry: name },
        'left out by --unsafe-without; what it protects is unprotected',
      )
    }
    return open
  } catch (error) {
    services.audit({ kind: 'load_refused', code: 'PLUGIN_GATE', reason: messageOf(error) })
    throw error
  }
}

// who judges the loading of others loads first
function loadOrder(ready: readonly ReadyEntry[]): ReadyEntry[] {
  const judges = ready.filter((one) => one.hooks?.includes('plugin_pre_load'))
  const sorted = judges.sort(
    (a, b) => a.entry.priority - b.entry.priority || a.entry.order - b.entry.order,
  )
  return [...sorted, ...ready.filter((one) => !sorted.includes(one))]
}

function judgeFor({ config, options, services }: Loading): LoadJudge {
  const own = createLoadJudge({
    clock: services.clock,
    expression: services.expression,
    audit: services.audit,
    limits: config.limits,
    defer: (run) => queueMicrotask(run),
  })
  return {
    judge: options.judge ?? own.judge,
    observe: options.observe ?? own.observe,
    admit: own.admit,
  }
}

async function loadOne(ready: ReadyEntry, judge: LoadJudge, loading: Loading): Promise<void> {
  const { entry, facts } = ready
  const attempt = await loading.stages.attempt(ready, judge.judge)
  loading.results.set(entry.name, { ready, attempt })
  const event = { outcome: attempt.state, ...identity(ready) }
  if (attempt.state === 'loaded') {
    loading.services.audit({ kind: 'load', ...event })
    checkLate(ready, attempt.registrations, loading)
    judge.admit(attempt.registrations)
    return
  }
  loading.services.audit({ kind: 'load_refused', ...event, reason: attempt.reason })
  if (entry.required || isConfigFault(attempt)) throw notLoaded(ready, attempt, loading)
  const fields = {
    entry: entry.name,
    plugin: facts.id,
    state: attempt.state,
    reason: attempt.reason,
  }
  loading.services.log.warn(fields, 'an entry is not loaded; the others go on without it')
}

function identity({ entry, facts }: ReadyEntry): Partial<AuditEvent> {
  const { version, source } = facts
  return { entry: entry.name, plugin: facts.id, mode: entry.mode, details: { version, source } }
}

// what is written wrong is never left out in silence, required or not
function isConfigFault(attempt: Attempt): boolean {
  return attempt.state === 'failed' && isAppError(attempt.cause, 'CONFIG_INVALID')
}

function notLoaded({ entry }: ReadyEntry, attempt: Attempt, { locate }: Loading): AppError {
  if (attempt.state === 'loaded') throw new TypeError('only what is not loaded is reported')
  const written = isConfigFault(attempt)
  const path = written ? [...entry.configPath, ...innerPath(attempt)] : entry.path
  const message = written
    ? `${entry.name}: ${attempt.reason}`
    : `the required entry "${entry.name}" (plugin ${entry.use}) is not loaded: ${attempt.reason}`
  const problem = loadProblem(
    written ? 'PLUGIN_CONFIG' : 'PLUGIN_LOAD',
    locate(path),
    path,
    message,
  )
  const cause = attempt.state === 'failed' ? attempt.cause : undefined
  return new AppError(problem.code, problemText(problem), {
    cause,
    data: { problems: [problem], entry: entry.name, plugin: entry.use, state: attempt.state },
  })
}

// a setup may say which value of its config it could not use
function innerPath(attempt: Attempt): Path {
  const cause = attempt.state === 'failed' ? attempt.cause : undefined
  const path = (cause as { path?: unknown } | undefined)?.path
  return Array.isArray(path) ? path : []
}

// the points of a plugin given in code are known only now
function checkLate(
  ready: ReadyEntry,
  registrations: readonly Registration[],
  loading: Loading,
): void {
  if (ready.hooks !== undefined) return
  const problems: LoadProblem[] = []
  const { compiler, locate } = loading
  for (const { point } of registrations)
    checkPoint(ready.entry, point as never, {
      compiler,
      locate,
      report: (problem) => problems.push(problem),
    })
  if (problems.length > 0) throw problemsError(problems)
  if (!registrations.some(({ point }) => point === 'plugin_pre_load')) return
  const { path, name } = ready.entry
  const message = `"${name}" hooks plugin_pre_load but does not say so in hooks; it judges only what loads after it`
  loading.warnings.push(loadProblem('CONFIG_INVALID', locate(path), path, message))
}

function registrationsIn({ results }: Loading): Registration[] {
  return [...results.values()].flatMap(({ attempt }) =>
    attempt.state === 'loaded' ? attempt.registrations : [],
  )
}

// the engine asserts this again; here the place in the file is known
function checkOrder(loading: Loading): void {
  for (const registrations of Map.groupBy(
    registrationsIn(loading),
    ({ point }) => point,
  ).values()) {
    try {
      assertOrder(registrations)
    } catch (error) {
      const name = isAppError(error) ? String(error.data?.entry) : ''
      const path = loading.results.get(name)?.ready.entry.path ?? []
      throw problemsError([
        loadProblem('CONFIG_INVALID', loading.locate(path), path, messageOf(error)),
      ])
    }
  }
}

async function tellObservers(judge: LoadJudge, { results }: Loading): Promise<void> {
  for (const { ready, attempt } of results.values()) {
    const outcome =
      attempt.state === 'loaded' || attempt.state === 'vetoed' ? attempt.state : 'failed'
    const reason = attempt.state === 'loaded' ? {} : { reason: attempt.reason }
    await judge.observe({ ...preLoadOf(ready), outcome, ...reason })
  }
}

async function closeAll({ results }: Loading): Promise<void> {
  for (const { attempt } of [...results.values()].reverse())
    if (attempt.state === 'loaded') await attempt.close()
}
