// What no audit record carries: secrets, payload bodies, members the operator named; it bounds what a plugin may add.

import { REDACTED, redact, redactText } from '../base/log.ts'
import type { AuditEvent, AuditPrincipal, AuditRecord } from './record.ts'

/** Makes a record fit to be kept: a copy of the event, stamped. Never throws, whatever a plugin put into it. */
export type Redactor = (event: AuditEvent, time: number, seq: number) => AuditRecord

type Passes = NonNullable<AuditEvent['passes']>
type Pass = Passes[number]

// a plugin's details explain one decision; more than this is a payload in disguise
const MAX_DETAILS = 8192
const MAX_TEXT = 2000
const MAX_DEPTH = 8

/** `members`: names whose values are replaced wherever they stand, compared without case, dashes and underscores. */
export function createRedactor(members: readonly string[] = []): Redactor {
  const hidden = new Set(members.map(plainName))
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
      details: event.details === undefined ? undefined : details(event.details, hidden),
      changed: event.changed?.map(redactText),
      outcome: text(event.outcome),
      durationMs: event.durationMs,
      passes: event.passes?.map(passOf),
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
    return hide(redact(value), new Set(), 0)
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

function details(value: unknown, hidden: ReadonlySet<string>): unknown {
  try {
    const kept = hide(redact(value), hidden, 0)
    const size = JSON.stringify(kept)?.length ?? 0
    return size > MAX_DETAILS ? `[${size} characters]` : kept
  } catch {
    return '[unreadable]'
  }
}

function hide(value: unknown, hidden: ReadonlySet<string>, depth: number): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'string') return value.slice(0, MAX_TEXT)
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) return '[deep]'
  if (Array.isArray(value)) return value.map((inner) => hide(inner, hidden, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      hidden.has(plainName(name)) ? REDACTED : hide(inner, hidden, depth + 1),
    ]),
  )
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '')
}
