// What the guard holds to which schema, and what it does without one.
import { createPluginHarness, type HarnessOptions } from 'portcullis/testing'
import { describe, expect, it } from 'vitest'

const plugin = import.meta.dirname
const ADD = {
  name: 'add',
  inputSchema: {
    type: 'object',
    properties: { a: { type: 'number' }, b: { type: 'number' } },
    required: ['a', 'b'],
    additionalProperties: false,
  },
  outputSchema: { type: 'object', properties: { sum: { type: 'number' } }, required: ['sum'] },
}
const CALL = { server: 'math', name: 'add', exposedName: 'math__add', headers: {} }
const TARGET = { server: 'math', name: 'add', exposedName: 'math__add' }

const guard = (
  tool: object | undefined = ADD,
  config: object = {},
  more: Partial<HarnessOptions> = {},
) =>
  createPluginHarness({
    plugin,
    config: { ...config },
    tools: tool ? { 'math/add': { ...tool } } : {},
    ...more,
  })

async function called(args: Record<string, unknown> | undefined, tool?: object, config?: object) {
  await using harness = await guard(tool, config)
  return (
    await harness.dispatch('tool_pre_invoke', { ...CALL, ...(args ? { arguments: args } : {}) })
  ).outcome
}

describe('the schema guard', () => {
  it('lets fitting arguments pass', async () => {
    expect((await called({ a: 1, b: 2 })).kind).toBe('pass')
  })

  it.each([
    [{ a: '1', b: 2 }, '/a must be number'],
    [{ a: 1 }, "must have required property 'b'"],
    [{ a: 1, b: 2, c: 3 }, 'must NOT have additional properties'],
    [undefined, 'must have required property'],
  ])('refuses the arguments %j', async (args, message) => {
    const outcome = await called(args)
    expect(outcome).toMatchObject({ kind: 'deny', violation: { code: 'SCHEMA_ARGUMENTS' } })
    expect(outcome.kind === 'deny' && outcome.violation.reason).toContain(message)
  })

  it('reads draft-07 as draft-07', async () => {
    const inputSchema = {
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      properties: { a: { type: 'array', items: [{ type: 'string' }] } },
    }
    expect((await called({ a: [1] }, { inputSchema })).kind).toBe('deny')
    expect((await called({ a: ['x', 1] }, { inputSchema })).kind).toBe('pass')
  })

  it.each([
    [
      'structured content that does not fit',
      { content: [], structuredContent: { sum: 'x' } },
      'deny',
    ],
    ['no structured content', { content: [] }, 'deny'],
    ['structured content that fits', { content: [], structuredContent: { sum: 3 } }, 'pass'],
    ['a failed call', { content: [], isError: true }, 'pass'],
  ])('answers a result with %s', async (_what, result, kind) => {
    await using harness = await guard()
    expect((await harness.dispatch('tool_post_invoke', { ...TARGET, result })).outcome.kind).toBe(
      kind,
    )
  })

  it('refuses a tool that its server does not list, unless told otherwise', async () => {
    await using closed = await guard(undefined)
    const { outcome } = await closed.dispatch('tool_pre_invoke', { ...CALL, name: 'gone' })
    expect(outcome).toMatchObject({ kind: 'deny', violation: { code: 'SCHEMA_UNKNOWN_TOOL' } })
    await using open = await guard(undefined, { unknown_tool: 'pass' })
    expect((await open.dispatch('tool_pre_invoke', { ...CALL, name: 'gone' })).outcome.kind).toBe(
      'pass',
    )
  })

  it.each([
    ['refers to the network', { $ref: 'https://example.com/schema.json' }],
    ['is no schema', { type: 'nonsense' }],
    ['looks ahead', { type: 'object', properties: { a: { type: 'string', pattern: '(?=x)' } } }],
  ])(
    'refuses every call of a tool whose schema %s, unless told otherwise',
    async (_what, inputSchema) => {
      const outcome = await called({ a: 'x' }, { inputSchema })
      expect(outcome).toMatchObject({ kind: 'deny', violation: { code: 'SCHEMA_UNUSABLE' } })
      expect((await called({ a: 'x' }, { inputSchema }, { unusable_schema: 'pass' })).kind).toBe(
        'pass',
      )
    },
  )

  it('takes linear time over patterns and unique items that a server chose to be slow', async () => {
    const inputSchema = {
      type: 'object',
      properties: {
        a: { type: 'string', pattern: '^(a+)+$' },
        b: { type: 'array', uniqueItems: true },
      },
    }
    await using harness = await guard({ inputSchema })
    const args = {
      a: `${'a'.repeat(50_000)}!`,
      b: Array.from({ length: 20_000 }, (_, index) => ({ index })),
    }
    const started = performance.now()
    const { outcome } = await harness.dispatch('tool_pre_invoke', { ...CALL, arguments: args })
    expect(outcome.kind).toBe('deny')
    expect(performance.now() - started).toBeLessThan(2000)
  })
})
