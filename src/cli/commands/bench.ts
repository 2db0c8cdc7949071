// `portcullis bench`: what one plugin costs at each of its points, in this process; it starts no server and changes nothing.
import type { Cost, EntryBench } from '../../app/inspect/bench.ts'
import type { Inspection } from '../../app/inspect/inspect.ts'
import { AppError } from '../../base/errors.ts'
import {
  type AddCommand,
  type ConfigOptions,
  findConfig,
  type Invocation,
  jsonObject,
  loading,
  withConfig,
  withOutput,
} from '../command.ts'
import { EXIT, type Exit, UsageError } from '../exit.ts'
import type { Shell } from '../shell.ts'
import { columns, type Style } from '../style.ts'

interface BenchOptions extends ConfigOptions {
  readonly plugin: string
  readonly point?: string
  readonly payload?: ReturnType<typeof jsonObject>
}

export const addBench: AddCommand = (program, run) => {
  const command = program
    .command('bench')
    .description('time the hooks of one plugin in the real engine, beside one that does nothing')
    .requiredOption('--plugin <name>', 'a configured entry or policy, or the id of a plugin')
    .option('--point <point>', 'only this one of its points')
    .option('--payload <json>', 'members of the payload, over those of the sample', jsonObject)
    .action(run(benchCommand))
  withConfig(withOutput(command))
}

async function benchCommand({ shell, output, options }: Invocation<BenchOptions>): Promise<Exit> {
  const { benchEntry } = await import('../../app/inspect/bench.ts')
  const { inspection, entry } = await inspect(options, shell)
  try {
    const { point, payload } = options
    output.detail(`timing ${entry}`)
    const bench = await benchEntry(inspection, entry, { point, payload }).catch(
      (error: unknown) => {
        throw error instanceof TypeError ? new UsageError(error.message) : error
      },
    )
    output.result(bench, () => benchText(bench, output.style))
    return EXIT.ok
  } finally {
    await inspection.close()
  }
}

interface Found {
  readonly inspection: Inspection
  readonly entry: string
}

/** As configured; a built-in plugin that no configuration names is loaded alone. */
async function inspect(options: BenchOptions, shell: Shell): Promise<Found> {
  const { findEntry } = await import('../../app/inspect/bench.ts')
  const { inspectGateway } = await import('../../app/inspect/inspect.ts')
  const { plugin } = options
  if (findConfig(options, shell) !== undefined) {
    const inspection = await inspectGateway(loading(options, shell))
    const entry = findEntry(inspection, plugin)
    if (entry !== undefined) return { inspection, entry }
    await inspection.close()
  }
  const inspection = await inspectGateway({ config: alone(plugin) }).catch((error: unknown) => {
    throw error instanceof AppError && error.code === 'PLUGIN_NOT_FOUND'
      ? new UsageError(
          `no entry, policy or plugin is called ${plugin}; portcullis plugin list shows them`,
        )
      : error
  })
  return { inspection, entry: plugin }
}

function alone(plugin: string): object {
  return {
    version: 1,
    plugins: { enabled: true, allowed: [plugin], entries: [{ name: plugin, use: plugin }] },
  }
}

function benchText({ entry, plugin, hooks, skipped }: EntryBench, style: Style): string {
  const head = ['', 'ends with', 'alone', 'ten of it', 'one that does nothing'].map(style.faint)
  const rows = hooks.map(({ point, outcome, alone, ten, idle }) => [
    style.strong(point),
    outcome === 'pass' ? style.good(outcome) : style.careful(outcome),
    costText(alone),
    costText(ten),
    costText(idle),
  ])
  const left = skipped.map(({ point, reason }) => `  ${point}: not measured, ${reason}\n`)
  return `${style.strong(entry)} ${style.faint(plugin)}\n${columns([head, ...rows], '  ')}${left.join('')}`
}

function costText({ median, low, high }: Cost): string {
  const [value, unit] = median < 10_000 ? [1, 'ns'] : [1000, 'us']
  const digits = (ns: number): string =>
    (ns / value).toLocaleString('en', { maximumFractionDigits: value === 1 ? 0 : 1 })
  return `${digits(median)} ${unit} (${digits(low)} to ${digits(high)})`
}
