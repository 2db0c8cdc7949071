// Fifty and five hundred configured entries, through the real loader and host: what loading them takes, and what a call costs then.
import { inspectGateway } from '../../src/app/inspect/inspect.ts'
import type { Generation } from '../../src/engine/engine.ts'
import type { Points } from '../../src/points/table.ts'
import type { BenchmarkCase, Trial, Variant } from '../case.ts'
import { cpuTime } from '../cpu.ts'
import { checked, PAYLOAD, request, SCOPE } from './engine.ts'

const FEW = 3
const COUNTS = [50, 500] as const

const loading = (count: number) => `loading ${count} entries`
const calling = (count: number) => `a call, ${FEW} of ${count} entries for its tool`
const ALONE = `a call, ${FEW} entries`

export async function openConfigured(): Promise<BenchmarkCase> {
  const variants: (Variant | Trial)[] = [await call(ALONE, FEW)]
  for (const count of COUNTS)
    variants.push(load(loading(count), count), await call(calling(count), count))
  return {
    name: 'configured',
    title: 'Many configured entries',
    unit: 'ns of CPU',
    notes: [
      'Half of the entries are policies of the section policies, half are entries of deny-list; each has conditions and a configuration of its own. Loading is everything from the configuration to compiled runners, without servers, in a process that has loaded some before.',
      `A call is one dispatch at tool_pre_invoke, where conditions leave ${FEW} entries for the tool that is called.`,
    ],
    variants,
    claims: [
      ...COUNTS.map((count) => ({ id: `configured ${count}`, what: `a call with ${count} entries configured to one with ${FEW}`, variant: calling(count), reference: ALONE, measure: 'ratio', unit: 'x', must: 1.15, stretch: 1.05 }) as const),
      ...COUNTS.map((count) => ({ id: `loading ${count}`, what: `loading ${count} entries`, variant: loading(count), measure: 'value', per: 1e6, unit: ' ms' }) as const),
    ],
    counter: cpuTime,
  } // biome-ignore format: a table
}

/** The first few are for the tool that is called, all others for one that nobody calls. */
function configOf(count: number): object {
  const tools = (index: number) =>
    index < FEW ? ['read_*', `also-${index}`] : [`other-${index}-*`]
  const all = Array.from({ length: count }, (_, index) => index)
  return {
    version: 1,
    servers: [{ name: SCOPE.server.name, command: 'nothing' }],
    plugins: {
      enabled: true,
      allowed: ['rules', 'deny-list'],
      entries: all
        .filter((index) => index % 2 === 0)
        .map((index) => ({
          name: `words-${index}`,
          use: 'deny-list',
          hooks: ['tool_pre_invoke'],
          conditions: [{ tools: tools(index) }],
          config: { words: [`secret-${index}`, 'BEGIN RSA PRIVATE KEY'] },
        })),
    },
    policies: all
      .filter((index) => index % 2 === 1)
      .map((index) => ({
        name: `policy-${index}`,
        on: ['tool_pre_invoke'],
        conditions: [{ tools: tools(index), users: [`banned-${index}-*`] }],
        // biome-ignore lint/suspicious/noThenProperty: the word of the contract
        then: 'deny',
        code: 'BANNED',
        reason: 'not for you',
      })),
  }
}

async function generationOf(count: number): Promise<Generation<Points>> {
  const inspection = await inspectGateway({ config: configOf(count) })
  await inspection.close()
  const loaded = inspection.entries.filter(({ state }) => state === 'loaded').length
  if (loaded !== count) throw new Error(`${loaded} of ${count} entries were loaded`)
  return inspection.generation
}

function load(name: string, count: number): Trial {
  return {
    name,
    async trial() {
      const before = cpuTime()
      const { runner } = await generationOf(count)
      if (runner('tool_pre_invoke', SCOPE)?.plan.chain.length !== FEW)
        throw new Error(`${name}: not ${FEW} would run`)
      return { times: 1, cost: cpuTime() - before, seen: {}, others: 0 }
    },
  }
}

async function call(name: string, count: number): Promise<Variant> {
  const runner = (await generationOf(count)).runner('tool_pre_invoke', SCOPE)
  if (runner?.plan.chain.length !== FEW) throw new Error(`${name}: not ${FEW} would run`)
  const context = request()
  return {
    name,
    run(times) {
      let passed = 0
      for (let i = 0; i < times; i++) {
        const outcome = runner.dispatch(PAYLOAD, context)
        if (!(outcome instanceof Promise) && outcome.kind === 'pass') passed++
      }
      return checked(name, passed, times)
    },
  }
}
