// docs/pipeline.md sections 3 to 5 and 7 as a client sees them: order of points, verdicts together, renames, observers, sizes.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, deny, type PluginContext, patch, respond } from '../../src/plugin.ts'
import { connect, ERAS, textOf } from './peers.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { type CodeEntry, runGateway, type Started, server } from './running.ts'

const BIG = 2 * 1024 * 1024

let recorder: Recorder
let running: Started | undefined

beforeEach(async () => {
  recorder = await startRecorder({
    capabilities: { tools: {}, prompts: {}, resources: {} },
    tools: ['echo', 'delete_all', 'work'],
    list: (method) =>
      method === 'resources/list' ? { resources: [{ uri: 'test://big', name: 'big' }] } : undefined,
    call: ({ message }, answers) => {
      const { name, uri, arguments: args } = message.params ?? {}
      if (uri === 'test://big')
        return answers.result({ contents: [{ uri, text: 'x'.repeat(BIG) }] })
      answers.result({ content: [{ type: 'text', text: `${name} ${JSON.stringify(args ?? {})}` }] })
    },
  })
})
afterEach(async () => {
  await running?.stop({ now: true })
  running = undefined
  await recorder.close()
})

async function start(entries: CodeEntry[], config: object = {}): Promise<Started> {
  running = await runGateway({ servers: [server('rec', recorder.url)], ...config }, entries)
  return running
}

const calls = () => recorder.calls('tools/call')
const no = (code: string) => deny({ code, reason: 'no' })
const answer = (text: string) => respond({ content: [{ type: 'text', text }] })

