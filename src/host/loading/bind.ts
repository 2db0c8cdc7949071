// The part of loading that runs no plugin code: which plugin an entry means, and whether it can be used that way.
import { type ErrorCode, isAppError, messageOf } from '../../base/errors.ts'
import { suggest } from '../../base/suggest.ts'
import {
  compileCondition,
  type ExpressionCompiler,
  optionalScopes,
} from '../../engine/condition.ts'
import type { Permissions } from '../../plugin.ts'
import { declarationOf, type PointName } from '../../points/table.ts'
import type { Catalogue, FoundPlugin } from '../discovery/discover.ts'
import { pointProblem } from '../discovery/manifest.ts'
import { checkOutcome } from '../policy-checks.ts'
import { type LoadProblem, type Locate, loadProblem, type Path } from '../problem.ts'
import type { PluginSource } from '../status.ts'
import { isWithin } from '../version.ts'
import type { PlannedEntry } from './plan.ts'

/** What is known of a plugin before its code runs. */
export interface PluginFacts {
  readonly id: string
  readonly version: string
  readonly description: string
  readonly source: PluginSource
  /** Undefined for a plugin given in code: its setup says. */
  readonly hooks: readonly PointName[] | undefined
  readonly permissions: Permissions
  readonly sideEffects: 'none' | 'external'
  readonly redacts: boolean
  /** Milliseconds. */
  readonly timeout: number | undefined
}

export interface BoundEntry {
  readonly entry: PlannedEntry
  readonly found: FoundPlugin
  readonly facts: PluginFacts
  /** The points it runs at; undefined when only its setup says. */
  readonly hooks: readonly PointName[] | undefined
}

export interface BindInput {
  readonly catalogue: Catalogue
  readonly compiler: ExpressionCompiler
  readonly locate: Locate
  readonly report: (problem: LoadProblem) => void
  readonly warn: (problem: LoadProblem) => void
}

/** Undefined after a report: the entry cannot be used as it is written. */
export function bindEntry(entry: PlannedEntry, input: BindInput): BoundEntry | undefined {
  const found = findPlugin(entry, input)
  if (found === undefined) return undefined
  const facts = factsOf(found)
  const fail = (code: ErrorCode, path: Path, message: string, suggestion?: string): void =>
    input.report(loadProblem(code, input.locate(path), path, message, suggestion))
  checkVersion(entry, facts, fail)
  checkHooks(entry, facts, fail)
  const hooks = entry.hooks ?? facts.hooks
  for (const point of hooks ?? []) checkPoint(entry, point, input)
  warnOptional(entry, input)
  return { entry, found, facts, hooks }
}

type Fail = (code: ErrorCode, path: Path, message: string, suggestion?: string) => void

function findPlugin(
  entry: PlannedEntry,
  { catalogue, locate, report }: BindInput,
): FoundPlugin | undefined {
  const found = catalogue.plugins.get(entry.use)
  if (found) return found
  const path: Path = entry.kind === 'policy' ? entry.path : [...entry.path, 'use']
  const broken = catalogue.broken.find(({ id }) => id === entry.use)
  if (broken) for (const problem of broken.problems) report(problem)
  else {
    const message = `there is no plugin "${entry.use}"; looked among the built-in ones and in plugins.dirs`
    report(
      loadProblem(
        'PLUGIN_NOT_FOUND',
        locate(path),
        path,
        message,
        suggest(entry.use, catalogue.plugins.keys()),
      ),
    )
  }
  return undefined
}

export function factsOf(found: FoundPlugin): PluginFacts {
  if (found.source !== 'code') {
    const { id, version, description, hooks, permissions, sideEffects, redacts, timeout } =
      found.manifest
    return {
      id,
      version,
      description,
      source: found.source,
      hooks,
      permissions,
      sideEffects,
      redacts,
      timeout,
    }
  }
  const {
    id,
    version = '',
    description = '',
    permissions = {},
    sideEffects = 'none',
    redacts = false,
  } = found.definition
  return {
    id,
    version,
    description,
    source: 'code',
    hooks: undefined,
    permissions,
    sideEffects,
    redacts,
    timeout: undefined,
  }
}

function checkVersion(entry: PlannedEntry, facts: PluginFacts, fail: Fail): void {
  if (entry.version === undefined || isWithin(facts.version, entry.version)) return
  const has = facts.version === '' ? 'says no version' : `is ${facts.version}`
  fail(
    'CONFIG_INVALID',
    [...entry.path, 'version'],
    `the plugin "${entry.use}" ${has}, the entry wants ${entry.version}`,
  )
}

function checkHooks(entry: PlannedEntry, facts: PluginFacts, fail: Fail): void {
  entry.hooks?.forEach((name, index) => {
    const path = [...entry.hooksPath, index]
    const problem = pointProblem(name)
    if (problem) fail('CONFIG_INVALID', path, problem.message, problem.suggestion)
    else if (facts.hooks && !facts.hooks.includes(name))
      fail(
        'CONFIG_INVALID',
        path,
        `the plugin "${entry.use}" does not declare the point ${name}; it declares ${facts.hooks.join(', ')}`,
      )
  })
}

/** What a mode, `conditions` and `when` cannot be at this point. */
export function checkPoint(
  entry: PlannedEntry,
  point: PointName,
  input: Omit<BindInput, 'catalogue' | 'warn'>,
): void {
  const rules = declarationOf(point)
  const fail = (path: Path, message: string): void =>
    input.report(loadProblem('CONFIG_INVALID', input.locate(path), path, message))
  if (entry.mode === 'guard' && !rules.deny)
    fail(
      [...entry.path, 'mode'],
      `nothing can be denied at ${point}, so a guard has nothing to do there; use mode: audit`,
    )
  checkOutcome(entry, point, (path, message, suggestion) =>
    input.report(loadProblem('CONFIG_INVALID', input.locate(path), path, message, suggestion)),
  )
  const { conditions, when } = entry
  for (const [key, source] of [
    ['conditions', { conditions }],
    ['when', { when }],
  ] as const) {
    try {
      compileCondition(source, rules, point, input.compiler)
    } catch (error) {
      if (!isAppError(error)) throw error
      const hint =
        key === 'conditions' && entry.hooks === undefined ? '; name the points in hooks' : ''
      fail([...entry.path, key], `${messageOf(error)}${hint}`)
    }
  }
}

// docs/pipeline.md section 7: what a caller may simply lack decides whether a veto applies
function warnOptional(entry: PlannedEntry, { locate, warn }: BindInput): void {
  for (const { index, fields } of optionalScopes(entry.mode, entry.conditions)) {
    const path = [...entry.path, 'conditions', index]
    const message = `"${entry.name}" applies only where ${fields.join(' and ')} ${fields.length > 1 ? 'have' : 'has'} a value; a request without one passes it by`
    warn(loadProblem('CONFIG_INVALID', locate(path), path, message))
  }
}
