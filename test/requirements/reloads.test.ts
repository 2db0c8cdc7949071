// Sentences of docs/pipeline.md sections 1 and 5 about a running gateway: generations, and what /readyz shows.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { connect, textOf } from '../gateway/peers.ts'
import { type Recorder, startRecorder } from '../gateway/recorder.ts'
import { LISTEN, runGateway, server } from '../gateway/running.ts'
import { temporaryDirectory } from '../support/directory.ts'

let recorder: Recorder
beforeAll(async () => {
  recorder = await startRecorder({ tools: ['echo'] })
})
afterAll(() => recorder?.close())

const denies = (name: string, word: string) => ({
  name,
  on: ['tool_pre_invoke'],
  when: `payload.arguments.word == "${word}"`,
  // biome-ignore lint/suspicious/noThenProperty: the word of the contract
  then: 'deny',
  code: name.toUpperCase(),
  reason: 'no',
})
const file = (
  policies: readonly object[],
  plugins: object = { enabled: true, allowed: ['rules'] },
) => stringify({ version: 1, ...LISTEN, servers: [server('rec', recorder.url)], plugins, policies })

async function withFile(text: string) {
  const directory = await temporaryDirectory({ 'gateway.yaml': text })
  const running = await runGateway({}, [], {
    configFile: `${directory.path}/gateway.yaml`,
    watch: false,
  } as object)
  const peer = await connect('modern', running.url)
  return {
    ...running,
    says: async (word: string) => textOf(await peer.call('rec__echo', { word })),
    async reload(next: string) {
      await directory.write('gateway.yaml', next)
      return running.gateway.reload()
    },
    async [Symbol.asyncDispose]() {
      await running.stop({ now: true })
      await directory[Symbol.asyncDispose]()
    },
  }
}

describe('a reload', () => {
  it('swaps the whole set of policies, and the generation that ran is left as it was', async () => {
    await using gateway = await withFile(file([denies('one', 'a'), denies('two', 'b')]))
    expect(await gateway.says('a')).toContain('ONE')
    const old = gateway.gateway.state().runtime.generation
    const runner = old.runner('tool_pre_invoke')
    expect(await gateway.reload(file([denies('two', 'c'), denies('three', 'a')]))).toMatchObject({
      outcome: 'applied',
    })
    expect(await gateway.says('a')).toContain('THREE')
    expect(await gateway.says('b')).toBe('{"word":"b"}')
    expect(await gateway.says('c')).toContain('TWO')
    expect(old.runner('tool_pre_invoke')).toBe(runner)
    expect(gateway.gateway.state().runtime.generation).not.toBe(old)
  })
})

describe('/readyz', () => {
  it('shows every fail-open by point, entry and number', async () => {
    await using gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [
      {
        name: 'broken',
        hooks: {
          tool_pre_invoke: () => {
            throw new Error('broken')
          },
        },
        more: { on_error: 'ignore' },
      },
    ])
    const readyz = async () => (await fetch(`${gateway.adminUrl}/readyz`)).json()
    expect(await readyz()).toMatchObject({ failed_open: [] })
    const peer = await connect('modern', gateway.url)
    await peer.call('rec__echo')
    await peer.call('rec__echo')
    expect(await readyz()).toMatchObject({
      ready: true,
      failed_open: [{ point: 'tool_pre_invoke', entry: 'broken', count: 2 }],
    })
  })
})
