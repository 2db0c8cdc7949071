// What each outcome of a policy does.
import { readFileSync } from 'node:fs'
import { createPluginHarness, type HarnessOptions } from 'portcullis/testing'
import { describe, expect, it } from 'vitest'
import { WIRED_POINTS } from '../../src/points/table.ts'
import { mergePatch } from './merge.ts'

const plugin = import.meta.dirname
const CALL = {
  server: 'bank',
  name: 'pay',
  exposedName: 'bank__pay',
  arguments: { amount: 7, note: 'x' },
  headers: {},
}
// named apart: an object literal with a member `then` looks like a promise to a reader and to the linter
const THEN = 'then'
const rule = (then: string, config: object = {}, more: Partial<HarnessOptions> = {}) =>
  createPluginHarness({
    plugin,
    config: { ...config, [THEN]: then },
    hooks: ['tool_pre_invoke'],
    ...more,
  })

describe('a policy', () => {
  it('denies with its code and reason', async () => {
    await using harness = await rule('deny', { code: 'TOO_MUCH', reason: 'above the limit' })
    const { outcome } = await harness.dispatch('tool_pre_invoke', CALL)
    expect(outcome).toMatchObject({
      kind: 'deny',
      violation: { code: 'TOO_MUCH', reason: 'above the limit' },
    })
  })

  it('patches by RFC 7396, with leaves that are expressions', async () => {
    const patch = {
      arguments: {
        amount: { cel: 'payload.arguments.amount + 1' },
        note: null,
        by: { cel: 'principal.id' },
      },
    }
    await using harness = await rule('patch', { patch })
    const { payload } = await harness.dispatch('tool_pre_invoke', CALL, {
      principal: { id: 'ann' },
    })
    expect(payload.arguments).toEqual({ amount: 8, by: 'ann' })
    expect(payload.name).toBe('pay')
  })

  it('patches what stands in the result after the operation', async () => {
    const patch = { structuredContent: { secret: null, seen: true } }
    await using harness = await rule('patch', { patch }, { hooks: ['tool_post_invoke'] })
    const result = { content: [], structuredContent: { secret: 1, kept: 2 } }
    const { payload } = await harness.dispatch('tool_post_invoke', {
      server: 'bank',
      name: 'pay',
      exposedName: 'p',
      result,
    })
    expect(payload.result?.structuredContent).toEqual({ kept: 2, seen: true })
  })

  it('responds without the upstream, with leaves that are expressions', async () => {
    const answer = { content: [{ type: 'text', text: { cel: '"no " + payload.name + " today"' } }] }
    await using harness = await rule('respond', { respond: answer })
    const { outcome } = await harness.dispatch('tool_pre_invoke', CALL)
    expect(outcome).toMatchObject({
      kind: 'respond',
      answer: { content: [{ type: 'text', text: 'no pay today' }] },
    })
  })

  it('asks; where nobody can be asked that is a refusal', async () => {
    await using harness = await rule('ask', { reason: 'Sure?' })
    const { outcome } = await harness.dispatch('tool_pre_invoke', CALL)
    expect(outcome).toMatchObject({ kind: 'deny', violation: { code: 'ASK_UNAVAILABLE' } })
  })

  it('labels the request', async () => {
    await using harness = await rule('label', { labels: ['pii', 'finance'] })
    const { labels, outcome } = await harness.dispatch('tool_pre_invoke', CALL)
    expect(outcome.kind).toBe('pass')
    expect(labels).toEqual(['pii', 'finance'])
  })

  it('raises an alert that names the request and not its content', async () => {
    await using harness = await rule('alert', {
      reason: 'a payment',
      code: 'PAYMENT',
      severity: 'critical',
    })
    await harness.dispatch('tool_pre_invoke', CALL, { requestId: 'r-7', server: { name: 'bank' } })
    expect(harness.events).toMatchObject([
      {
        kind: 'alert',
        entry: 'rules',
        details: {
          severity: 'critical',
          data: { code: 'PAYMENT', requestId: 'r-7', server: 'bank' },
        },
      },
    ])
    expect(JSON.stringify(harness.events)).not.toContain('amount')
  })

  it('logs', async () => {
    await using harness = await rule('log', { reason: 'seen' })
    await harness.dispatch('tool_pre_invoke', CALL)
    expect(harness.logs).toMatchObject([
      { level: 'info', message: 'seen', fields: { point: 'tool_pre_invoke' } },
    ])
  })

  it('is a fault, and so closed, when an expression cannot be evaluated', async () => {
    await using harness = await rule('patch', {
      patch: { arguments: { a: { cel: 'payload.arguments.missing.deeper' } } },
    })
    const { outcome } = await harness.dispatch('tool_pre_invoke', CALL)
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_CONDITION_FAILED' } })
  })

  it('does not load with an expression that does not compile', async () => {
    const broken = { respond: { content: [{ type: 'text', text: { cel: 'payload.' } }] } }
    await expect(rule('respond', broken)).rejects.toThrow(
      'plugins.entries[0].config.respond.content[0].text.cel',
    )
  })
})

describe('the manifest of rules', () => {
  it('declares every point that is fired', () => {
    const text = readFileSync(`${plugin}/plugin.yaml`, 'utf8')
    const hooks = [...text.matchAll(/^ {2}- (\w+)$/gm)].map((match) => match[1])
    expect(hooks).toEqual(WIRED_POINTS)
  })
})

describe('mergePatch', () => {
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('follows the examples of RFC 7396, appendix A: %j with %j is %j', (target, change, result) => {
    expect(mergePatch(target, change)).toEqual(result)
  })
})
