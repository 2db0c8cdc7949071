// Names: whose a name is while a server is down, names that objects have by themselves, and texts that quote payloads.
import { describe, expect, it } from 'vitest'
import { deny } from '../../src/plugin.ts'
import { connect, ERAS, textOf } from '../gateway/peers.ts'
import { startRecorder } from '../gateway/recorder.ts'
import { type CodeEntry, runGateway, server } from '../gateway/running.ts'
import { eventually } from '../upstream/support.ts'

const said = (text: string) => ({ content: [{ type: 'text', text }] })

const DIES = `
let rest = ''
const out = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\\n')
  rest = lines.pop()
  for (const { id, method, params } of lines.map((line) => JSON.parse(line))) {
    if (method === 'initialize') out({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'd', version: '1' } } })
    else if (method === 'tools/list') out({ id, result: { tools: ['search', 'die'].map((name) => ({ name, inputSchema: { type: 'object' } })) } })
    else if (params?.name === 'die') process.kill(process.pid, 'SIGKILL')
    else if (method === 'tools/call') out({ id, result: { content: [{ type: 'text', text: 'ours' }] } })
    else if (id !== undefined) out({ id, error: { code: -32601, message: 'no' } })
  }
})`

const dying = (backoff: string) => ({
  name: 'ours',
  command: process.execPath,
  args: ['-e', DIES],
  health: { restart: { backoff, max: 10 } },
})

describe('while a server is down', () => {
  it('its names are not answered by another server', async () => {
    let offered = 'other'
    await using other = await startRecorder({
      list: (method) =>
        method === 'tools/list'
          ? { tools: [{ name: offered, inputSchema: { type: 'object' } }] }
          : undefined,
      call: (_received, answers) => answers.result(said('theirs')),
    })
    await using gateway = await runGateway({
      namespacing: { mode: 'never' },
      servers: [dying('30s..60s'), server('theirs', other.url)],
    })
    const peer = await connect('legacy', gateway.url)
    expect(textOf(await peer.call('search'))).toBe('ours')
    await peer.call('die')
    // the other one offers the same name once nobody answers to it
    offered = 'search'
    other.announce({ method: 'notifications/tools/list_changed' })
    await eventually(async () => {
      const { result } = (await peer.request('tools/list')).response ?? {}
      const names = ((result?.tools ?? []) as { name: string }[]).map(({ name }) => name)
      expect(names).toEqual([expect.stringMatching(/^search_[0-9a-f]{8}$/)])
    })
    expect((await peer.call('search')).result).toBeUndefined()
    expect(other.calls('tools/call')).toHaveLength(0)
  })

  it('a call waits for a restart that is near', async () => {
    await using gateway = await runGateway({ servers: [dying('100ms..200ms')] })
    const peer = await connect('legacy', gateway.url)
    for (let round = 0; round < 3; round++) {
      expect((await peer.call('ours__die')).error?.data?.code).toBe('UPSTREAM_UNAVAILABLE')
      expect(textOf(await peer.call('ours__search'))).toBe('ours')
    }
  })
})

describe.each(ERAS)('tools named like members of objects, in the %s era', (era) => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then']

  it('are called by their names, and policies by name hold', async () => {
    await using recorder = await startRecorder({ tools: names })
    const guard: CodeEntry = {
      name: 'guard',
      mode: 'guard',
      more: { conditions: [{ tools: ['__proto__', 'then'] }] },
      hooks: { tool_pre_invoke: () => deny({ code: 'NAMED', reason: 'named' }) },
    }
    await using gateway = await runGateway(
      { namespacing: { mode: 'never' }, servers: [server('rec', recorder.url)] },
      [guard],
    )
    const peer = await connect(era, gateway.url)
    for (const name of names) {
      const text = textOf(await peer.call(name, JSON.parse('{"__proto__":{"a":1}}')))
      const denied = name === '__proto__' || name === 'then'
      if (denied) expect(text).toContain('NAMED')
      else expect(text).toBe('{"__proto__":{"a":1}}')
    }
    expect(({} as { a?: unknown }).a).toBeUndefined()
  })
})

it('what a plugin could not parse is not quoted in log, audit or error_raised', async () => {
  await using recorder = await startRecorder()
  const causes: (string | undefined)[] = []
  const parser: CodeEntry = {
    name: 'parser',
    hooks: {
      tool_pre_invoke: ({ arguments: args }) => void JSON.parse(String(args?.text)),
      error_raised: ({ cause }) => void causes.push(cause),
    },
  }
  await using gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [parser])
  const peer = await connect('legacy', gateway.url)
  const { error } = await peer.call('rec__echo', { text: 'hunter2-of-alice' })
  expect(error?.data?.code).toBe('PLUGIN_THREW')
  await gateway.observed()
  expect(causes).toEqual([expect.stringContaining('is not valid JSON')])
  expect(`${causes} ${gateway.logged()} ${JSON.stringify(error)}`).not.toContain('hunter2')
})
