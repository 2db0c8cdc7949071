// `portcullis start` as a process: what it prints, what protects the demo, reload, refusal, the end.
import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bin, node } from '../support/paths.ts'
import { freePort } from '../support/ports.ts'
import { isRunning, type RunningProcess, runProcess, startProcess } from '../support/process.ts'
import { temporaryFolder } from './shell.ts'

const env = async () => ({ PORTCULLIS_ADMIN_PORT: String(await freePort()), PORTCULLIS_CONFIG: '' })

interface Ready {
  url: string
  admin: string
  config: string | null
  try: string
  servers: {
    name: string
    state: string
    points: Record<string, { entry: string; conditional: boolean }[]>
  }[]
  notLoaded: { name: string; breakGlass?: boolean }[]
}

async function start(cwd: string, ...args: string[]) {
  const port = await freePort()
  const running = await startProcess(node, [bin, 'start', '--port', String(port), ...args], {
    cwd,
    env: await env(),
    until: /^\{"event":"ready".*$/,
    timeout: 30_000,
  })
  return { running, ready: JSON.parse(running.match[0]) as Ready }
}

let id = 0
async function rpc(url: string, method: string, params: object, session?: string) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(session === undefined ? {} : { 'mcp-session-id': session }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params }),
    signal: AbortSignal.timeout(10_000),
  })
  const text = (await answer.text()).replace(/^event: message\ndata: /, '')
  return { session: answer.headers.get('mcp-session-id') ?? undefined, message: JSON.parse(text) }
}

async function open(
  url: string,
): Promise<(name: string, input?: object) => Promise<{ result: unknown }>> {
  const { session } = await rpc(url, 'initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  })
  return async (name, input = {}) =>
    (await rpc(url, 'tools/call', { name, arguments: input }, session)).message
}

describe('without a configuration', () => {
  let demo: { running: RunningProcess; ready: Ready }
  beforeAll(async () => {
    demo = await start(temporaryFolder())
  }, 40_000)
  afterAll(() => demo?.running.stop())

  it('shows a demo: where it is, what protects what, how to try it', () => {
    const { ready } = demo
    expect(ready.config).toBeNull()
    expect(ready.servers).toMatchObject([{ name: 'demo', state: 'ready' }])
    expect(ready.servers[0]?.points.tool_pre_invoke).toEqual([
      { entry: 'calls-per-minute', mode: 'enforce', conditional: false },
      { entry: 'no-deletes', mode: 'enforce', conditional: true },
      { entry: 'no-keys-in', mode: 'enforce', conditional: false },
    ])
    expect(ready.try).toBe(
      `npx @modelcontextprotocol/inspector --cli ${ready.url} --transport http --method tools/list`,
    )
  })

  it('runs four policies that can be seen at work', async () => {
    const call = await open(demo.ready.url)
    expect(await call('demo__list_notes')).toMatchObject({
      result: { content: [{ text: 'welcome\ncustomer\nkey' }] },
    })
    expect(JSON.stringify(await call('demo__read_note', { name: 'customer' }))).not.toContain(
      'ada@',
    )
    expect(await call('demo__delete_note', { name: 'welcome' })).toMatchObject({
      result: { isError: true, content: [{ text: expect.stringContaining('admin role') }] },
    })
    const key = { name: 'x', text: '-----BEGIN PRIVATE KEY-----' }
    expect(await call('demo__write_note', key)).toMatchObject({ result: { isError: true } })
    expect(await call('demo__write_note', { name: 'x', text: 'y' })).toMatchObject({
      result: { content: [{ text: 'wrote x' }] },
    })
    expect(await call('demo__read_note', { name: 'none' })).toMatchObject({
      result: { isError: true },
    })
  })
})

const config = (reason: string) => `version: 1
servers:
  - { name: notes, command: ${node}, args: [${bin.replace('bin/portcullis.js', 'src/cli/demo/server.ts')}] }
plugins: { enabled: true, allowed: [rules] }
policies:
  - { name: guard, on: [tool_pre_invoke], then: deny, code: NO, reason: ${reason} }
`

describe('with a configuration', () => {
  it('reloads on SIGHUP, and ends with 0 on SIGTERM and takes its servers with it', async () => {
    const cwd = temporaryFolder({ 'portcullis.yaml': config('first') })
    const { running, ready } = await start(cwd, '--no-watch')
    try {
      expect(ready.config).toBe(`${cwd}/portcullis.yaml`)
      const call = await open(ready.url)
      expect(JSON.stringify(await call('notes__list_notes'))).toContain('first')
      writeFileSync(`${cwd}/portcullis.yaml`, config('second'))
      process.kill(running.pid, 'SIGHUP')
      await running.line(/the new configuration is in force/)
      expect(JSON.stringify(await call('notes__list_notes'))).toContain('second')
      const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(running.pid)], {
        encoding: 'utf8',
      })
      expect(children.trim()).not.toBe('')
      process.kill(running.pid, 'SIGTERM')
      expect(await running.exited).toEqual({ code: 0, signal: null })
      expect(children.trim().split(/\s+/).map(Number).filter(isRunning)).toEqual([])
    } finally {
      await running.stop()
    }
  }, 60_000)

  it('refuses to start unguarded with 78, and starts with the glass broken', async () => {
    const cwd = temporaryFolder({ 'portcullis.yaml': config('x').replace('[rules]', '[]') })
    const refused = await runProcess(node, [bin, 'start', '--port', '0'], { cwd, env: await env() })
    expect(refused.code).toBe(78)
    expect(refused.stderr).toContain('PLUGIN_GATE')
    const { running, ready } = await start(cwd, '--unsafe-without', 'guard')
    try {
      expect(ready.notLoaded).toMatchObject([{ name: 'guard', breakGlass: true }])
      expect(running.output()).toContain('break_glass')
    } finally {
      await running.stop()
    }
  }, 60_000)

  it('says which port is taken', async () => {
    const { running, ready } = await start(temporaryFolder())
    try {
      const again = await runProcess(node, [bin, '--port', new URL(ready.url).port], {
        cwd: temporaryFolder(),
        env: await env(),
      })
      expect(again.code).not.toBe(0)
      expect(again.stderr).toContain('the port is in use')
    } finally {
      await running.stop()
    }
  }, 60_000)
})

describe('the command', () => {
  it('refuses a Node that is too old in one line, with 2', async () => {
    const old =
      "Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.20.2'}})"
    const pretend = ['--import', `data:text/javascript,${encodeURIComponent(old)}`]
    const { code, stderr, stdout } = await runProcess(node, [...pretend, bin, '--version'])
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toBe(
      'portcullis needs Node 24.15 or 26 and later, this is 20.20.2; in a checkout use npm start, which brings its own\n',
    )
  })

  it('runs from anywhere', async () => {
    const cwd = temporaryFolder()
    const { code, stdout } = await runProcess(node, [bin, '--version'], { cwd })
    rmSync(cwd, { recursive: true })
    expect({ code, stdout }).toEqual({ code: 0, stdout: '0.1.0\n' })
  })
})
