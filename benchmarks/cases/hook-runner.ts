// What the runner costs over the plugins themselves: 50 plugins, synchronous and asynchronous, and the ways others do it.
import pTimeout from 'p-timeout'
import type { BenchmarkCase, Variant } from '../case.ts'
import { cpuTime } from '../cpu.ts'
import {
  distinct,
  generationOf,
  type Handler,
  hits,
  meter,
  PAYLOAD,
  request,
  SCOPE,
} from './engine.ts'

const PLUGINS = 50
const SETTING = `One dispatch at tool_pre_invoke with ${PLUGINS} plugins, each with a glob on the tool's name, a timeout of its own, \`on_error: disable\`, and the meter on.`
const trivial = (index: number) => `(payload, context) => { hits[${index}]++ }`
const reads = (index: number) =>
  `(payload, context) => { hits[${index}]++; if (payload.name === 'forbidden-${index}') throw new Error() }`
const asynchronous = (index: number) => `async (payload, context) => { hits[${index}]++ }`

/** Synchronous plugins, and what a point without any costs. */
export async function openSynchronous(): Promise<BenchmarkCase> {
  return {
    name: 'hook-runner',
    title: 'Hook runner, synchronous plugins',
    unit: 'ns of CPU per dispatch',
    counter: cpuTime,
    notes: [
      SETTING,
      'P6 is over functions that count and do nothing else, the worst case for a ratio. Reading a field goes through the read-only view, which costs more than reading the raw object; that is shown without a limit.',
      'Each variant has functions with code of their own.',
    ],
    variants: [
      bare('bare loop', trivial),
      dispatch('runner (P6)', trivial),
      bare('bare loop, each reads a field', reads),
      dispatch('runner, each reads a field', reads),
      ...empty(),
    ],
    claims: [
      { id: 'P6', what: '50 sync plugins to a bare loop over the same functions', variant: 'runner (P6)', reference: 'bare loop', measure: 'ratio', unit: 'x', must: 6, stretch: 3 },
      { id: 'P6 reading', what: 'the same, each plugin reads one field', variant: 'runner, each reads a field', reference: 'bare loop, each reads a field', measure: 'ratio', unit: 'x' },
      { id: 'empty', what: 'what a point without plugins adds to a dispatch', variant: 'a point without plugins', reference: 'no point', measure: 'difference', unit: ' ns', must: 3 },
      { id: 'empty lookup', what: 'the same, with the runner looked up by name', variant: 'a point without plugins, looked up', reference: 'no point', measure: 'difference', unit: ' ns' },
    ],
  } // biome-ignore format: a table
}

/** Asynchronous plugins, each with a timeout of its own. */
export async function openAsynchronous(): Promise<BenchmarkCase> {
  return {
    name: 'hook-runner-async',
    title: 'Hook runner, asynchronous plugins',
    unit: 'ns of CPU per dispatch',
    counter: cpuTime,
    notes: [SETTING, 'The loop that awaits each plugin has no timeouts, no conditions, no meter: it is the floor.'],
    variants: [naive(), dispatchAsync('runner (P7)')],
    claims: [
      { id: 'P7', what: 'one async plugin with its own timeout', variant: 'runner (P7)', measure: 'value', per: PLUGINS, unit: ' ns', must: 300, stretch: 160 },
      { id: 'P7 floor', what: '50 async plugins to a loop that awaits them without timeouts', variant: 'runner (P7)', reference: 'await loop, no timeouts', measure: 'ratio', unit: 'x' },
    ],
  } // biome-ignore format: a table
}

/** The usual way to give each plugin a timeout; a case of its own, because what it leaves to the collector slows whoever comes next. */
export async function openTimeouts(): Promise<BenchmarkCase> {
  return {
    name: 'timeouts',
    title: 'A timeout per plugin, the usual way',
    unit: 'ns of CPU per dispatch',
    counter: cpuTime,
    notes: [SETTING],
    variants: [dispatchAsync('runner'), withPTimeout()],
    claims: [
      { id: 'p-timeout', what: 'p-timeout around each plugin to the runner', variant: 'p-timeout per plugin', reference: 'runner', measure: 'ratio', unit: 'x' },
    ],
  } // biome-ignore format: a table
}

