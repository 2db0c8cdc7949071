// What no audit record carries: secrets, payload bodies, members the operator named; it bounds what a plugin may add.

import { isObject } from '../base/json.ts'
import { REDACTED, redact, redactText } from '../base/log.ts'
import type { AuditEvent } from './record.ts'

/** Makes a copy fit to be kept. Never throws, whatever a plugin put into it. */
export type Redactor = (event: AuditEvent) => AuditEvent

// a plugin's details explain one decision; more than this is a payload in disguise
const MAX_DETAILS = 8192
const MAX_TEXT = 2000
const MAX_DEPTH = 8

/** `members`: names whose values are replaced wherever they stand, compared without case, dashes and underscores. */
export function createRedactor(members: readonly string[] = []): Redactor {
  const hidden = new Set(members.map(plainName))
  return (event) => {
    const copy: Record<string, unknown> = {}
    for (const [name, value] of Object.entries(event)) {
      if (value === undefined) continue
      copy[name] = name === 'details' ? details(value, hidden) : own(value)
    }
    return copy as unknown as AuditEvent
  }
}

// the fields of a record are ours; their texts may still quote a header or a URL
function own(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value)
  if (Array.isArray(value)) return value.map(own)
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, own(inner)]))
  return value
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
