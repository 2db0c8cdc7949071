// `portcullis plugin`: which plugins there are and how they are used, and which points they can be bound to.
import {
  type AddCommand,
  type ConfigOptions,
  findConfig,
  type Invocation,
  withConfig,
  withOutput,
} from '../command.ts'
import { EXIT, type Exit } from '../exit.ts'
import { columns } from '../style.ts'

export const addPlugin: AddCommand = (program, run) => {
  const plugin = program.command('plugin').description('see what there is to run and where')
  const list = plugin
    .command('list')
    .description('plugins that can be used, and the entries that use them')
    .action(run(listPlugins))
  withConfig(withOutput(list))
  const points = plugin
    .command('points')
    .description('points that plugins can be bound to')
    .action(run(tellPoints))
  withOutput(points)
}

async function listPlugins({ shell, output, options }: Invocation<ConfigOptions>): Promise<Exit> {
  const { inspectGateway } = await import('../../app/inspect/inspect.ts')
  const configFile = findConfig(options, shell)
  // without a configuration: what comes with the package
  const source = configFile === undefined ? { config: { version: 1 } } : { configFile }
  const inspection = await inspectGateway({ ...source, profile: options.profile, env: shell.env })
  try {
    const { available, entries } = inspection
    const { style } = output
    output.result({ config: configFile ?? null, available, entries }, () => {
      const plugins = available.map(({ id, version, source: from, description }) => [
        style.strong(id),
        version,
        style.faint(from),
        description,
      ])
      const used = entries.map(({ name, plugin, mode, priority, state, hooks, reason }) => [
        style.strong(name),
        plugin,
        `${mode} ${priority}`,
        state === 'loaded' ? style.good(state) : style.bad(state),
        reason ?? hooks.join(' '),
      ])
      return `${columns(plugins)}${used.length > 0 ? `\nin use\n${columns(used, '  ')}` : ''}`
    })
    return EXIT.ok
  } finally {
    await inspection.close()
  }
}

async function tellPoints({ output }: Invocation<object>): Promise<Exit> {
  const { listPoints } = await import('../../app/inspect/point-list.ts')
  const points = listPoints()
  const { style } = output
  output.result({ points }, () => {
    const fired = points.filter((point) => point.fired)
    const later = points.filter((point) => !point.fired)
    return [
      columns(fired.map(({ name, fires }) => [style.strong(name), fires])),
      'declared, not yet fired; binding a policy to one of these is an error\n',
      columns(
        later.map(({ name, fires, comes }) => [
          name,
          style.faint(`${fires} - comes with ${comes}`),
        ]),
      ),
    ].join('\n')
  })
  return EXIT.ok
}