function bare(name: string, body: (index: number) => string): Variant {
  const handlers = distinct(PLUGINS, body)
  const context = request()
  return {
    name,
    run(times) {
      let answers = 0
      for (let i = 0; i < times; i++) answers += loop(handlers, context)
      return answers + (hits[0] ?? 0)
    },
  }
}

function loop(handlers: readonly Handler[], context: unknown): number {
  let answers = 0
  for (let i = 0; i < handlers.length; i++)
    if ((handlers[i] as Handler)(PAYLOAD, context) !== undefined) answers++
  return answers
}

function runnerOf(handlers: readonly Handler[]) {
  const runner = generationOf(handlers).runner('tool_pre_invoke', SCOPE)
  if (runner === null) throw new Error('nobody would run')
  return runner
}

function dispatch(name: string, body: (index: number) => string): Variant {
  const runner = runnerOf(distinct(PLUGINS, body))
  const context = request()
  return {
    name,
    run(times) {
      let passed = 0
      for (let i = 0; i < times; i++) {
        const outcome = runner.dispatch(PAYLOAD, context)
        if (!(outcome instanceof Promise) && outcome.kind === 'pass') passed++
      }
      return check(passed, times)
    },
  }
}

function naive(): Variant {
  const handlers = distinct(PLUGINS, asynchronous)
  const context = request()
  return {
    name: 'await loop, no timeouts',
    async run(times) {
      let answers = 0
      for (let i = 0; i < times; i++)
        for (const handler of handlers)
          if ((await handler(PAYLOAD, context)) !== undefined) answers++
      return answers + (hits[0] ?? 0)
    },
  }
}

function dispatchAsync(name: string): Variant {
  const runner = runnerOf(distinct(PLUGINS, asynchronous))
  const context = request()
  return {
    name,
    async run(times) {
      let passed = 0
      for (let i = 0; i < times; i++)
        if ((await runner.dispatch(PAYLOAD, context)).kind === 'pass') passed++
      return check(passed, times)
    },
  }
}

function withPTimeout(): Variant {
  const handlers = distinct(PLUGINS, asynchronous)
  const context = request()
  return {
    name: 'p-timeout per plugin',
    async run(times) {
      let answers = 0
      for (let i = 0; i < times; i++)
        for (const handler of handlers) {
          const answer = Promise.resolve(handler(PAYLOAD, context))
          if ((await pTimeout(answer, { milliseconds: 5000 })) !== undefined) answers++
        }
      return answers + (hits[0] ?? 0)
    },
  }
}

/** What a call site does: one comparison where the runner is at hand, one look-up where it is not. */
function empty(): Variant[] {
  const generation = generationOf(distinct(1, trivial))
  const context = request()
  const held = { runner: generation.runner('tool_post_invoke') }
  return [
    {
      name: 'no point',
      run(times) {
        let sum = 0
        for (let i = 0; i < times; i++) sum = (sum + consume(PAYLOAD, i)) | 0
        return sum
      },
    },
    {
      name: 'a point without plugins',
      run(times) {
        let sum = 0
        for (let i = 0; i < times; i++) {
          const { runner } = held
          const result = runner === null ? PAYLOAD : runner.dispatch(PAYLOAD as never, context)
          sum = (sum + consume(result, i)) | 0
        }
        return sum
      },
    },
    {
      name: 'a point without plugins, looked up',
      run(times) {
        let sum = 0
        for (let i = 0; i < times; i++) {
          const runner = generation.runner('tool_post_invoke')
          const result = runner === null ? PAYLOAD : runner.dispatch(PAYLOAD as never, context)
          sum = (sum + consume(result, i)) | 0
        }
        return sum
      },
    },
  ]
}

/** Stands for what a call site does with the payload; the same for all three. */
function consume(result: unknown, i: number): number {
  return result === PAYLOAD ? i : 1
}

function check(passed: number, times: number): number {
  if (passed !== times || meter.faults > 0)
    throw new Error(`${times - passed} of ${times} dispatches did not pass`)
  return passed + (hits[0] ?? 0)
}
