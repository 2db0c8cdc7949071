// Starts one surface of the matrix: a gateway in this process, its servers, and what it is mounted in.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { createGateway, type Gateway } from '../../../src/app/gateway.ts'
import { startGateway } from '../../../src/app.ts'
import { echo, type Recorder, startRecorder } from '../../gateway/recorder.ts'
import { LISTEN, memoryLog, pluginsOf, pluginsSection } from '../../gateway/running.ts'
import { temporaryDirectory } from '../../support/directory.ts'
import { modules, node, root } from '../../support/paths.ts'
import { type Counter, createCounter, TRIGGERED } from './counting.ts'
import type { Surface } from './surfaces.ts'

/** Names of what the operations use, as the servers of this surface call it. */
export interface Names {
  readonly tool: string
  readonly arguments: object
  readonly progress: string
  readonly progressArguments: object
  readonly failing: string
  readonly failingArguments: object
  readonly prompt: string
  readonly wrongPrompt: string
  readonly resource: string
  readonly wrongResource: string
  readonly down: string
}

/** Selects what the operations use, and not all there is. */
const VIRTUAL = {
  name: 'part',
  path: '/mcp/part',
  tools: ['real__test_*', 'feed__die'],
  prompts: ['real__*'],
  resources: ['test://**'],
}
const DOORS = { whole: '/mcp', virtual: VIRTUAL.path, sse: '/sse' } as const

export interface Running extends AsyncDisposable {
  readonly url: string
  readonly gateway: Gateway
  readonly counter: Counter
  readonly recorder: Recorder
  readonly names: Names
  /** Changes the configuration file and reloads it. */
  reload(): Promise<void>
}

const HTTP_NAMES: Names = {
  tool: 'real__test_simple_text',
  arguments: {},
  progress: 'real__test_tool_with_progress',
  progressArguments: {},
  failing: 'real__test_error_handling',
  failingArguments: {},
  prompt: 'real__test_simple_prompt',
  wrongPrompt: 'real__test_prompt_with_arguments',
  resource: 'test://static-text',
  wrongResource: 'test://nonexistent',
  down: 'feed__die',
}

const STDIO_NAMES: Names = {
  tool: 'real__echo',
  arguments: { message: 'hello' },
  progress: 'real__trigger-long-running-operation',
  progressArguments: { duration: 0.03, steps: 3 },
  failing: 'real__get-sum',
  failingArguments: { a: 'no number' },
  prompt: 'real__simple-prompt',
  wrongPrompt: 'real__args-prompt',
  resource: 'demo://resource/static/document/architecture.md',
  wrongResource: 'demo://resource/static/document/nonexistent.md',
  down: 'odd__crash',
}

export async function startSurface(surface: Surface, fixtureUrl: string): Promise<Running> {
  const counter = createCounter()
  const recorder = await startRecorder({
    tools: ['echo', 'die'],
    call: (received, answers) =>
      received.message.params?.name === 'die' ? answers.destroy() : echo(received, answers),
  })
  const entries = [...counter.entries, ...TRIGGERED]
  const config = {
    version: 1,
    ...LISTEN,
    listen: { ...LISTEN.listen, sse: { path: DOORS.sse } },
    virtual_servers: [VIRTUAL],
    servers: serversOf(surface, fixtureUrl, recorder.url),
    ...pluginsSection(entries),
  }
  const directory = await temporaryDirectory()
  let revision = 0
  const write = () =>
    directory.write('gateway.yaml', JSON.stringify({ ...config, ...timeoutOf(config, ++revision) }))
  const options = { configFile: await write(), plugins: pluginsOf(entries), log: memoryLog() }
  const { gateway, url, stop } = await mount(surface, options)
  return {
    url,
    gateway,
    counter,
    recorder,
    names: surface.upstream === 'stdio' ? STDIO_NAMES : HTTP_NAMES,
    async reload() {
      await write()
      const { outcome, reason } = await gateway.reload()
      if (outcome !== 'applied') throw new Error(`the reload was ${outcome}: ${reason}`)
    },
    async [Symbol.asyncDispose]() {
      await stop()
      await recorder.close()
      await directory[Symbol.asyncDispose]()
    },
  }
}

// JSON is YAML; the servers stay the same, so that they stay up
function timeoutOf(config: object, revision: number): object {
  const { plugins } = config as { plugins: object }
  return { plugins: { ...plugins, defaults: { timeout: `${5000 + revision}ms` } } }
}

function serversOf({ upstream }: Surface, fixture: string, feed: string): object[] {
  const feeding = { name: 'feed', url: feed }
  if (upstream === 'http') return [{ name: 'real', url: fixture }, feeding]
  const everything = modules('@modelcontextprotocol/server-everything/dist/index.js')
  const odd = `${root}/test/fixtures/upstream/odd-server.mjs`
  return [
    { name: 'real', command: node, args: [everything, 'stdio'] },
    { name: 'odd', command: node, args: [odd] },
    feeding,
  ]
}

type Options = Parameters<typeof createGateway>[0]

async function mount(
  { mount: how, door }: Surface,
  options: Options,
): Promise<{ gateway: Gateway; url: string; stop: () => Promise<void> }> {
  if (how === 'listener') {
    const running = await startGateway({ ...options, watch: false })
    const url = new URL(DOORS[door], running.url).href
    return { ...running, url, stop: () => running.stop({ now: true }) }
  }
  const gateway = await createGateway(options)
  const app = express()
  if (how === 'parsed') app.use(express.json())
  app.use('/gateway/mcp', gateway.mcp())
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const stop = async () => {
    await closed(server)
    await gateway.close()
  }
  return { gateway, url: `http://127.0.0.1:${port}/gateway/mcp`, stop }
}

async function closed(server: Server): Promise<void> {
  const end = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await end
}
