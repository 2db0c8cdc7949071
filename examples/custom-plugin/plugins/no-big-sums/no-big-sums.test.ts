// Tests the plugin in the real host and engine: manifest, config schema, order of points and write rules included.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { createPluginHarness } from 'portcullis/testing'

const call = (args: Record<string, unknown>) => ({
  server: 'everything',
  name: 'get-sum',
  exposedName: 'everything__get-sum',
  arguments: args,
  headers: {},
})

test('refuses a sum above the limit and counts it', async () => {
  await using harness = await createPluginHarness({
    plugin: import.meta.dirname,
    config: { max: 100 },
  })
  const { outcome } = await harness.dispatch('tool_pre_invoke', call({ a: 100, b: 1 }))
  assert(outcome.kind === 'deny')
  assert.equal(outcome.violation.code, 'SUM_TOO_BIG')
  assert.equal(harness.counters.too_big, 1)
})

test('refuses what is no number', async () => {
  await using harness = await createPluginHarness({
    plugin: import.meta.dirname,
    config: { max: 100 },
  })
  const { outcome } = await harness.dispatch('tool_pre_invoke', call({ a: '99', b: 1 }))
  assert(outcome.kind === 'deny')
  assert.equal(outcome.violation.code, 'NO_NUMBERS')
})

test('says after the call how much was left', async () => {
  await using harness = await createPluginHarness({
    plugin: import.meta.dirname,
    config: { max: 100 },
  })
  const request = harness.request()
  await request.dispatch('tool_pre_invoke', call({ a: 19, b: 23 }))
  const { payload } = await request.dispatch('tool_post_invoke', {
    server: 'everything',
    name: 'get-sum',
    exposedName: 'everything__get-sum',
    result: { content: [{ type: 'text', text: '42' }] },
  })
  assert.deepEqual(payload.result?.content.at(-1), { type: 'text', text: '58 below the limit' })
})

test('is not loaded without a limit', async () => {
  await assert.rejects(createPluginHarness({ plugin: import.meta.dirname, config: {} }), {
    code: 'PLUGIN_CONFIG',
  })
})
