// `portcullis stdio` as local clients start it: what real ones see, what is on stdout, and how it ends.
import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { type RunningFixture, startFixture } from '../support/fixture.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { INITIALIZED, initialize, isAnswer } from '../support/lines.ts'
import { node, root } from '../support/paths.ts'
import { isRunning } from '../support/process.ts'
import type { RpcMessage } from '../support/rpc.ts'
import { type StdioProcess, startStdio, stdioClient } from '../support/stdio.ts'
import { fixtureCalls, transcribe } from './drivers.ts'
import { stdioClients } from './stdio-drivers.ts'

let home: TemporaryDirectory
let fixture: RunningFixture

beforeAll(async () => {
  home = await temporaryDirectory({
    'chatty/plugin.yaml':
      'id: chatty\nversion: 1.0.0\ndescription: prints\nhooks: [tool_pre_invoke]\nentry: ./index.ts\n',
    'chatty/index.ts': `import { definePlugin } from 'portcullis/plugin'
console.log('printed by a module')
export default definePlugin({
  id: 'chatty',
  setup: () => ({ hooks: { tool_pre_invoke() { console.log('printed by a hook') } } }),
})
`,
  })
  fixture = await startFixture()
})
afterAll(async () => {
  await fixture?.stop()
  await home?.[Symbol.asyncDispose]()
})

describe.each(Object.keys(stdioClients))('%s', (name) => {
  test('sees over stdio what it sees of the server itself', async () => {
    const config = `${root}/test/conformance/gateway.yaml`
    const env = { FIXTURE_URL: fixture.url }
    const driver = stdioClients[name]?.({ args: ['--config', config], env, home: home.path })
    const file = new URL(`transcripts/fixture.${name}.json`, import.meta.url)
    const direct: unknown = JSON.parse(await readFile(file, 'utf8'))
    expect(driver && (await transcribe(driver, '', fixtureCalls))).toEqual(direct)
  }, 60_000)
})

describe('carried to a running gateway', () => {
  let gateway: RunningGateway
  beforeAll(async () => {
    const config = await readFile(`${root}/test/conformance/gateway.yaml`, 'utf8')
    gateway = await startGateway(config, { env: { FIXTURE_URL: fixture.url }, cwd: root })
  }, 60_000)
  afterAll(() => gateway?.stop())

  test.each(['sdk.legacy', 'sdk.modern'])(
    '%s sees the same',
    async (name) => {
      const target = { args: ['--url', gateway.url], env: {}, home: home.path }
      const driver = stdioClients[name]?.(target)
      const file = new URL(`transcripts/fixture.${name}.json`, import.meta.url)
      const direct: unknown = JSON.parse(await readFile(file, 'utf8'))
      expect(driver && (await transcribe(driver, '', fixtureCalls))).toEqual(direct)
    },
    60_000,
  )

  test.each([
    ['legacy', 'its own gateway'],
    ['modern', 'its own gateway'],
    ['legacy', 'a running one'],
    ['modern', 'a running one'],
  ] as const)(
    'in the %s era a server may ask the person behind it, over %s',
    async (era, which) => {
      const own = ['--config', `${root}/test/conformance/gateway.yaml`]
      const args = which === 'a running one' ? ['--url', gateway.url] : own
      const env = { FIXTURE_URL: fixture.url }
      const elicitation = { form: {} }
      await using connected = await stdioClient(era, args, env, { elicitation })
      const { client } = connected
      client.setRequestHandler('elicitation/create', ({ params }) => ({
        action: 'accept',
        content: { name: 'Ada', username: params.message, email: 'a@example.com' },
      }))
      const tool = era === 'legacy' ? 'test_elicitation' : 'test_input_required_result_elicitation'
      const answer = await client.callTool({ name: tool, arguments: { message: 'who?' } })
      expect(JSON.stringify(answer)).toContain(era === 'legacy' ? 'who?' : 'Hello, Ada!')
    },
  )

  test('what it is called with is checked, and no value is repeated', async () => {
    for (const [args, what] of [
      [['--url', 'ftp://x'], 'is no http or https URL'],
      [['--url', 'http://me:sesame@x/mcp'], '${env:NAME}'],
      [['--url', gateway.url, '--header', 'Authorization: sesame'], '${env:NAME}'],
      [['--url', gateway.url, '--config', 'x.yaml'], 'takes no --config'],
      [['--header', 'X-A: b'], 'goes with --url'],
    ] as const) {
      const client = startStdio(args, { cwd: home.path })
      expect((await client.exited).code).toBe(2)
      expect(client.log()).toContain(what)
      expect(client.log()).not.toContain('sesame')
    }
  })

  test('it ends with 0 when stdin ends, and answers before', async () => {
    await using client = startStdio(['--url', gateway.url])
    client.send(initialize(), INITIALIZED, { jsonrpc: '2.0', id: 2, method: 'ping' })
    client.end()
    await client.line((line) => isAnswer(line, 2))
    expect((await client.exited).code).toBe(0)
  })
})

