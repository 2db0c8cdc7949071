// The runs of the conformance suite: directly, through the gateway, over a server of one era, and with a client through the gateway.
import { readFile } from 'node:fs/promises'
import { type RunningFixture, startFixture } from '../support/fixture.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { root } from '../support/paths.ts'
import { CLIENT_SCENARIOS, runClient } from './client-suite.ts'
import { type Check, type Results, type Revision, revisions, runSuite } from './suite.ts'
import { startView, type View } from './view.ts'

export type ByRevision = Readonly<Record<Revision, Results>>

export async function runDirect(): Promise<ByRevision> {
  await using fixture = await startFixture()
  // Awaited here: the fixture is stopped when this function returns.
  return await runBoth(fixture.url)
}

export async function runThroughGateway(): Promise<ByRevision> {
  await using fixture = await startFixture()
  await using gateway = await gatewayTo(fixture.url)
  return await runBoth(gateway.url)
}

/** Clients of one era through the gateway on a server that shows the other era only. */
export async function runOver(view: View, revision: Revision): Promise<Results> {
  await using fixture: RunningFixture = await startFixture()
  await using shown = await startView(view, fixture.url)
  await using gateway = await gatewayTo(shown.url)
  return await runSuite(gateway.url, revision)
}

/** One check per run, as the suite itself judges it: nothing failed, nothing warned, and the client came to its end. */
export async function runClients(how: 'direct' | 'through'): Promise<Results> {
  const results = new Map<string, readonly Check[]>()
  for (const revision of revisions)
    for (const scenario of CLIENT_SCENARIOS[revision]) {
      const { checks, broken } = await runClient(how, scenario, revision)
      const bad = checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING')
      const faults = [...bad.map(({ name, errorMessage }) => `${name} ${errorMessage ?? ''}`)]
      if (broken !== undefined) faults.push(broken)
      if (checks.length === 0) faults.push('the suite made no check')
      const name = `${revision} ${scenario}`
      results.set(name, [
        faults.length === 0
          ? { id: name, name: 'run', status: 'SUCCESS' }
          : { id: name, name: 'run', status: 'FAILURE', errorMessage: faults.join('; ') },
      ])
    }
  return results
}

async function gatewayTo(url: string): Promise<RunningGateway> {
  const config = await readFile(`${root}/test/conformance/gateway.yaml`, 'utf8')
  return startGateway(config, { env: { FIXTURE_URL: url }, cwd: root })
}

async function runBoth(url: string): Promise<ByRevision> {
  const [legacy, modern] = await Promise.all(revisions.map((revision) => runSuite(url, revision)))
  return { '2025-11-25': legacy ?? new Map(), '2026-07-28': modern ?? new Map() }
}
