// Reload by generations: what is in use stays until nobody uses it, what is refused changes nothing, and the gates hold.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GatewayOptions } from '../../src/app/gateway.ts'
import { definePlugin, deny, type PluginDefinition } from '../../src/plugin.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { connect, textOf } from './peers.ts'
import { echo, type Recorder, startRecorder } from './recorder.ts'
import { LISTEN, memoryLog, runGateway, type Started } from './running.ts'

let directory: TemporaryDirectory
let recorder: Recorder
let gateway: Started | undefined
let closed: string[]
let release: () => void

beforeEach(async () => {
  directory = await temporaryDirectory()
  closed = []
  recorder = await startRecorder({
    tools: ['echo', 'held'],
    call: (received, answers) => {
      if (received.message.params?.name !== 'held') return echo(received, answers)
      release = () => answers.result({ content: [{ type: 'text', text: 'released' }] })
    },
  })
})
afterEach(async () => {
  await gateway?.stop({ now: true })
  gateway = undefined
  await recorder.close()
  await directory[Symbol.asyncDispose]()
})

/** An entry whose config names its generation; its end is noted. */
const plugin = (hooks: object = { tool_pre_invoke() {} }): PluginDefinition =>
  definePlugin({
    id: 'mine',
    setup: ({ generation }) => ({ hooks, close: () => void closed.push(String(generation)) }),
  })

interface Shape {
  readonly servers?: readonly string[]
  readonly plugins?: object
}

const configOf = (generation: string, { servers = ['rec'], plugins }: Shape = {}) => ({
  version: 1,
  ...LISTEN,
  limits: { drain: '20s' },
  servers: servers.map((name) => ({ name, url: recorder.url })),
  plugins: plugins ?? {
    enabled: true,
    allowed: ['mine'],
    entries: [{ name: 'mine', use: 'mine', mode: 'audit', config: { generation } }],
  },
})

async function start(options: Partial<GatewayOptions> = {}, config: object = configOf('one')) {
  const configFile = await directory.write('gateway.yaml', JSON.stringify(config))
  gateway = await runGateway({}, [], {
    configFile,
    plugins: [plugin()],
    ...options,
    watch: false,
  } as never)
  return gateway
}

async function reload(config: object) {
  await directory.write('gateway.yaml', JSON.stringify(config))
  return (gateway as Started).gateway.reload()
}

