// Servers people really use, behind the gateway: what a client sees of them is what they say themselves.
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { legacyClient } from '../support/clients.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { modules, node } from '../support/paths.ts'

let home: TemporaryDirectory
let gateway: RunningGateway

const memory = (file: string) => ({
  name: 'memory',
  command: node,
  args: [modules('@modelcontextprotocol/server-memory/dist/index.js')],
  env: { MEMORY_FILE_PATH: `${home.path}/${file}` },
})

beforeAll(async () => {
  home = await temporaryDirectory()
  const config = { namespacing: { mode: 'never' }, servers: [memory('through.jsonl')] }
  gateway = await startGateway(stringify(config))
}, 60_000)

afterAll(async () => {
  await gateway?.stop()
  await home?.[Symbol.asyncDispose]()
})

const ENTITY = { name: 'Ann', entityType: 'person', observations: ['speaks é and 😀'] }
const CALLS = [
  ['create_entities', { entities: [ENTITY] }],
  ['add_observations', { observations: [{ entityName: 'Ann', contents: ['rides'] }] }],
  ['create_relations', { relations: [{ from: 'Ann', to: 'Ann', relationType: 'knows' }] }],
  ['search_nodes', { query: 'rides' }],
  ['read_graph', {}],
  ['add_observations', { observations: [{ entityName: 'Nobody', contents: ['x'] }] }],
] as const

async function transcript(client: Client): Promise<unknown> {
  const steps: unknown[] = [(await client.listTools()).tools]
  for (const [name, args] of CALLS) steps.push(await client.callTool({ name, arguments: args }))
  return steps
}

describe('server-memory', () => {
  it('is seen through the gateway as it is', async () => {
    const client = new Client({ name: 'portcullis-test', version: '1.0.0' })
    const { command, args, env } = memory('direct.jsonl')
    await client.connect(new StdioClientTransport({ command, args, env, stderr: 'ignore' }))
    const direct = await transcript(client)
    await client.close()
    await using connected = await legacyClient(gateway.url)
    expect(await transcript(connected.client)).toEqual(direct)
  }, 60_000)
})
