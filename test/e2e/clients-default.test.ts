// The gateway as `npm start` starts it, in front of two real servers over stdio: what real clients of the legacy era see of it.
import { readFile } from 'node:fs/promises'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { legacyClient } from '../support/clients.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { root } from '../support/paths.ts'
import { type Call, type Driver, inspector, mcporter, sdk, transcribe } from './drivers.ts'

interface Server {
  name: string
  command: string
  args?: string[]
  cwd?: string
}

let home: TemporaryDirectory
let gateway: RunningGateway
let servers: Server[]

beforeAll(async () => {
  home = await temporaryDirectory()
  const config = await defaultConfiguration()
  servers = config.servers
  gateway = await startGateway(stringify(config), { cwd: root })
}, 90_000)

afterEach(({ task }) => {
  if (task.result?.state === 'fail') console.error(gateway.output())
})

afterAll(async () => {
  await gateway?.stop()
  await home?.[Symbol.asyncDispose]()
})

const clients: Record<string, (home: string) => Driver> = {
  inspector: (home) => inspector('legacy', home),
  mcporter: (home) => mcporter(home),
  sdk: () => sdk('legacy'),
}

const calls: Call[] = [
  { tool: 'everything__echo', args: { message: 'hello through the gateway' } },
  { tool: 'everything__get-sum', args: { a: 19, b: 23 } },
  { tool: 'everything__echo', args: { message: 'a forbidden-word' } },
  { tool: 'files__list_allowed_directories', args: {} },
  { tool: 'files__write_file', args: { path: 'note.txt', content: 'not written' } },
]

describe.each(Object.entries(clients))('%s', (name, driver) => {
  test('lists the tools of both servers, calls some and is refused others', async () => {
    const transcript = await transcribe(driver(home.path), gateway.url, calls)
    const text = JSON.stringify(transcript, null, 2)
      .replaceAll(root.replace(/\/$/, ''), '<root>')
      .replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, '<id>')
    await expect(`${text}\n`).toMatchFileSnapshot(`transcripts/default.${name}.json`)
  }, 60_000)
})

test('every tool arrives as its server defines it, but for its name', async () => {
  await using connected = await legacyClient(gateway.url)
  const through = (await connected.client.listTools()).tools
  const direct = await Promise.all(servers.map(listDirectly))
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)
  expect(through.toSorted(byName)).toEqual(direct.flat().toSorted(byName))
}, 30_000)

async function listDirectly({ name, command, args = [], cwd = root }: Server) {
  const client = new Client({ name: 'portcullis-test', version: '1.0.0' })
  const transport = new StdioClientTransport({ command, args, cwd, stderr: 'ignore' })
  await client.connect(transport)
  try {
    const { tools } = await client.listTools()
    return tools.map((tool) => ({ ...tool, name: `${name}__${tool.name}` }))
  } finally {
    await client.close()
  }
}

// The same file in another place: what is relative to it is named from the root instead.
async function defaultConfiguration() {
  const config = parse(await readFile(`${root}/config/gateway.yaml`, 'utf8')) as {
    servers: Server[]
    include?: string[]
    plugins?: { dirs?: string[] }
  }
  const rebase = (path: string) => new URL(path, `file://${root}/config/`).pathname
  for (const server of config.servers) server.cwd = rebase(server.cwd ?? '.')
  if (config.include) config.include = config.include.map(rebase)
  if (config.plugins?.dirs) config.plugins.dirs = config.plugins.dirs.map(rebase)
  return config
}