async function until(check: () => boolean): Promise<void> {
  for (const end = performance.now() + 4000; !check(); ) {
    if (performance.now() > end) throw new Error('it did not happen in time')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe('an old generation', () => {
  it('is let go at once when nobody uses it, also while a client keeps its stream open', async () => {
    const { url } = await start()
    const peer = await connect('legacy', url)
    const end = new AbortController()
    const stream = await fetch(url, {
      headers: { ...peer.headers, accept: 'text/event-stream' },
      signal: end.signal,
    })
    const reader = stream.body?.getReader()
    await reader?.read()
    await reload(configOf('two'))
    await until(() => closed.length === 1)
    expect(closed).toEqual(['one'])
    // the stream of the old generation carries what happens in the new one
    recorder.announce({ method: 'notifications/tools/list_changed' })
    const { value } = (await reader?.read()) ?? {}
    expect(Buffer.from(value ?? []).toString()).toContain('notifications/tools/list_changed')
    end.abort()
  })

  it('stays while a call of it is in flight, and later ones wait for their turn', async () => {
    const { url } = await start()
    const peer = await connect('modern', url)
    const held = peer.call('rec__held')
    await until(() => recorder.calls('tools/call').length === 1)
    // the server is still there in the second generation and gone in the third, while the first still uses it
    expect((await reload(configOf('two'))).outcome).toBe('applied')
    expect((await reload(configOf('three', { servers: [] }))).outcome).toBe('applied')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(closed).toEqual([])
    release()
    expect(textOf(await held)).toBe('released')
    await until(() => closed.length === 2)
    expect(closed).toEqual(['one', 'two'])
  })

  it('is closed only after its observers have seen the last call', async () => {
    const order: string[] = []
    const slow = plugin({
      tool_post_invoke: async () => {
        await new Promise((resolve) => setTimeout(resolve, 150))
        order.push(`observed, closed: ${closed.length}`)
      },
    })
    const { url } = await start({ plugins: [slow] })
    await (await connect('modern', url)).call('rec__echo')
    await reload(configOf('two'))
    await until(() => closed.length === 1)
    expect(order).toEqual(['observed, closed: 0'])
  })
})

describe('a reload', () => {
  it('that a gate refuses changes nothing: policies stay in force', async () => {
    const closedGate = configOf('two', {
      plugins: { enabled: false, entries: [{ name: 'mine', use: 'mine' }] },
    })
    const notAllowed = configOf('two', {
      plugins: { enabled: true, allowed: [], entries: [{ name: 'mine', use: 'mine' }] },
    })
    const refusing = plugin({ tool_pre_invoke: () => deny({ code: 'NO', reason: 'no' }) })
    const config = configOf('one')
    const enforced = {
      ...config,
      plugins: { enabled: true, allowed: ['mine'], entries: [{ name: 'mine', use: 'mine' }] },
    }
    const { url } = await start({ plugins: [refusing] }, enforced)
    for (const wrong of [closedGate, notAllowed]) {
      const result = await reload(wrong)
      expect(result.outcome).toBe('refused')
      expect(result.reason).toMatch(/gateway\.yaml:\d+:\d+: /)
      expect(textOf(await (await connect('modern', url)).call('rec__echo'))).toContain('NO')
    }
  })

  it('that changes what only a restart can change is refused', async () => {
    await start()
    const result = await reload({ ...configOf('two'), listen: { port: 1 } })
    expect(result).toMatchObject({ outcome: 'refused' })
    expect(result.reason).toContain('listen.port')
  })

  it('whose plugin does not load leaves nothing of the new generation behind', async () => {
    const failing = definePlugin({
      id: 'mine',
      setup({ generation }: { generation?: string }) {
        if (generation === 'two') throw new Error('no two')
        const hooks = { tool_pre_invoke() {} }
        return { hooks, close: () => void closed.push(String(generation)) }
      },
    })
    const other = definePlugin({
      id: 'other',
      setup: () => ({ hooks: { tool_pre_invoke() {} }, close: () => void closed.push('other') }),
    })
    await start({ plugins: [other, failing] as never })
    const broken = configOf('two', {
      plugins: {
        enabled: true,
        allowed: ['mine', 'other'],
        entries: [
          { name: 'other', use: 'other' },
          { name: 'mine', use: 'mine', config: { generation: 'two' } },
        ],
      },
    })
    expect((await reload(broken)).outcome).toBe('refused')
    expect(closed).toEqual(['other'])
    expect(gateway?.gateway.state().plugins.entries.map(({ name }) => name)).toEqual(['mine'])
  })

  it('after the end is refused and never rejects', async () => {
    const { gateway: own } = await start()
    await gateway?.stop({ now: true })
    gateway = undefined
    await expect(own.reload()).resolves.toMatchObject({ outcome: 'refused' })
  })

  it('one after the other, also when asked for at once', async () => {
    const { gateway: own } = await start()
    await directory.write('gateway.yaml', JSON.stringify(configOf('two')))
    const results = await Promise.all([own.reload(), own.reload(), own.reload()])
    expect(results.map(({ outcome }) => outcome)).toEqual(['applied', 'unchanged', 'unchanged'])
  })
})

describe('the gates at start', () => {
  const entries = [{ name: 'mine', use: 'mine' }]
  it.each([
    ['entries while enabled is not true', { entries }],
    ['an entry that is not allowed', { enabled: true, entries }],
  ])('refuse %s, with the line', async (_what, plugins) => {
    await expect(start({}, configOf('one', { plugins }))).rejects.toMatchObject({
      code: 'PLUGIN_GATE',
    })
    expect(closed).toEqual([])
    expect(recorder.streams()).toBe(0)
  })

  it('left out with unsafeWithout: the start goes on, audited and shown on /readyz', async () => {
    const config = configOf('one', { plugins: { enabled: true, allowed: ['mine'], entries } })
    const log = memoryLog()
    const { adminUrl } = await start({ unsafeWithout: ['mine'], log }, config)
    const readiness = (await (await fetch(`${adminUrl}/readyz`)).json()) as {
      break_glass: string[]
    }
    expect(readiness.break_glass).toEqual(['mine'])
    expect(JSON.stringify(log.lines)).toContain('break_glass')
  })
})

it('a stop lets calls in flight come to their end, and takes no new ones', async () => {
  const { url, stop, adminUrl } = await start()
  const held = (await connect('modern', url)).call('rec__held')
  await until(() => recorder.calls('tools/call').length === 1)
  const stopped = stop()
  gateway = undefined
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect((await fetch(`${adminUrl}/readyz`)).status).toBe(503)
  await expect(fetch(url)).rejects.toThrow()
  release()
  expect(textOf(await held)).toBe('released')
  await stopped
})

it('a hurried stop does not wait for calls in flight', async () => {
  const { url, stop } = await start()
  const held = (await connect('legacy', url)).call('rec__held').catch(() => 'gone')
  await until(() => recorder.calls('tools/call').length === 1)
  const started = performance.now()
  await stop({ now: true })
  gateway = undefined
  expect(performance.now() - started).toBeLessThan(3000)
  await held
})
