// A real client under load through the gateway: twenty connections for five seconds in each era, without an error.
import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { type RunningFixture, startFixture } from '../support/fixture.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { modules, node, root } from '../support/paths.ts'
import { runProcess } from '../support/process.ts'

let home: TemporaryDirectory
let fixture: RunningFixture
let gateway: RunningGateway

beforeAll(async () => {
  home = await temporaryDirectory()
  fixture = await startFixture()
  const config = await readFile(`${root}/test/conformance/gateway.yaml`, 'utf8')
  gateway = await startGateway(config, { env: { FIXTURE_URL: fixture.url }, cwd: root })
}, 60_000)

afterEach(({ task }) => {
  if (task.result?.state === 'fail') console.error(gateway.output())
})

afterAll(async () => {
  await gateway?.stop()
  await fixture?.stop()
  await home?.[Symbol.asyncDispose]()
})

const LOAD = ['--load', '--load-concurrency', '20', '--load-duration', '5']

test.each(['legacy', 'modern'])(
  'the Inspector calls a tool without an error in the %s era',
  async (era) => {
    const client = ['--cli', gateway.url, '--transport', 'http', '--protocol-era', era]
    const call = ['--method', 'tools/call', '--tool-name', 'test_simple_text']
    const { code, stdout, stderr } = await runProcess(
      node,
      [modules('.bin/mcp-inspector'), ...client, ...call, ...LOAD, '--format', 'json', '-q'],
      { env: { HOME: home.path }, cwd: home.path, timeout: 60_000 },
    )
    expect(code, stderr).toBe(0)
    const { result } = JSON.parse(stdout) as { result: Record<string, unknown> }
    console.log(`${era}: ${result.requests} calls, ${JSON.stringify(result.latencyMs)} ms`)
    expect(result).toMatchObject({ concurrency: 20, errors: 0, toolErrors: 0, errorMessages: [] })
    expect(result.ok).toBe(result.requests)
    expect(result.requests).toBeGreaterThan(20)
  },
  90_000,
)
