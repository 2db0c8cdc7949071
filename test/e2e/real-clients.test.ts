// Clients and servers that are only tested with (test/clients): mcp-remote in front of the gateway, @playwright/mcp behind it.
import { existsSync } from 'node:fs'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { legacyClient } from '../support/clients.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { node, root } from '../support/paths.ts'

const installed = (path: string) => `${root}test/clients/node_modules/${path}`

const present = existsSync(installed('mcp-remote'))
if (!present)
  console.log(
    'skipped: mcp-remote and @playwright/mcp are not installed; npm ci --prefix test/clients',
  )

let home: TemporaryDirectory
let gateway: RunningGateway

// no browser is needed to list its tools, nor to be told that there is none
const browser = () => ({
  name: 'browser',
  command: node,
  args: [
    installed('@playwright/mcp/cli.js'),
    '--headless',
    '--isolated',
    '--executable-path',
    '/nonexistent/browser',
  ],
  env: { HOME: home.path },
})

beforeAll(async () => {
  if (!present) return
  home = await temporaryDirectory()
  const config = { namespacing: { mode: 'never' }, servers: [browser()] }
  gateway = await startGateway(stringify(config))
}, 60_000)

afterAll(async () => {
  await gateway?.stop()
  await home?.[Symbol.asyncDispose]()
})

async function transcript(client: Client): Promise<unknown> {
  const { tools } = await client.listTools()
  const answer = await client.callTool({
    name: 'browser_navigate',
    arguments: { url: 'about:blank' },
  })
  return { tools, answer: JSON.stringify(answer).replaceAll(/\d+(\.\d+)? ?ms|\(\d+\)/g, '') }
}

async function over(args: readonly string[], more: Record<string, string> = {}) {
  const client = new Client({ name: 'portcullis-test', version: '1.0.0' })
  const env = { HOME: home.path, PATH: process.env.PATH ?? '', ...more }
  await client.connect(
    new StdioClientTransport({ command: node, args: [...args], env, stderr: 'ignore' }),
    { timeout: 30_000 },
  )
  return client
}

describe.skipIf(!present)('@playwright/mcp', () => {
  it('is seen through the gateway as it is', async () => {
    const client = await over(browser().args)
    const direct = await transcript(client)
    await client.close()
    await using connected = await legacyClient(gateway.url)
    expect(await transcript(connected.client)).toEqual(direct)
  }, 90_000)
})

describe.skipIf(!present)('mcp-remote', () => {
  it('carries a client over stdio to the gateway, which sees what the server says', async () => {
    const remote = [installed('mcp-remote/dist/proxy.js'), gateway.url, '--allow-http']
    const client = await over([...remote, '--transport', 'http-only'], {
      MCP_REMOTE_CONFIG_DIR: home.path,
    })
    const carried = await transcript(client)
    await client.close()
    await using connected = await legacyClient(gateway.url)
    expect(carried).toEqual(await transcript(connected.client))
  }, 90_000)
})
