// Real clients see through the gateway exactly what they see of the server itself, in both eras.
import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { type ConnectedClient, legacyClient, modernClient } from '../support/clients.ts'
import { fixtureCalls, fixtureClients, transcribe } from './drivers.ts'
import { fixtureGateway } from './fixture-gateway.ts'

const running = fixtureGateway()

describe.each(Object.keys(fixtureClients))('%s', (name) => {
  test('sees through the gateway what it sees of the server itself', async () => {
    const driver = fixtureClients[name as keyof typeof fixtureClients](running.home.path)
    const file = new URL(`transcripts/fixture.${name}.json`, import.meta.url)
    const direct: unknown = JSON.parse(await readFile(file, 'utf8'))
    expect(await transcribe(driver, running.gateway.url, fixtureCalls)).toEqual(direct)
  }, 60_000)
})

describe.each([
  ['legacy', legacyClient],
  ['modern', modernClient],
] as const)('an SDK client of the %s era', (_era, connect) => {
  test('gets prompts and resources through the gateway as the server gives them', async () => {
    await using direct = await connect(running.fixture.url)
    await using through = await connect(running.gateway.url)
    expect(await collect(through)).toEqual(await collect(direct))
  })

  test('gets the errors of the server through the gateway with code and data', async () => {
    await using direct = await connect(running.fixture.url)
    await using through = await connect(running.gateway.url)
    expect(await collectErrors(through)).toEqual(await collectErrors(direct))
  })

  test('is told by the gateway itself that no server has a name', async () => {
    await using through = await connect(running.gateway.url)
    const { client } = through
    const expected = { code: -32602, data: { code: 'WIRE_UNKNOWN_TARGET' } }
    expect(await failed(client.getPrompt({ name: 'none' }))).toMatchObject(expected)
    expect(await failed(client.callTool({ name: 'none', arguments: {} }))).toMatchObject(expected)
  })
})

test('an SDK client of the modern era listens through the gateway, completes arguments, and leaves', async () => {
  await using listener = await modernClient(running.gateway.url)
  await using other = await modernClient(running.gateway.url)
  const { client } = listener
  const told: string[] = []
  client.setNotificationHandler('notifications/tools/list_changed', ({ method }) => {
    told.push(method)
  })
  const subscription = await client.listen({
    toolsListChanged: true,
    resourceSubscriptions: ['test://watched-resource'],
  })
  expect(subscription.honoredFilter).toEqual({
    toolsListChanged: true,
    resourceSubscriptions: ['test://watched-resource'],
  })
  await other.client.callTool({ name: 'test_trigger_tool_change', arguments: {} })
  await expect.poll(() => told.length).toBeGreaterThan(0)
  const ref = { type: 'ref/prompt', name: 'test_prompt_with_arguments' } as const
  const argument = { name: 'arg1', value: 'par' }
  const { completion } = await client.complete({ ref, argument })
  expect(completion.values).toEqual(['paris', 'park', 'party'])
  await subscription.close()
  expect(await subscription.closed).toBe('local')
})

async function failed(attempt: Promise<unknown>): Promise<{ code?: number; data?: unknown }> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason as { code?: number; data?: unknown },
  )
  return { ...(error?.code !== undefined && { code: error.code }), data: error?.data }
}

async function collect({ client }: ConnectedClient): Promise<unknown> {
  const args = { arg1: 'one', arg2: 'two' }
  return {
    prompts: (await client.listPrompts()).prompts,
    simple: await client.getPrompt({ name: 'test_simple_prompt' }),
    filled: await client.getPrompt({ name: 'test_prompt_with_arguments', arguments: args }),
    image: await client.getPrompt({ name: 'test_prompt_with_image' }),
    resources: (await client.listResources()).resources,
    templates: (await client.listResourceTemplates()).resourceTemplates,
    text: await client.readResource({ uri: 'test://static-text' }),
    binary: await client.readResource({ uri: 'test://static-binary' }),
    template: await client.readResource({ uri: 'test://template/7/data' }),
  }
}

async function collectErrors({ client }: ConnectedClient): Promise<unknown> {
  return {
    resource: await failed(client.readResource({ uri: 'test://nonexistent' })),
    prompt: await failed(client.getPrompt({ name: 'test_prompt_with_arguments', arguments: {} })),
  }
}
