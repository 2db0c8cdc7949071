// W3C Trace Context: what is a traceparent, what is not, and how a trace goes on.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  childOf,
  continueTrace,
  formatTraceparent,
  parseTraceparent,
  parseTracestate,
  startTrace,
} from '../../src/telemetry/trace.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const counting = () => {
  let next = 1
  return (bytes: Uint8Array): void => void bytes.fill(next++)
}

describe('a traceparent', () => {
  it('is read', () => {
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-01`)).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      sampled: true,
    })
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-00`)?.sampled).toBe(false)
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-03`)?.sampled).toBe(true)
  })

  it('of a later version is read as far as this one goes', () => {
    expect(parseTraceparent(`01-${TRACE}-${SPAN}-01-what-ever`)?.traceId).toBe(TRACE)
    expect(parseTraceparent(`01-${TRACE}-${SPAN}-01`)?.traceId).toBe(TRACE)
  })

  it.each([
    ['of version ff', `ff-${TRACE}-${SPAN}-01`],
    ['with more after version 00', `00-${TRACE}-${SPAN}-01-x`],
    ['in upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['with a trace id of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['with a span id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['with a short id', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['with space around', ` 00-${TRACE}-${SPAN}-01`],
    ['with a line end', `00-${TRACE}-${SPAN}-01\n`],
    ['without flags', `00-${TRACE}-${SPAN}`],
    ['with more glued on in a later version', `01-${TRACE}-${SPAN}-01x`],
    ['that is empty', ''],
    ['that is no text', 5],
    ['that is too long', `01-${TRACE}-${SPAN}-01-${'x'.repeat(600)}`],
  ])('%s is none', (_case, text) => {
    expect(parseTraceparent(text)).toBeUndefined()
  })

  it('survives being written and read', () => {
    const hex = (length: number) =>
      fc.string({
        unit: fc.constantFrom(...'0123456789abcdef'),
        minLength: length,
        maxLength: length,
      })
    fc.assert(
      fc.property(hex(32), hex(16), fc.boolean(), (traceId, spanId, sampled) => {
        fc.pre(/[^0]/.test(traceId) && /[^0]/.test(spanId))
        const text = formatTraceparent({ traceId, spanId, sampled, parentId: undefined })
        expect(parseTraceparent(text)).toEqual({ traceId, spanId, sampled })
      }),
    )
  })

  it('never throws, whatever is sent', () => {
    fc.assert(fc.property(fc.anything(), (anything) => void parseTraceparent(anything)))
  })
})

describe('a trace', () => {
  it('goes on with a span of its own', () => {
    expect(continueTrace(`00-${TRACE}-${SPAN}-01`, counting())).toEqual({
      traceId: TRACE,
      spanId: '0101010101010101',
      sampled: true,
      parentId: SPAN,
    })
  })

  it('begins where none came, or none that is valid', () => {
    const begun = {
      traceId: '01'.repeat(16),
      spanId: '02'.repeat(8),
      sampled: false,
      parentId: undefined,
    }
    expect(continueTrace(undefined, counting())).toEqual(begun)
    expect(continueTrace('nonsense', counting())).toEqual(begun)
  })

  it('passes to the upstream call as a child', () => {
    const parent = startTrace(counting(), true)
    const child = childOf(parent, (bytes) => void bytes.fill(9))
    expect(formatTraceparent(child)).toBe(`00-${parent.traceId}-0909090909090909-01`)
    expect(child.parentId).toBe(parent.spanId)
  })

  it('has no id of zeros even when the source of randomness gives nothing else', () => {
    expect(parseTraceparent(formatTraceparent(startTrace(() => {})))).toBeDefined()
  })
})

describe('a tracestate', () => {
  it.each([
    ['congo=t61rcWkgMzE', true],
    ['rojo=00f067aa0ba902b7,congo=t61rcWkgMzE', true],
    ['tenant@system=1, a=b', true],
    ['a', false],
    ['A=b', false],
    ['a=b\r\nx: y', false],
    ['a=b=c', false],
    ['a=', false],
    [Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(), false],
    [`a=${'x'.repeat(600)}`, false],
    [undefined, false],
  ])('%s is passed on: %s', (text, passed) => {
    expect(parseTracestate(text)).toBe(passed ? text : undefined)
  })
})
