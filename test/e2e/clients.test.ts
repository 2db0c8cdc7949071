// What real clients see of the fixture, checked in; the gateway in front of it must not change a word.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { type RunningFixture, startFixture } from '../support/fixture.ts'
import { fixtureCalls, fixtureClients, transcribe } from './drivers.ts'

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

describe.each(Object.keys(fixtureClients))('%s', (name) => {
  test('lists and calls the tools of the fixture', async () => {
    const driver = fixtureClients[name as keyof typeof fixtureClients](home.path)
    const transcript = `${JSON.stringify(await transcribe(driver, fixture.url, fixtureCalls), null, 2)}\n`
    await expect(transcript).toMatchFileSnapshot(`transcripts/fixture.${name}.json`)
  }, 60_000)
})
