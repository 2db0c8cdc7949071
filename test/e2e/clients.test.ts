// What real clients see of the fixture, checked in; the gateway in front of it must not change a word.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { type RunningFixture, startFixture } from '../support/fixture.ts'
import { type Call, type Driver, inspector, mcporter, sdk, transcribe } from './drivers.ts'

let home: TemporaryDirectory
let fixture: RunningFixture

beforeAll(async () => {
  home = await temporaryDirectory()
  fixture = await startFixture()
})

afterAll(async () => {
  await fixture?.stop()
  await home?.[Symbol.asyncDispose]()
})

const clients: Record<string, () => Driver> = {
  'inspector.legacy': () => inspector('legacy', home.path),
  'inspector.modern': () => inspector('modern', home.path),
  'mcporter.legacy': () => mcporter(home.path),
  'sdk.legacy': () => sdk('legacy'),
  'sdk.modern': () => sdk('modern'),
}

const calls: Call[] = [
  { tool: 'test_x_mcp_header', args: { region: 'eu-west' } },
  { tool: 'test_multiple_content_types', args: {} },
  { tool: 'test_error_handling', args: {} },
]

describe.each(Object.entries(clients))('%s', (name, driver) => {
  test('lists and calls the tools of the fixture', async () => {
    const transcript = await transcribe(driver(), fixture.url, calls)
    await expect(pretty(transcript)).toMatchFileSnapshot(`transcripts/fixture.${name}.json`)
  }, 60_000)
})

const pretty = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`
