// The fixture of the conformance suite behind a gateway, for all tests of a file; what the gateway said is shown when one fails.
import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { type RunningFixture, startFixture } from '../support/fixture.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { root } from '../support/paths.ts'

export interface FixtureGateway {
  /** Of clients, so that they find nothing of anybody's. */
  home: TemporaryDirectory
  fixture: RunningFixture
  gateway: RunningGateway
}

/** Filled before the first test. */
export function fixtureGateway(): FixtureGateway {
  const running = {} as FixtureGateway
  beforeAll(async () => {
    running.home = await temporaryDirectory()
    running.fixture = await startFixture()
    const config = await readFile(`${root}/test/conformance/gateway.yaml`, 'utf8')
    const env = { FIXTURE_URL: running.fixture.url }
    running.gateway = await startGateway(config, { env, cwd: root })
  }, 60_000)
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') console.error(running.gateway.output())
  })
  afterAll(async () => {
    await running.gateway?.stop()
    await running.fixture?.stop()
    await running.home?.[Symbol.asyncDispose]()
  })
  return running
}
