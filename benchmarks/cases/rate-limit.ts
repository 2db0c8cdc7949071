// What one decision of the rate limit in memory costs (P22): the built-in plugin, loaded by the real host, beside one that does nothing.
import { definePlugin } from 'portcullis/plugin'
import { inspectGateway } from '../../src/app/inspect/inspect.ts'
import { ANONYMOUS } from '../../src/engine/context.ts'
import type { BenchmarkCase, Variant } from '../case.ts'
import { cpuTime } from '../cpu.ts'
import { checked, PAYLOAD, request, SCOPE } from './engine.ts'

const NOTHING = 'a plugin that does nothing'
const FEW = '100 callers'
const MANY = '10,000 callers'

const idle = definePlugin({
  id: 'idle',
  hooks: ['tool_pre_invoke'],
  setup: () => ({ hooks: { tool_pre_invoke: () => undefined } }),
} as never)

export async function openRateLimit(): Promise<BenchmarkCase> {
  const config = { limit: 1_000_000, per: '10h', burst: 1_000_000, by: ['principal', 'target'] }
  return {
    name: 'rate-limit',
    title: 'Rate limit in memory',
    unit: 'ns of CPU per dispatch',
    notes: [
      'One dispatch at tool_pre_invoke with one entry, limited by principal and tool; the limit is never reached, and a counter lives longer than it takes to be used again, so every decision reads one and writes it.',
    ],
    variants: [
      await dispatch(NOTHING, 'idle', {}, 1),
      await dispatch(FEW, 'rate-limit', config, 100),
      await dispatch(MANY, 'rate-limit', config, 10_000),
    ],
    claims: [
      { id: 'P22', what: 'one decision, one of 100 callers', variant: FEW, reference: NOTHING, measure: 'difference', unit: ' ns', must: 500 },
      { id: 'P22 callers', what: 'one decision, one of 10,000 callers', variant: MANY, reference: NOTHING, measure: 'difference', unit: ' ns', must: 500 },
    ],
    counter: cpuTime,
  } // biome-ignore format: a table
}

async function dispatch(
  name: string,
  use: string,
  config: object,
  callers: number,
): Promise<Variant> {
  const inspection = await inspectGateway({
    config: {
      version: 1,
      plugins: {
        enabled: true,
        allowed: [use],
        entries: [{ name: use, use, hooks: ['tool_pre_invoke'], config }],
      },
    },
    plugins: [idle],
  })
  const runner = inspection.generation.runner('tool_pre_invoke', SCOPE)
  if (runner === null) throw new Error(`${name}: nobody would run`)
  const contexts = Array.from({ length: callers }, (_, index) =>
    request({ principal: { ...ANONYMOUS, kind: 'user', id: `user-${index}` } }),
  )
  let at = 0
  return {
    name,
    run(times) {
      let passed = 0
      for (let i = 0; i < times; i++) {
        if (++at === callers) at = 0
        const outcome = runner.dispatch(PAYLOAD, contexts[at] as (typeof contexts)[number])
        if (!(outcome instanceof Promise) && outcome.kind === 'pass') passed++
      }
      return checked(name, passed, times)
    },
  }
}
