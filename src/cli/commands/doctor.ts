// `portcullis doctor`: looks at everything a start depends on and says what is wrong and what to do; it changes nothing.
import { checkConfig, checkNode, checkPort, checkServer, type Finding } from '../checks.ts'
import {
  type AddCommand,
  type ConfigOptions,
  type Invocation,
  requireConfig,
  withConfig,
  withOutput,
} from '../command.ts'
import { EXIT, type Exit, exitOf } from '../exit.ts'
import { described, type Output } from '../output.ts'
import { columns } from '../style.ts'

export const addDoctor: AddCommand = (program, run) => {
  const command = program
    .command('doctor')
    .description('check the machine, the configuration, commands, ports and servers')
    .action(run(doctor))
  withConfig(withOutput(command))
}

async function doctor({ shell, output, options }: Invocation<ConfigOptions>): Promise<Exit> {
  const found: Finding[] = [checkNode(process.versions.node)]
  const { inspectGateway } = await import('../../app/inspect/inspect.ts')
  try {
    const configFile = requireConfig(options, shell)
    const inspection = await inspectGateway({
      configFile,
      profile: options.profile,
      env: shell.env,
    })
    try {
      const { config } = inspection.loaded
      found.push(...(await checkConfig(inspection)))
      found.push(await checkPort('MCP endpoint', config.listen))
      found.push(await checkPort('admin endpoint', config.admin))
      found.push(
        ...(await Promise.all(config.servers.map((server) => checkServer(server, shell.env)))),
      )
    } finally {
      await inspection.close()
    }
  } catch (error) {
    if (exitOf(error) !== EXIT.configuration) throw error
    const { message, next, problems } = described(error)
    found.push({
      check: 'configuration',
      state: 'wrong',
      says: String(message),
      next: String(next),
    })
    tell(found, output, problems)
    if (output.human) output.fail(error)
    return EXIT.configuration
  }
  tell(found, output)
  return found.some(({ state }) => state === 'wrong') ? EXIT.fault : EXIT.ok
}

function tell(found: readonly Finding[], output: Output, problems?: unknown): void {
  const { style } = output
  const mark = {
    fine: style.good('ok'),
    doubtful: style.careful('look'),
    wrong: style.bad('wrong'),
  }
  const healthy = found.every(({ state }) => state !== 'wrong')
  output.result({ healthy, checks: found, ...(problems === undefined ? {} : { problems }) }, () =>
    columns(
      found.map(({ check, state, says, next }) => [
        mark[state],
        style.strong(check),
        next === undefined ? says : `${says}; ${next}`,
      ]),
    ),
  )
}
