// The helpers of the end-to-end tests do what the tests rely on.
import { expect, test } from 'vitest'
import { legacyClient, modernClient } from './clients.ts'
import { startFixture } from './fixture.ts'
import { node } from './paths.ts'
import { isRunning, runProcess, startProcess } from './process.ts'
import { modernRequest, openSession, rpc } from './rpc.ts'

test('stopping a process ends the children it started', async () => {
  const script = `
    const { spawn } = require('node:child_process')
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    console.log('child ' + child.pid)
    setInterval(() => {}, 1000)`
  const parent = await startProcess(node, ['-e', script], { until: /^child (\d+)$/ })
  const child = Number(parent.match[1])
  expect(isRunning(child)).toBe(true)
  await parent.stop()
  await expect.poll(() => isRunning(child)).toBe(false)
})

test('a process that ends before its line is an error that shows what it wrote', async () => {
  const start = startProcess(node, ['-e', 'console.error("no luck")'], { until: /^ready/ })
  await expect(start).rejects.toThrow(/ended before \/\^ready\/; it wrote:\nno luck/)
})

test('running a process gives its exit code and both outputs', async () => {
  const script = 'console.log("out"); console.error("err"); process.exit(3)'
  const result = await runProcess(node, ['-e', script])
  expect(result).toEqual({ code: 3, stdout: 'out\n', stderr: 'err\n' })
})

test('clients of both eras list the same tools of the fixture', async () => {
  await using fixture = await startFixture()
  await using legacy = await legacyClient(fixture.url)
  await using modern = await modernClient(fixture.url)
  const names = async (client: typeof legacy.client) =>
    (await client.listTools()).tools.map((tool) => tool.name)
  expect(legacy.client.getProtocolEra()).toBe('legacy')
  expect(modern.client.getProtocolEra()).toBe('modern')
  expect(await names(legacy.client)).toEqual(await names(modern.client))
})

test('a raw request reads the response and the messages before it from an event stream', async () => {
  await using fixture = await startFixture()
  const { headers } = await openSession(fixture.url)
  const params = { name: 'test_tool_with_progress', _meta: { progressToken: 'p' } }
  const answer = await rpc(
    fixture.url,
    { jsonrpc: '2.0', id: 5, method: 'tools/call', params },
    headers,
  )
  expect(answer.messages.map((message) => message.method ?? 'response')).toEqual([
    'notifications/progress',
    'notifications/progress',
    'notifications/progress',
    'response',
  ])
  expect(answer.response).toMatchObject({ id: 5, result: { content: [{ type: 'text' }] } })
})

test('a raw modern request carries what the stateless era demands', async () => {
  await using fixture = await startFixture('modern')
  const { body, headers } = modernRequest('tools/call', { name: 'test_simple_text' }, { id: 'a' })
  const answer = await rpc(fixture.url, body, headers)
  expect(answer.status).toBe(200)
  expect(answer.response).toMatchObject({ id: 'a', result: { resultType: 'complete' } })
})

test('a fixture of one era refuses the other', async () => {
  await using modern = await startFixture('modern')
  const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: {} }
  const request = { jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize }
  expect((await rpc(modern.url, request)).response?.error?.code).toBe(-32022)
  expect((await rpc(modern.url, undefined, {}, { method: 'GET' })).status).toBe(405)
  await using legacy = await startFixture('legacy')
  const { body, headers } = modernRequest('server/discover')
  const refusal = await rpc(legacy.url, body, headers)
  expect([refusal.status, refusal.response?.error?.code]).toEqual([400, -32000])
})
