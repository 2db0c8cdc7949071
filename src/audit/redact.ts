// What no audit record carries: secrets, payload bodies, members the operator named; it bounds what a plugin may add.

import { REDACTED, redact, redactText } from '../base/log.ts'
import type { AuditEntity, AuditEvent, AuditPrincipal, AuditRecord } from './record.ts'

/** Makes a record fit to be kept: a copy of the event, stamped. Never throws, whatever a plugin put into it. */
export type Redactor = (event: AuditEvent, time: number, seq: number) => AuditRecord

type Passes = NonNullable<AuditEvent['passes']>
type Pass = Passes[number]

// a plugin's details explain one decision; more than this is a payload in disguise
const MAX_DETAILS = 8192
const MAX_TEXT = 2000
const MAX_DEPTH = 8

export interface RedactOptions {
  /**
   * Members whose values are replaced: names wherever they stand, compared without case, dashes and underscores; or paths from the
   * top of details or arguments, joined by dots, in which a star is any member or position.
   */
  readonly members?: readonly string[]
  /** What is kept of arguments; nothing. */
  readonly arguments?: 'none' | 'names' | 'redacted'
}

interface Rules {
  readonly names: ReadonlySet<string>
  readonly paths: readonly Path[]
}

type Path = readonly string[]

export function createRedactor(options: RedactOptions = {}): Redactor {
  const rules = rulesOf(options.members ?? [])
  const argumentsOf = ARGUMENTS[options.arguments ?? 'none']
  const passOf = createPassRedactor()
  // every field is named, so that all records have one shape and none is forgotten
  return (event, time, seq) =>
    ({
      time,
      seq,
      kind: event.kind,
      requestId: text(event.requestId),
      traceId: text(event.traceId),
      generation: event.generation,
      principal: principalOf(event.principal),
      client: text(event.client),
      surface: text(event.surface),
      virtualServer: text(event.virtualServer),
      era: text(event.era),
      method: text(event.method),
      server: text(event.server),
      target: text(event.target),
      point: text(event.point),
      entry: text(event.entry),
      plugin: text(event.plugin),
      mode: text(event.mode),
      verdict: text(event.verdict),
      effective: event.effective,
      code: text(event.code),
      reason: text(event.reason),
      description: text(event.description),
      details: event.details === undefined ? undefined : details(event.details, rules),
      changed: event.changed?.map(redactText),
      outcome: text(event.outcome),
      durationMs: event.durationMs,
      passes: event.passes?.map(passOf),
      action: text(event.action),
      entity: entityOf(event.entity),
      allowed: event.allowed?.map(redactText),
      digest: event.digest,
      policy: event.policy,
      arguments: event.arguments === undefined ? undefined : argumentsOf(event.arguments, rules),
    }) satisfies Record<keyof AuditRecord, unknown>
}

// the fields of a record are ours; their texts may still quote a header or a URL
function text(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  // what a plugin hands over may be anything, whatever its type says
  return typeof value === 'string' ? redactText(value) : (foreign(value) as string)
}

function foreign(value: unknown): unknown {
  try {
    return hide(redact(value), NO_RULES, [], 0)
  } catch {
    return '[unreadable]'
  }
}

function principalOf(principal: AuditPrincipal | undefined): AuditPrincipal | undefined {
  if (principal === undefined) return undefined
  const { id, kind, tenant } = principal
  return { id: redactText(id), kind: redactText(kind), tenant: text(tenant) }
}

/** What all entries of a point pass is one frozen object for all requests: it is looked through once. */
function createPassRedactor(): (pass: Pass) => Pass {
  const known = new WeakMap<Pass, Pass>()
  return (pass) => {
    const before = known.get(pass)
    if (before !== undefined) return before
    const after = { point: redactText(pass.point), entries: pass.entries.map(redactText) }
    if (!Object.isFrozen(pass) || !Object.isFrozen(pass.entries)) return after
    // frozen again: who keeps records may know it by itself
    known.set(pass, Object.freeze(after))
    return after
  }
}

function entityOf(entity: AuditEntity | undefined): AuditEntity | undefined {
  if (entity === undefined) return undefined
  const { kind, id, tenant, version, revision } = entity
  return { kind: redactText(kind), id: redactText(id), tenant: text(tenant), version, revision }
}

const ARGUMENTS: Readonly<
  Record<NonNullable<RedactOptions['arguments']>, (given: unknown, rules: Rules) => unknown>
> = {
  none: () => undefined,
  names: namesOf,
  redacted: details,
}

const MOST_NAMES = 100

function namesOf(given: unknown): unknown {
  if (typeof given !== 'object' || given === null) return undefined
  return Object.keys(given).slice(0, MOST_NAMES).map(redactText)
}

function details(value: unknown, rules: Rules): unknown {
  try {
    const kept = hide(redact(value), rules, rules.paths, 0)
    const size = JSON.stringify(kept)?.length ?? 0
    return size > MAX_DETAILS ? `[${size} characters]` : kept
  } catch {
    return '[unreadable]'
  }
}

/** `paths`: what is left of those that lead here. */
function hide(value: unknown, rules: Rules, paths: readonly Path[], depth: number): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'string') return value.slice(0, MAX_TEXT)
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) return '[deep]'
  const inside = (inner: unknown, name: string): unknown => {
    const beyond = paths.filter(([first]) => first === '*' || first === name)
    if (beyond.some(({ length }) => length === 1)) return REDACTED
    const rest = beyond.map((path) => path.slice(1))
    return hide(inner, rules, rest, depth + 1)
  }
  if (Array.isArray(value)) return value.map((inner, index) => inside(inner, String(index)))
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const plain = plainName(name)
      return [name, rules.names.has(plain) ? REDACTED : inside(inner, plain)]
    }),
  )
}

const NO_RULES: Rules = { names: new Set(), paths: [] }

function rulesOf(members: readonly string[]): Rules {
  const all = members.map((member) => member.split('.').map(plainName))
  const names = all.flatMap((path) => (path.length === 1 ? path : []))
  return { names: new Set(names), paths: all.filter(({ length }) => length > 1) }
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '')
}
