// The parts of the load that are pure: histogram, schedules, the script for wrk and what it says at its end.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Call, callText, takeIds } from '../../benchmarks/load/call.ts'
import { Histogram } from '../../benchmarks/load/histogram.ts'
import { groupSize, intendedStarts, leadOf } from '../../benchmarks/load/schedule.ts'
import { read, script } from '../../benchmarks/load/wrk.ts'

describe('the histogram', () => {
  it('gives every percentile within 1.6 percent of the exact one, never below it', () => {
    const durations = fc.array(fc.integer({ min: 1, max: 60_000_000 }), { minLength: 1 })
    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
        const histogram = new Histogram()
        for (const value of values) histogram.record(value)
        const sorted = values.toSorted((a, b) => a - b)
        const exact = sorted[Math.max(1, Math.ceil(share * values.length)) - 1] as number
        const found = histogram.percentile(share)
        expect(found).toBeGreaterThanOrEqual(exact)
        expect(found).toBeLessThanOrEqual(exact * (1 + 1 / 64) + 1)
      }),
    )
  })

  it('knows the exact mean, maximum and number', () => {
    const histogram = new Histogram()
    for (const value of [100, 200, 600]) histogram.record(value)
    expect([histogram.mean, histogram.max, histogram.count]).toEqual([300, 600, 3])
    expect(histogram.percentile(1)).toBe(600)
  })

  it('has no percentile of nothing', () => {
    expect(new Histogram().percentile(0.5)).toBeNaN()
  })
})

describe('a schedule', () => {
  it('spreads a rate evenly', () => {
    expect([...intendedStarts({ kind: 'rate', rate: 4, seconds: 1 })]).toEqual([0, 250, 500, 750])
  })

  it('starts all of a burst at once', () => {
    const bursts = { kind: 'bursts', size: 2, count: 3, every: 200 } as const
    expect([...intendedStarts(bursts)]).toEqual([0, 0, 200, 200, 400, 400])
    expect(groupSize(bursts)).toBe(2)
  })

  it('does not count what the generator needs to warm up, and never more than half', () => {
    expect(leadOf({ kind: 'rate', rate: 1000, seconds: 4 })).toBe(500)
    expect(leadOf({ kind: 'rate', rate: 1000, seconds: 0.5 })).toBe(250)
    expect(leadOf({ kind: 'bursts', size: 100, count: 40, every: 1 })).toBe(200)
    expect(leadOf({ kind: 'bursts', size: 100, count: 2, every: 1 })).toBe(100)
  })
})

describe('a call', () => {
  const call: Call = { port: 1, path: '/mcp', tool: 'echo', payload: 'small', era: 'modern' }

  it('is one JSON-RPC message around its id, with the headers of its era', () => {
    const { before, after, headers } = callText(call)
    const message = JSON.parse(`${before}100000000${after}`)
    expect(message).toMatchObject({ id: 100_000_000, method: 'tools/call' })
    expect(message.params).toMatchObject({ name: 'echo', arguments: { text: 'hello' } })
    expect(headers).toMatchObject({ 'Mcp-Method': 'tools/call', 'Mcp-Name': 'echo' })
  })

  it('names its session in the older era, and sends no members of the newer one', () => {
    const era = { session: 's1', protocol: '2025-11-25' }
    const { after, headers } = callText({ ...call, era })
    expect(headers).toMatchObject({ 'Mcp-Session-Id': 's1', 'MCP-Protocol-Version': '2025-11-25' })
    expect(headers).not.toHaveProperty('Mcp-Name')
    expect(after).not.toContain('_meta')
  })

  it('takes ids of nine digits that no other load has', () => {
    const taken = Array.from({ length: 900 }, takeIds)
    expect(new Set(taken).size).toBe(900)
    for (const id of taken) expect(String(id)).toHaveLength(9)
  })

  it('becomes a script for wrk that declares the exact length of its body', () => {
    const text = script(call, false)
    const { before, after } = callText(call)
    expect(text).toContain(`Content-Length: ${before.length + 9 + after.length}\\r\\n\\r\\n`)
    expect(text).toContain(String.raw`\r\nMcp-Name: echo\r\n`)
    expect(text).not.toContain('function response')
    expect(script(call, true)).toContain('function response')
  })
})

describe('what wrk says', () => {
  const line = (more: object) =>
    `Running 1s test\n${JSON.stringify({ requests: 10, micros: 2e6, bytes: 100, p50: 1500, p99: 3000, errors: {}, ...more })}\n`

  it('is read from its last line', () => {
    expect(read(line({}))).toEqual({ requests: 10, seconds: 2, bytes: 100, p50: 1.5, p99: 3 })
  })

  it('is no result when any answer was wrong', () => {
    expect(() => read(line({ errors: { wrong: 2, timeout: 1 }, sample: '405 no' }))).toThrow(
      'wrong answers under load: 2 wrong, 1 timeout: 405 no',
    )
  })

  it('is no result without requests', () => {
    expect(() => read(line({ requests: 0 }))).toThrow('none at all')
  })
})
