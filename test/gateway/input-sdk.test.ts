// Servers and clients built with the SDK ask and answer through the gateway, in all four pairs of eras, as they do without it.
import type { Client } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ConnectedClient, legacyClient, modernClient } from '../support/clients.ts'
import { type RunningFixture, startFixture } from '../support/fixture.ts'
import { runGateway, type Started, server } from './running.ts'

const ERAS = ['legacy', 'modern'] as const
const PAIRS = ERAS.flatMap((client) => ERAS.map((behind) => [client, behind] as const))

let fixtures: Record<'legacy' | 'modern', RunningFixture>
let gateway: Started

beforeAll(async () => {
  fixtures = { legacy: await startFixture('legacy'), modern: await startFixture('modern') }
  gateway = await runGateway({
    servers: [server('legacy', fixtures.legacy.url), server('modern', fixtures.modern.url)],
  })
})
afterAll(async () => {
  await gateway?.stop({ now: true })
  await Promise.all([fixtures?.legacy.stop(), fixtures?.modern.stop()])
})

const CAPABILITIES = { sampling: {}, elicitation: { form: {} }, roots: {} }

function answer(client: Client): string[] {
  const asked: string[] = []
  client.setRequestHandler('sampling/createMessage', () => {
    asked.push('sampling')
    return { role: 'assistant', content: { type: 'text', text: 'Paris' }, model: 'm' } as const
  })
  client.setRequestHandler('elicitation/create', ({ params }) => {
    asked.push('elicitation')
    const { requestedSchema } = params as { requestedSchema: { properties: object } }
    const content = Object.fromEntries(
      Object.keys(requestedSchema.properties).map((name) => [name, 'Ada']),
    )
    return { action: 'accept', content } as const
  })
  client.setRequestHandler('roots/list', () => {
    asked.push('roots')
    return { roots: [{ uri: 'file:///a' }] }
  })
  return asked
}

describe.each(PAIRS)('a %s client of a %s server', (era, behind) => {
  let connected: ConnectedClient
  let asked: string[]
  beforeAll(async () => {
    const connect = era === 'legacy' ? legacyClient : modernClient
    connected = await connect(gateway.url, { capabilities: CAPABILITIES, name: `${era} ${behind}` })
    asked = answer(connected.client)
  })
  afterAll(() => connected?.[Symbol.asyncDispose]())

  const call = async (name: string, args = {}) => {
    asked.length = 0
    const result = await connected.client.callTool({ name: `${behind}__${name}`, arguments: args })
    return (result.content as { text: string }[])[0]?.text
  }

  if (behind === 'legacy') {
    it('answers for its model', async () => {
      const prompt = { prompt: 'Capital of France?' }
      expect(await call('test_sampling', prompt)).toBe(
        'LLM response: {"type":"text","text":"Paris"}',
      )
      expect(asked).toEqual(['sampling'])
    })
    it('answers for its user', async () => {
      expect(await call('test_elicitation', { message: 'Who?' })).toContain('"username":"Ada"')
      expect(asked).toEqual(['elicitation'])
    })
  } else {
    it('answers for its model', async () => {
      expect(await call('test_input_required_result_sampling')).toContain('Paris')
      expect(asked).toEqual(['sampling'])
    })
    it('answers in several rounds', async () => {
      expect(await call('test_input_required_result_multi_round')).toBe('Ada likes Ada')
      expect(asked).toEqual(['elicitation', 'elicitation'])
    })
    it('answers several things at once', async () => {
      expect(await call('test_input_required_result_multiple_inputs')).toBe('Hello, Ada!')
      expect(asked.toSorted()).toEqual(['elicitation', 'roots', 'sampling'])
    })
    it('answers for a prompt', async () => {
      const name = `${behind}__test_input_required_result_prompt`
      const { messages } = await connected.client.getPrompt({ name })
      expect(messages[0]?.content).toMatchObject({ text: 'Use the context: Ada' })
    })
  }
})
