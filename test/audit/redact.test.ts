// The quick redactor against the plain one: whatever is reported, not one redaction is lost.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AuditEvent } from '../../src/audit/record.ts'
import { createRedactor } from '../../src/audit/redact.ts'
import { isObject } from '../../src/base/json.ts'

// the redaction of texts as it was before it looked for signs of a credential first: the expression on every text
const CREDENTIAL_TEXT =
  /\b(bearer|basic)\s+[a-z0-9._~+/=-]{4,}|([?&](?:token|key|secret|password|api_key|access_token)=)[^&\s]+|(:\/\/(?:[^/\s:@]+:)?)[^/\s@]+(?:@|…$(?<=:[^/\s@]*))|\beyj[a-z0-9_-]{8,}\.[a-z0-9_-]+(?:\.[a-z0-9_-]*)?/gi

function plainText(text: string): string {
  const cut = text.length > 2000 ? `${text.slice(0, 2000)}…` : text
  return cut.replace(CREDENTIAL_TEXT, (_all, scheme, query, userinfo) => {
    if (scheme) return `${scheme} [redacted]`
    if (query) return `${query}[redacted]`
    return userinfo ? `${userinfo}[redacted]@` : '[redacted]'
  })
}

function plainly(value: unknown): unknown {
  if (typeof value === 'string') return plainText(value)
  if (Array.isArray(value)) return value.map(plainly)
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plainly(inner)]))
  return value
}

const piece = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom(
    'Bearer abcdef', 'basic\u00a0dXNlcjpwdw==', 'BASIC\tabcd', 'bearer', ' ', '\n', '?token=', '&key=x', '?API_KEY=1', 'https://', 'u:pw@h', '@', '…', ':',
    'eyJhbGciOiJIUzI1NiJ9', '.', 'eyJhbGciOiJIUzI1NiJ9.e30.sig', 'tools/call', 'tool_pre_invoke', '01890c5e-aaaa-7bbb-8ccc-000000000000',
  ), // biome-ignore format: a table reads better in rows
)
const text = fc.oneof(
  { weight: 9, arbitrary: fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join('')) },
  { weight: 1, arbitrary: piece.map((end) => `${'x'.repeat(1990)}${end}${end}`) },
)
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const texts = Object.fromEntries(
  [
    'requestId', 'traceId', 'client', 'surface', 'era', 'method', 'server', 'target', 'point', 'entry', 'plugin', 'mode', 'verdict', 'code', 'reason',
    'description', 'outcome',
  ].map((name) => [name, optional(text)]), // biome-ignore format: a table reads better in rows
)
const pass = fc.record({ point: text, entries: fc.array(text, { maxLength: 3 }) })
const event = fc.record({
  kind: fc.constantFrom('execution', 'refusal', 'fault'),
  ...texts,
  generation: optional(fc.nat()),
  effective: optional(fc.boolean()),
  durationMs: optional(fc.double({ noNaN: true })),
  principal: optional(fc.record({ id: text, kind: text, tenant: optional(text) })),
  changed: optional(fc.array(text, { maxLength: 3 })),
  passes: optional(fc.array(pass, { maxLength: 3 })),
}) as unknown as fc.Arbitrary<AuditEvent>

describe('the redactor', () => {
  it('says of every event exactly what the expression alone would say', () => {
    const redact = createRedactor()
    fc.assert(
      fc.property(event, (reported) => {
        expect(redact(reported, 1, 2)).toEqual({
          time: 1,
          seq: 2,
          ...(plainly(reported) as object),
        })
      }),
      { numRuns: 2000 },
    )
  })

  it('looks through the frozen passes of a plan once, and through others every time', () => {
    const redact = createRedactor()
    const entries = ['a', 'Bearer abcdef']
    const passOf = (given: { point: string; entries: readonly string[] }) =>
      redact({ kind: 'execution', passes: [given] }, 0, 1).passes?.[0]
    const frozen = Object.freeze({ point: 'tool_pre_invoke', entries: Object.freeze([...entries]) })
    expect(passOf(frozen)).toEqual({
      point: 'tool_pre_invoke',
      entries: ['a', 'Bearer [redacted]'],
    })
    expect(passOf(frozen)).toBe(passOf(frozen))
    const open = { point: 'tool_pre_invoke', entries }
    passOf(open)
    entries.push('https://u:pw@h')
    expect(passOf(open)?.entries[2]).toBe('https://u:[redacted]@h')
  })

  it('survives what only its type calls a text', () => {
    const redact = createRedactor()
    const reason = { toString: () => 'Bearer abcdef', token: 'abc', n: 10n }
    const record = redact({ kind: 'fault', reason: reason as unknown as string }, 0, 1)
    expect(JSON.stringify(record)).toContain('"token":"[redacted]"')
  })
})