describe.each(ERAS)('in the %s era', (era) => {
  it('the points of a call fire in the order of section 3, all with one request id and generation', async () => {
    const seen: [string, PluginContext][] = []
    const see = (point: string) => (_: unknown, ctx: PluginContext) => void seen.push([point, ctx])
    const points = [
      'http_pre_request',
      'session_pre_open',
      'auth_pre_check',
      'auth_post_check',
      'tool_pre_invoke',
      'tool_post_invoke',
      'http_post_request',
    ] as const
    const hooks = Object.fromEntries(points.map((point) => [point, see(point)]))
    const gateway = await start([{ name: 'sees', hooks }])
    const peer = await connect(era, gateway.url)
    seen.length = 0
    await peer.call('rec__echo')
    const expected =
      era === 'modern' ? points : points.filter((point) => point !== 'session_pre_open')
    expect(seen.map(([point]) => point)).toEqual(expected)
    expect(new Set(seen.map(([, { requestId }]) => requestId)).size).toBe(1)
    expect(new Set(seen.map(([, { generation }]) => generation)).size).toBe(1)
  })

  it('post-points run in ascending priority, like pre-points', async () => {
    const order: string[] = []
    const at = (priority: number): CodeEntry => ({
      name: `p${priority}`,
      priority,
      hooks: {
        tool_pre_invoke: () => void order.push(`pre ${priority}`),
        tool_post_invoke: () => void order.push(`post ${priority}`),
      },
    })
    const gateway = await start([at(50), at(10), at(90)])
    await (await connect(era, gateway.url)).call('rec__echo')
    expect(order).toEqual(['pre 10', 'pre 50', 'pre 90', 'post 10', 'post 50', 'post 90'])
  })

  it('a rename by an earlier plugin does not slip past a guard, nor past an entry bound to the new name', async () => {
    const renames: CodeEntry = {
      name: 'renames',
      priority: 10,
      hooks: {
        tool_pre_invoke: ({ name }) =>
          name === 'echo' ? patch({ name: 'delete_all' }) : undefined,
      },
    }
    const bound = (mode: string): CodeEntry => ({
      name: 'no-deletes',
      mode,
      hooks: { tool_pre_invoke: () => no('NO_DELETES') },
      more: { conditions: [{ tools: ['delete_*'] }] },
    })
    for (const mode of ['guard', 'enforce']) {
      const gateway = await start([renames, bound(mode)])
      const peer = await connect(era, gateway.url)
      expect(textOf(await peer.call('rec__echo'))).toContain('NO_DELETES')
      expect(textOf(await peer.call('rec__work'))).toBe('work {}')
      expect(calls().map(({ message }) => message.params?.name)).not.toContain('delete_all')
      await gateway.stop({ now: true })
    }
  })

  it('a rename to something the server does not offer is refused', async () => {
    const gateway = await start([
      { name: 'renames', hooks: { tool_pre_invoke: () => patch({ name: 'nonexistent' }) } },
    ])
    const { error } = await (await connect(era, gateway.url)).call('rec__echo')
    expect(error).toMatchObject({ code: -32602, data: { code: 'WIRE_UNKNOWN_TARGET' } })
    expect(calls()).toEqual([])
  })

  it('payloads name the upstream’s own names, and exposedName is the client’s and read-only', async () => {
    const seen: unknown[] = []
    const gateway = await start([
      {
        name: 'sees',
        hooks: {
          tool_pre_invoke: ({ server: owner, name, exposedName, headers }) =>
            void seen.push({ owner, name, exposedName, headers }),
          tool_post_invoke: ({ server: owner, name, exposedName }) =>
            void seen.push({ owner, name, exposedName }),
        },
      },
      {
        name: 'writes',
        hooks: {
          tool_pre_invoke: ({ arguments: args }) =>
            args?.write ? (patch({ exposedName: 'other' } as never) as never) : undefined,
        },
      },
    ])
    const peer = await connect(era, gateway.url)
    await peer.call('rec__echo')
    const names = { owner: 'rec', name: 'echo', exposedName: 'rec__echo' }
    expect(seen).toEqual([{ ...names, headers: {} }, names])
    expect((await peer.call('rec__echo', { write: 1 })).error).toMatchObject({
      data: { code: 'PLUGIN_PATCH_NOT_WRITABLE' },
    })
  })

  it('a respond at priority 10 does not skip a deny at 50: deny wins', async () => {
    const gateway = await start([
      {
        name: 'answers',
        priority: 10,
        hooks: { tool_pre_invoke: () => answer('from the plugin') },
      },
      { name: 'refuses', priority: 50, hooks: { tool_pre_invoke: () => no('REFUSED') } },
    ])
    const response = await (await connect(era, gateway.url)).call('rec__echo')
    expect(textOf(response)).toContain('REFUSED')
    expect(calls()).toEqual([])
  })

  it('the first respond wins, later patches are discarded, guards still run, and post-points see ctx.origin plugin', async () => {
    const seen: unknown[] = []
    const gateway = await start([
      { name: 'first', priority: 10, hooks: { tool_pre_invoke: () => answer('first') } },
      { name: 'second', priority: 20, hooks: { tool_pre_invoke: () => answer('second') } },
      {
        name: 'patches',
        priority: 30,
        hooks: { tool_pre_invoke: () => patch({ arguments: { changed: true } }) },
      },
      {
        name: 'guards',
        mode: 'guard',
        hooks: { tool_pre_invoke: ({ arguments: args }) => void seen.push(args) },
      },
      {
        name: 'after',
        hooks: {
          tool_post_invoke(_, { origin }) {
            seen.push(origin)
            return patch({ _meta: { after: true } })
          },
        },
      },
    ])
    const response = await (await connect(era, gateway.url)).call('rec__echo', { a: 1 })
    expect(response.result).toEqual({
      content: [{ type: 'text', text: 'first' }],
      _meta: { after: true },
      ...(era === 'modern' ? { resultType: 'complete' } : {}),
    })
    expect(seen).toEqual([{ a: 1 }, 'plugin'])
    expect(calls()).toEqual([])
  })

  it('an ask is answered with ASK_UNAVAILABLE until there is somebody to ask', async () => {
    const gateway = await start([
      { name: 'asks', hooks: { tool_pre_invoke: () => ask({ message: 'really?' }) } },
    ])
    expect(textOf(await (await connect(era, gateway.url)).call('rec__echo'))).toContain(
      'ASK_UNAVAILABLE',
    )
    expect(calls()).toEqual([])
  })

  it('two header plugins both apply, at http and at tool points', async () => {
    const adds = (name: string): CodeEntry => ({
      name,
      hooks: {
        http_post_request: ({ headers }) => patch({ headers: { ...headers, [`x-${name}`]: name } }),
        tool_pre_invoke: ({ headers }) => patch({ headers: { ...headers, [`X-${name}`]: name } }),
      },
    })
    const gateway = await start([adds('one'), adds('two')])
    const peer = await connect(era, gateway.url)
    const got = await peer.request('tools/call', { name: 'rec__echo' })
    expect([got.headers.get('x-one'), got.headers.get('x-two')]).toEqual(['one', 'two'])
    expect(calls().at(-1)?.headers).toMatchObject({ 'x-one': 'one', 'x-two': 'two' })
  })

  it('headers of the transport itself are not writable', async () => {
    const gateway = await start([
      {
        name: 'writes',
        hooks: { tool_pre_invoke: () => patch({ headers: { Host: 'evil.example' } }) },
      },
    ])
    const { error } = await (await connect(era, gateway.url)).call('rec__echo')
    expect(error).toMatchObject({ code: -32603, data: { code: 'PLUGIN_PATCH_INVALID' } })
  })

  it('a 2 MB resource is refused by a 1 MB limit, and passes without one', async () => {
    const reads: CodeEntry = {
      name: 'reads',
      hooks: { resource_post_fetch: ({ result }) => void result?.contents[0]?.text },
    }
    const limited = await start([reads], { limits: { points: { resource_post_fetch: '1MiB' } } })
    const refused = await (await connect(era, limited.url)).request('resources/read', {
      uri: 'test://big',
    })
    expect(refused.response?.error).toMatchObject({
      code: -32603,
      data: { code: 'PAYLOAD_TOO_LARGE' },
    })
    await limited.stop({ now: true })
    const open = await start([reads])
    const passed = await (await connect(era, open.url)).request('resources/read', {
      uri: 'test://big',
    })
    expect(passed.text.length).toBeGreaterThan(BIG)
  })

  it('an anonymous caller is denied by !("admin" in principal.roles)', async () => {
    const gateway = await start([], {
      plugins: { enabled: true, allowed: ['rules'] },
      policies: [
        {
          name: 'admins-only',
          on: ['tool_pre_invoke'],
          when: '!("admin" in principal.roles)',
          // biome-ignore lint/suspicious/noThenProperty: the word of the contract
          then: 'deny',
          code: 'ADMINS_ONLY',
          reason: 'admins only',
        },
      ],
    })
    const response = await (await connect(era, gateway.url)).call('rec__echo')
    expect(textOf(response)).toBe('blocked by policy: admins only (ADMINS_ONLY)')
    expect(calls()).toEqual([])
  })

  it('observers run on a deny, and never see what a redactor had not redacted', async () => {
    const seen: Record<string, unknown>[] = []
    const watch = (mode: string): CodeEntry => ({
      name: `watch-${mode}`,
      mode,
      hooks: {
        tool_pre_invoke: ({ arguments: args }, { outcome }) =>
          void seen.push({ mode, args, outcome: outcome?.kind }),
      },
    })
    const gateway = await start([
      {
        name: 'refuses',
        priority: 10,
        hooks: { tool_pre_invoke: ({ arguments: args }) => (args?.deny ? no('NO') : undefined) },
      },
      {
        name: 'redacts',
        priority: 50,
        redacts: true,
        hooks: {
          tool_pre_invoke: ({ arguments: args }) =>
            patch({ arguments: { ...args, secret: '***' } }),
        },
      },
      watch('audit'),
      watch('background'),
    ])
    const peer = await connect(era, gateway.url)
    await peer.call('rec__echo', { secret: 'hunter2', deny: 1 })
    await peer.call('rec__echo', { secret: 'hunter2' })
    await gateway.observed()
    const redacted = { secret: '***' }
    expect(seen).toEqual([
      { mode: 'audit', args: '[withheld]', outcome: 'deny' },
      { mode: 'background', args: '[withheld]', outcome: 'deny' },
      { mode: 'audit', args: redacted, outcome: 'pass' },
      { mode: 'background', args: redacted, outcome: 'pass' },
    ])
  })

  it('an observer that throws harms nobody', async () => {
    const throws = () => {
      throw new Error('observer')
    }
    const gateway = await start([
      {
        name: 'audits',
        mode: 'audit',
        hooks: { tool_pre_invoke: throws, http_post_request: throws },
      },
      { name: 'watches', mode: 'background', hooks: { tool_post_invoke: throws } },
    ])
    expect(textOf(await (await connect(era, gateway.url)).call('rec__echo'))).toBe('echo {}')
    await gateway.observed()
  })

  it('hiding a tool from a list does not forbid it; adding one, or renaming one, is a fault', async () => {
    const gateway = await start([
      {
        name: 'lists',
        hooks: {
          tool_post_list({ items }, { client, method }) {
            if (method !== 'tools/list') return undefined
            if (client?.name === 'adds')
              return patch({ items: [...items, { server: 'rec', item: { name: 'new' } }] })
            if (client?.name === 'renames')
              return patch({
                items: items.map(({ item, ...rest }) => ({
                  ...rest,
                  item: { ...item, name: 'x' },
                })),
              })
            return patch({
              items: items
                .filter(({ item }) => item.name !== 'delete_all')
                .map(({ item, ...rest }) => ({
                  ...rest,
                  item: { ...item, description: 'rewritten' },
                })),
            })
          },
        },
      },
    ])
    const peer = await connect(era, gateway.url)
    const listed = await peer.request('tools/list')
    const tools = listed.response?.result?.tools as { name: string; description: string }[]
    expect(tools.map(({ name }) => name)).toEqual(['rec__echo', 'rec__work'])
    expect(tools.map(({ description }) => description)).toEqual(['rewritten', 'rewritten'])
    if (era === 'modern')
      expect(listed.response?.result).toMatchObject({ cacheScope: 'private', ttlMs: 0 })
    expect(textOf(await peer.call('rec__delete_all'))).toBe('delete_all {}')
    if (era === 'legacy') return
    for (const name of ['adds', 'renames']) {
      const other = await connect(era, gateway.url, { client: { name, version: '1' } })
      expect((await other.request('tools/list')).response?.error).toMatchObject({
        code: -32603,
        data: { code: 'PLUGIN_PATCH_INVALID' },
      })
    }
  })

  it('a notification is patched, or dropped by a deny, in both directions', async () => {
    await using rec = await startRecorder({
      tools: ['work'],
      call: ({ message }, answers) => {
        const { progressToken } = (message.params?._meta ?? {}) as { progressToken?: unknown }
        const step = (progress: number) => ({
          method: 'notifications/progress',
          params: { progressToken, progress, message: 'secret' },
        })
        const result = { content: [], ...(era === 'modern' ? { resultType: 'complete' } : {}) }
        answers.events([step(1), step(2), step(3), { id: message.id, result }])
      },
    })
    const seen: unknown[] = []
    const gateway = await start(
      [
        {
          name: 'notes',
          hooks: {
            notification_pre_forward({ method, params, direction, server: owner }) {
              seen.push([method, direction, owner])
              if (direction === 'client_to_server') return undefined
              if (params?.progress === 2) return no('DROPPED')
              return patch({ params: { ...params, message: 'patched' } })
            },
          },
        },
      ],
      { servers: [server('rec', rec.url)] },
    )
    const peer = await connect(era, gateway.url)
    seen.length = 0
    const got = await peer.request('tools/call', {
      name: 'rec__work',
      _meta: { progressToken: 't' },
    })
    const params = got.messages.flatMap((message) => (message.method ? [message.params] : []))
    expect(params).toEqual([
      { progressToken: 't', progress: 1, message: 'patched' },
      { progressToken: 't', progress: 3, message: 'patched' },
    ])
    await peer.notify('notifications/cancelled', { requestId: 'none' })
    expect(seen).toEqual([
      ['notifications/progress', 'server_to_client', 'rec'],
      ['notifications/progress', 'server_to_client', 'rec'],
      ['notifications/progress', 'server_to_client', 'rec'],
      ['notifications/cancelled', 'client_to_server', undefined],
    ])
  })
})
