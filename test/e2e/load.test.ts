// A real client under load through the gateway: twenty connections for five seconds in each era, without an error.
import { expect, test } from 'vitest'
import { modules, node } from '../support/paths.ts'
import { runProcess } from '../support/process.ts'
import { fixtureGateway } from './fixture-gateway.ts'

const running = fixtureGateway()

const LOAD = ['--load', '--load-concurrency', '20', '--load-duration', '5']

test.each(['legacy', 'modern'])(
  'the Inspector calls a tool without an error in the %s era',
  async (era) => {
    const client = ['--cli', running.gateway.url, '--transport', 'http', '--protocol-era', era]
    const call = ['--method', 'tools/call', '--tool-name', 'test_simple_text']
    const { code, stdout, stderr } = await runProcess(
      node,
      [modules('.bin/mcp-inspector'), ...client, ...call, ...LOAD, '--format', 'json', '-q'],
      { env: { HOME: running.home.path }, cwd: running.home.path, timeout: 60_000 },
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
