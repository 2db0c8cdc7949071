// The runner beside the way hooks are usually run - a copy, a timer and two readings of the clock for each plugin - at 1, 10 and 50.
import type { BenchmarkCase, Claim, Variant } from '../case.ts'
import { cpuTime } from '../cpu.ts'
import { runNaively } from '../references/naive-runner.ts'
import {
  checked,
  distinct,
  generationOf,
  type Handler,
  hits,
  PAYLOAD,
  request,
  SCOPE,
} from './engine.ts'

const COUNTS = [1, 10, 50] as const
const SYNC = (index: number) => `(payload, context) => { hits[${index}]++ }`
const ASYNC = (index: number) => `async (payload, context) => { hits[${index}]++ }`

const named = {
  sync: (count: number) => `runner, ${count} sync`,
  async: (count: number) => `runner, ${count} async`,
  naive: (count: number) => `naive, ${count} async`,
}

export async function openNaive(): Promise<BenchmarkCase> {
  return {
    name: 'naive',
    title: 'Hook runner and the usual way',
    unit: 'ns of CPU per dispatch',
    counter: cpuTime,
    notes: [
      'One dispatch of a call of 100 bytes. The runner has a glob, a timeout, `on_error: disable` and the meter on for each plugin; the usual way is structuredClone, p-timeout and two readings of the clock around each.',
      'CPU of the process, the collector with it. What the usual way leaves to the collector still slows whoever comes next, so these ratios flatter the usual way.',
    ],
    variants: COUNTS.flatMap((count) => [
      dispatch(named.sync(count), distinct(count, SYNC)),
      dispatch(named.async(count), distinct(count, ASYNC)),
      naive(named.naive(count), distinct(count, ASYNC)),
    ]),
    claims: COUNTS.map((count): Claim => ({ id: `naive ${count}`, what: `the usual way to the runner, ${count} async`, variant: named.naive(count), reference: named.async(count), measure: 'ratio', more: true, unit: 'x' })),
  } // biome-ignore format: a table
}

function dispatch(name: string, handlers: readonly Handler[]): Variant {
  const runner = generationOf(handlers).runner('tool_pre_invoke', SCOPE)
  if (runner === null) throw new Error('nobody would run')
  const context = request()
  return {
    name,
    async run(times) {
      let passed = 0
      for (let i = 0; i < times; i++) {
        const outcome = runner.dispatch(PAYLOAD, context)
        if ((outcome instanceof Promise ? await outcome : outcome).kind === 'pass') passed++
      }
      return checked(name, passed, times)
    },
  }
}

function naive(name: string, handlers: readonly Handler[]): Variant {
  const plugins = handlers.map((handler) => async (message: object) => {
    await handler(message as typeof PAYLOAD, undefined)
  })
  return {
    name,
    async run(times) {
      const before = hits[0] ?? 0
      for (let i = 0; i < times; i++) await runNaively(plugins, PAYLOAD as object)
      const ran = ((hits[0] ?? 0) - before) >>> 0
      return checked(name, ran, times)
    },
  }
}
