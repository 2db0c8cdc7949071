// Pin: what the package exports, what its command line offers, and its exit codes. Red means: did you mean it?
import type { Command } from 'commander'
import { expect, it } from 'vitest'
import { EXIT } from '../../src/cli/exit.ts'
import { createProgram } from '../../src/cli/program.ts'
import * as main from '../../src/index.ts'
import * as plugin from '../../src/plugin.ts'
import * as testing from '../../src/testing.ts'
import { fakeShell } from '../cli/shell.ts'

it('the package exports what it is known for', () => {
  expect(Object.keys(main).sort()).toEqual(['AppError', 'ERRORS', 'createGateway', 'startGateway'])
  expect(Object.keys(plugin).sort()).toEqual(['ask', 'definePlugin', 'deny', 'patch', 'respond'])
  expect(Object.keys(testing).sort()).toEqual(['createPluginHarness'])
})

const COMMON = '--json --quiet --verbose'
const CONFIG = `${COMMON} --config --profile`
// --token is taken only to be refused
const API = `--admin --token-file --token ${CONFIG}`
const WRITE = `${API} --dry-run`
const RECORDS = '--server --target --point --entry --code --outcome --request-id'

it('the command line takes the commands and options it is known for', () => {
  const program = createProgram(fakeShell(), { exit: EXIT.ok })
  expect(Object.fromEntries(commands(program))).toEqual({
    start: `--host --port --log-level --no-watch --unsafe-without ${CONFIG}`,
    stdio: `--url --header --log-level ${CONFIG}`,
    validate: `--print --strict ${CONFIG}`,
    init: COMMON,
    import: `--out --to-gateway ${WRITE}`,
    explain: `--point --server --name --arguments --result --payload --as --client --era ${CONFIG}`,
    'plugin list': CONFIG,
    'plugin points': COMMON,
    'audit verify': `${COMMON} --file --store --key`,
    'audit search': `--from --to --kind --principal ${RECORDS} --limit ${API}`,
    'audit export': `--file --store --from --to --kind --principal --tenant ${RECORDS} --limit ${API}`,
    'audit keygen': COMMON,
    'server list': `--environment --tag --tenant ${API}`,
    'server show': API,
    'server add': `--command --env --cwd --url --transport --header --tag --environment --tenant --attestation --spiffe-id ${WRITE}`,
    'server attest': `--accept-new-hardware ${API}`,
    'server remove': WRITE,
    'key list': `--principal --tenant ${API}`,
    'key show': API,
    'key create': `--id --kind --role --scope --expires --tenant ${WRITE}`,
    'key revoke': WRITE,
    'role list': API,
    'role show': API,
    'role grant': `--tenant ${WRITE}`,
    'role revoke': WRITE,
    'secrets reseal': API,
    'attest verify': `--type --policy --at --expect-binding --endorsements --collateral --root ${COMMON}`,
    'attest policy check': COMMON,
    'attest challenge': `--server-id --url --spki --exporter ${COMMON}`,
    export: `--kind ${API}`,
    bench: `--plugin --point --payload ${CONFIG}`,
    doctor: CONFIG,
  })
})

it('the exit codes are those of the documentation', () => {
  expect(EXIT).toEqual({ ok: 0, fault: 1, usage: 2, configuration: 78 })
})

function commands(parent: Command, prefix = ''): [string, string][] {
  return parent.commands.flatMap((command): [string, string][] => {
    const name = `${prefix}${command.name()}`
    if (command.commands.length > 0) return commands(command, `${name} `)
    return [[name, command.options.map(({ long }) => long).join(' ')]]
  })
}
