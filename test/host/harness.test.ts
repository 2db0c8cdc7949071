// The harness that plugin authors test with: the example of its documentation, and that it hides nothing the gateway would say.
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { definePlugin, deny, patch } from '../../src/plugin.ts'
import { createPluginHarness } from '../../src/testing.ts'
import { pluginFolder } from './support.ts'

const TRANSFER = { server: 'bank', name: 'transfer', exposedName: 'bank__transfer', headers: {} }

const limit = definePlugin<{ max: number }>({
  id: 'limit',
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: { max: { type: 'number', default: 10 } },
  },
  setup: ({ max }) => ({
    hooks: {
      tool_pre_invoke(payload, context) {
        context.state.asked = payload.arguments?.amount
        if (Number(payload.arguments?.amount) > max)
          return deny({ code: 'TOO_MUCH', reason: 'above the limit' })
        return patch({ arguments: { ...payload.arguments, checked: true } })
      },
      tool_post_invoke: (_payload, context) => patch({ _meta: { asked: context.state.asked } }),
    },
  }),
})

describe('the harness', () => {
  it('runs the example of its documentation', async () => {
    const harness = await createPluginHarness({ plugin: limit, config: { max: 10 } })
    const { outcome } = await harness.dispatch('tool_pre_invoke', {
      ...TRANSFER,
      arguments: { amount: 11 },
    })
    expect(outcome.kind).toBe('deny')
    await harness.close()
  })

  it('keeps the state of one request from its pre-point to its post-point', async () => {
    await using harness = await createPluginHarness({ plugin: limit })
    const request = harness.request({ principal: { id: 'ann' } })
    const before = await request.dispatch('tool_pre_invoke', {
      ...TRANSFER,
      arguments: { amount: 7 },
    })
    expect(before.payload.arguments).toEqual({ amount: 7, checked: true })
    const { headers: _headers, ...target } = TRANSFER
    const after = await request.dispatch('tool_post_invoke', { ...target, result: { content: [] } })
    expect(after.payload.result?._meta).toEqual({ asked: 7 })
  })

  it('applies mode, conditions, when and the failure policy as the gateway does', async () => {
    const call = { ...TRANSFER, arguments: { amount: 11 } }
    await using permissive = await createPluginHarness({ plugin: limit, mode: 'permissive' })
    const recorded = await permissive.dispatch('tool_pre_invoke', call)
    expect(recorded.outcome.kind).toBe('pass')
    expect(recorded.steps).toMatchObject([{ verdict: 'deny', effective: false, code: 'TOO_MUCH' }])
    await using scoped = await createPluginHarness({
      plugin: limit,
      hooks: ['tool_pre_invoke'],
      conditions: [{ tools: ['other'] }],
    })
    expect((await scoped.dispatch('tool_pre_invoke', call)).outcome.kind).toBe('pass')
    await using when = await createPluginHarness({
      plugin: limit,
      when: 'server.name == "bank"',
      hooks: ['tool_pre_invoke'],
    })
    expect(
      (await when.dispatch('tool_pre_invoke', call, { server: { name: 'bank' } })).outcome.kind,
    ).toBe('deny')
    expect((await when.dispatch('tool_pre_invoke', call)).outcome.kind).toBe('pass')
    const broken = definePlugin({
      id: 'broken',
      setup: () => ({
        hooks: {
          tool_pre_invoke: () => {
            throw new Error('x')
          },
        },
      }),
    })
    await using open = await createPluginHarness({ plugin: broken, onError: 'ignore' })
    expect((await open.dispatch('tool_pre_invoke', call)).outcome.kind).toBe('pass')
  })

  it('refuses what the gateway would refuse', async () => {
    await expect(createPluginHarness({ plugin: limit, config: { maks: 1 } })).rejects.toMatchObject(
      { code: 'PLUGIN_CONFIG' },
    )
    await using folder = await pluginFolder({ 'mine/plugin.yaml': 'id: mine\n' })
    await expect(createPluginHarness({ plugin: join(folder.path, 'mine') })).rejects.toMatchObject({
      code: 'PLUGIN_MANIFEST',
    })
  })

  it('throws when a plugin writes to its payload', async () => {
    const rude = definePlugin({
      id: 'rude',
      setup: () => ({
        hooks: {
          tool_pre_invoke(payload) {
            ;(payload as { name: string }).name = 'x'
          },
        },
      }),
    })
    await using harness = await createPluginHarness({ plugin: rude })
    const { outcome } = await harness.dispatch('tool_pre_invoke', { ...TRANSFER, arguments: {} })
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_PAYLOAD_MUTATED' } })
  })
})
