// What was decided about the definitions of servers outlives the process: a gateway with a store in a file, stopped and started again.
import { afterEach, beforeEach, expect, it } from 'vitest'
import { definePlugin } from '../../src/plugin.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { type Catalogued, createJudge, startCatalogued, tool } from './catalogued.ts'
import { connect } from './peers.ts'
import { runGateway, server } from './running.ts'

let directory: TemporaryDirectory
let upstream: Catalogued

beforeEach(async () => {
  directory = await temporaryDirectory()
  upstream = await startCatalogued({ tools: [tool('one'), tool('two'), tool('bad', 'poison')] })
})
afterEach(async () => {
  await upstream[Symbol.asyncDispose]()
  await directory[Symbol.asyncDispose]()
})

/** One life of a gateway: what clients are shown, and what was asked about it. */
async function live({ version = '1.0.0', servers = ['a'] } = {}) {
  const judge = createJudge()
  const hooks = Object.keys(judge.hooks)
  const plugin = definePlugin({ id: 'judge', version, setup: () => ({ hooks: judge.hooks }) })
  const gateway = await runGateway(
    {
      admin: { api: true, port: 0 },
      store: { url: `sqlite:${directory.path}/data/portcullis.db` },
      servers: servers.map((name) => server(name, upstream.url)),
      plugins: {
        enabled: true,
        allowed: ['judge'],
        entries: [{ name: 'judge', use: 'judge', hooks }],
      },
    },
    [],
    { plugins: [plugin] },
  )
  const shown: string[] = []
  for (const era of ['legacy', 'modern'] as const) {
    const peer = await connect(era, gateway.url)
    const { response } = await peer.request('tools/list')
    const tools = response?.result?.tools as { name: string }[]
    shown.push(tools.map(({ name }) => name).join(' '))
  }
  await gateway.observed()
  await gateway.stop({ now: true })
  expect(new Set(shown).size).toBe(1)
  return { asked: judge.asked(), shown: shown[0] }
}

it('a restart asks about nothing that is as it was, an update about what changed, and tells what vanished', async () => {
  const first = ['tool_pre_register a/one', 'tool_pre_register a/two', 'tool_pre_register a/bad']
  expect(await live()).toEqual({ asked: first, shown: 'a__one a__two' })
  expect(await live()).toEqual({ asked: [], shown: 'a__one a__two' })
  upstream.lists.tools = [tool('one', 'otherwise'), tool('bad', 'poison')]
  expect(await live()).toEqual({
    asked: ['tool_pre_update a/one', 'tool_pre_unregister a/two'],
    shown: 'a__one',
  })
  expect(await live()).toEqual({ asked: [], shown: 'a__one' })
})

it('a plugin of another version judges what is known anew', async () => {
  await live()
  const { asked } = await live({ version: '1.0.1' })
  expect(asked).toEqual([
    'tool_pre_update a/one',
    'tool_pre_update a/two',
    'tool_pre_register a/bad',
  ])
})

it('a server that was taken out and comes back is judged as a new one', async () => {
  await live()
  expect(await live({ servers: [] })).toEqual({ asked: [], shown: '' })
  expect((await live()).asked).toHaveLength(3)
})