describe('the process', () => {
  let running: StdioProcess | undefined
  afterEach(() => running?.[Symbol.asyncDispose]())

  const config = (more: object = {}, script = 'odd-server.mjs') => {
    const args = [`${root}/test/fixtures/upstream/${script}`]
    const servers = [{ name: 'odd', command: node, args }]
    return home.write('gateway.yaml', JSON.stringify({ version: 1, servers, ...more }))
  }

  async function open(more?: object, script?: string): Promise<StdioProcess> {
    const client = startStdio(['--config', await config(more, script)], { cwd: home.path })
    running = client
    client.send(initialize(), INITIALIZED)
    await client.line((line) => isAnswer(line, 'open'), 15_000)
    return client
  }

  async function pids(client: StdioProcess): Promise<number[]> {
    const answer = await client.request('pid', 'tools/call', { name: 'odd__pid', arguments: {} })
    const [{ text } = { text: '' }] = (answer.result?.content ?? []) as { text: string }[]
    const child = /grandchild (\d+)/.exec(client.log())?.[1]
    return [Number(text), Number(child)]
  }

  test('speaks on stdout only, logs on stderr, and so do plugins that print', async () => {
    const plugins = {
      enabled: true,
      allowed: ['chatty'],
      dirs: [home.path],
      entries: [{ name: 'chatty', use: 'chatty' }],
    }
    const client = await open({ plugins })
    await client.request(2, 'tools/call', { name: 'odd__echo', arguments: {} })
    expect(client.lines.every((line) => (line as RpcMessage).jsonrpc === '2.0')).toBe(true)
    expect(client.log()).toContain('printed by a module\n')
    expect(client.log()).toContain('printed by a hook\n')
    expect(client.log()).toContain('"server":"odd","state":"ready"')
  })

  test('answers what is in flight when stdin ends, then ends with 0 and with its servers', async () => {
    const client = await open({}, 'stubborn-tree.mjs')
    const servers = await pids(client)
    expect(servers.map(isRunning)).toEqual([true, true])
    client.send({
      jsonrpc: '2.0',
      id: 9,
      method: 'tools/call',
      params: { name: 'odd__slow', arguments: { ms: 300 } },
    })
    client.end()
    expect((await client.line((line) => isAnswer(line, 9))) as RpcMessage).toHaveProperty('result')
    expect((await client.exited).code).toBe(0)
    expect(servers.map(isRunning)).toEqual([false, false])
  })

  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s ends it in the same way, stdin open',
    async (signal) => {
      const client = await open()
      const servers = await pids(client)
      client.child.kill(signal)
      expect((await client.exited).code).toBe(0)
      expect(servers.map(isRunning)).toEqual([false, false])
    },
  )

  test('what does not end within limits.drain is given up', async () => {
    const client = await open({ limits: { drain: '200ms' } })
    client.send({
      jsonrpc: '2.0',
      id: 9,
      method: 'tools/call',
      params: { name: 'odd__hang', arguments: {} },
    })
    client.send({ jsonrpc: '2.0', id: 10, method: 'ping' })
    await client.line((line) => isAnswer(line, 10))
    client.end()
    expect((await client.exited).code).toBe(0)
    expect(client.lines.some((line) => isAnswer(line, 9))).toBe(false)
  })

  test('a client that closes stdin and signals, as the SDK does, does not wait for the drain', async () => {
    const client = await open()
    client.send({
      jsonrpc: '2.0',
      id: 9,
      method: 'tools/call',
      params: { name: 'odd__hang', arguments: {} },
    })
    client.end()
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(client.child.exitCode).toBeNull()
    client.child.kill('SIGTERM')
    expect((await client.exited).code).toBe(0)
  })

  test('a client that has gone ends it, although its stdin is held open', async () => {
    const client = await open()
    client.child.stdout.destroy()
    client.send(
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { jsonrpc: '2.0', id: 2, method: 'ping' },
    )
    expect((await client.exited).code).toBe(0)
  })

  test('killed, it leaves no server behind', async () => {
    const client = await open({}, 'stubborn-tree.mjs')
    const servers = await pids(client)
    client.child.kill('SIGKILL')
    await client.exited
    await expect.poll(() => servers.map(isRunning), { timeout: 8000 }).toEqual([false, false])
  })

  test('SIGHUP reloads the configuration', async () => {
    const client = await open()
    const banned = { name: 'banned', use: 'deny-list', config: { words: ['hello'] } }
    await config({ plugins: { enabled: true, allowed: ['deny-list'], entries: [banned] } })
    client.child.kill('SIGHUP')
    await expect.poll(() => client.log(), { timeout: 10_000 }).toContain('is in force')
    const params = { name: 'odd__echo', arguments: { word: 'hello' } }
    expect(JSON.stringify(await client.request(2, 'tools/call', params))).toContain('(DENY_LIST)')
  })

  test('without a configuration, or with a wrong one, it says so on stderr and ends with 78', async () => {
    const empty = await temporaryDirectory({ 'wrong.yaml': 'version: 1\nserverz: []\n' })
    for (const [args, what] of [
      [[], 'CONFIG_NOT_FOUND'],
      [['--config', 'wrong.yaml'], 'serverz'],
    ] as const) {
      const client = startStdio(args, { cwd: empty.path })
      running = client
      expect((await client.exited).code).toBe(78)
      expect(client.log()).toContain(what)
      expect(client.lines).toEqual([])
    }
    await empty[Symbol.asyncDispose]()
  })
})
