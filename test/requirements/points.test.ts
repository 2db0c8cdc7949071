// Sentences of docs/pipeline.md sections 2, 4, 5 and 7 about single points: what may be answered where, names, budgets, conditions.
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { ANONYMOUS, RequestContext } from '../../src/engine/context.ts'
import { createEngine } from '../../src/engine/engine.ts'
import type { Registration } from '../../src/engine/registry.ts'
import { createExpression } from '../../src/expression/expression.ts'
import { definePlugin, deny, type Hooks } from '../../src/plugin.ts'
import { declarationOf, POINTS, type Points, WIRED_POINTS } from '../../src/points/table.ts'
import { createPluginHarness, type HarnessOptions } from '../../src/testing.ts'

const plugin = (hooks: Hooks) =>
  definePlugin({ id: 'under-test', setup: () => ({ hooks }) }) as HarnessOptions['plugin']
const no = () => deny({ code: 'NO', reason: 'no' })

describe('a fired point', () => {
  it('can be answered without the upstream where the contract says so', () => {
    expect(WIRED_POINTS.filter((name) => declarationOf(name).respond)).toEqual([
      'http_pre_request',
      'prompt_pre_fetch',
      'tool_pre_invoke',
      'resource_pre_fetch',
      'argument_pre_complete',
      'completion_pre_request',
      'completion_post_response',
      'elicitation_pre_create',
      'elicitation_post_response',
      'auth_pre_check',
      'auth_post_check',
    ])
  })

  it('can ask at tool, prompt and resource pre-points', () => {
    expect(WIRED_POINTS.filter((name) => declarationOf(name).ask)).toEqual([
      'prompt_pre_fetch',
      'tool_pre_invoke',
      'resource_pre_fetch',
    ])
  })

  it('only tells after a session, a change of an entity, a load or a reload, and when a server is another or an error was raised', () => {
    expect(WIRED_POINTS.filter((name) => declarationOf(name).observe)).toEqual([
      'session_post_close',
      'error_raised',
      'server_post_register',
      'server_post_update',
      'server_post_unregister',
      'server_status_changed',
      'tool_post_register',
      'tool_post_update',
      'tool_post_unregister',
      'prompt_post_register',
      'prompt_post_update',
      'prompt_post_unregister',
      'resource_post_create',
      'resource_post_update',
      'resource_post_delete',
      'auth_post_create',
      'auth_post_update',
      'auth_post_delete',
      'federation_post_create',
      'federation_post_update',
      'federation_post_delete',
      'plugin_post_load',
      'config_post_reload',
    ])
  })
})

describe('the budget of a dispatch', () => {
  it('is by the class of its point: data, control, server admission', async () => {
    const expression = createExpression()
    const engine = createEngine<Points>(POINTS, {
      clock: systemClock,
      expression: { anyOf: expression.anyOf, cel: (source) => expression.cel(source) },
      defer: (run) => setImmediate(run),
      sink: { verdict() {}, fault() {}, dispatched() {}, observerDropped() {} },
    })
    const left: Record<string, number> = {}
    const registrations = ['tool_pre_invoke', 'plugin_pre_load', 'server_pre_admit'].map(
      (point, order): Registration => ({
        entry: `at-${point}`,
        plugin: 'p',
        point,
        mode: 'enforce',
        priority: 100,
        order,
        timeout: 600_000,
        onError: 'fail',
        handler: (_, { deadline }) => {
          left[point] = deadline
        },
      }),
    )
    const generation = engine.generation(registrations, {
      payload: 1024,
      points: {},
      depth: 8,
      dispatch: { data: 1000, control: 3000, admission: 15_000 },
    })
    for (const { point } of registrations)
      await generation.runner(point as keyof Points)?.dispatch({} as never, request())
    expect(left).toEqual({
      tool_pre_invoke: within(1000),
      plugin_pre_load: within(3000),
      server_pre_admit: within(15_000),
    })
  })

  const within = (budget: number) =>
    expect.toSatisfy((ms: number) => ms <= budget && ms > budget - 500, `about ${budget} ms`)
  const request = () =>
    new RequestContext({
      requestId: 'r',
      trace: undefined,
      era: 'modern',
      surface: 'test',
      method: 'tools/call',
      principal: ANONYMOUS,
      client: undefined,
      session: undefined,
      generation: 1,
    })
})

describe('a condition', () => {
  const ends = async (conditions: HarnessOptions['conditions'], at: 'tool' | 'prompt') => {
    const hooks: Hooks = { tool_pre_invoke: no, prompt_pre_fetch: no }
    const hook = at === 'tool' ? 'tool_pre_invoke' : 'prompt_pre_fetch'
    await using harness = await createPluginHarness({
      plugin: plugin(hooks),
      hooks: [hook],
      ...(conditions ? { conditions } : {}),
    })
    const payload = { server: 'files', name: 'read_file', exposedName: 'files__read_file' }
    const { outcome } = await harness.dispatch(hook, { ...payload, headers: {} })
    return outcome.kind
  }

  it('on tools matches the own name of a tool, not the one the client uses', async () => {
    expect(await ends([{ tools: ['read_file'] }], 'tool')).toBe('deny')
    expect(await ends([{ tools: ['files__read_file'] }], 'tool')).toBe('pass')
  })

  it('on prompts matches the own name of a prompt, not the one the client uses', async () => {
    expect(await ends([{ prompts: ['read_*'] }], 'prompt')).toBe('deny')
    expect(await ends([{ prompts: ['files__read_*'] }], 'prompt')).toBe('pass')
  })

  it.each(['methods', 'servers', 'tools', 'prompts', 'resources', 'tags', 'environments'])(
    'on %s is an error at http points, where it is not known yet',
    async (field) => {
      const loading = createPluginHarness({
        plugin: plugin({ http_pre_request: no }),
        conditions: [{ [field]: ['x'] }],
      })
      await expect(loading).rejects.toThrow('none of the conditions can match at http_pre_request')
    },
  )
})

describe('an entry without hooks', () => {
  it('runs at all points its plugin hooks', async () => {
    await using harness = await createPluginHarness({
      plugin: plugin({ tool_pre_invoke: no, prompt_post_fetch: no, error_raised: () => {} }),
    })
    expect(harness.points.toSorted()).toEqual([
      'error_raised',
      'prompt_post_fetch',
      'tool_pre_invoke',
    ])
  })
})
