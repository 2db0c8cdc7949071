// The coverage matrix, carried out: every cell runs against real servers, and every wired point fires exactly as often as it states.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PointName } from '../../../src/points/table.ts'
import { type RunningFixture, startFixture } from '../../support/fixture.ts'
import type { Fired } from './counting.ts'
import { carryOut } from './drive.ts'
import { COUNTED, type Counts, countOf, expected } from './expected.ts'
import { OPERATIONS, type Operation } from './operations.ts'
import { type Running, startSurface } from './start.ts'
import { isOneRequest } from './streams.ts'
import { operationsOn, SURFACES, type Surface } from './surfaces.ts'

let fixture: RunningFixture
beforeAll(async () => {
  fixture = await startFixture()
})
afterAll(() => fixture?.stop())

// what the reload itself fires is the business of the system events
const OF_THE_RELOAD = /^(config|plugin)_/
// and a server that is lost comes back in its own time
const OF_THE_SERVERS = 'server_status_changed'

describe.each(SURFACES)('$title', (surface) => {
  let running: Running
  beforeAll(async () => {
    running = await startSurface(surface, fixture.url)
  })
  afterAll(() => running?.[Symbol.asyncDispose]())

  it.each(operationsOn(surface, OPERATIONS))('$title', async (operation) => {
    const before = running.gateway.state().runtime.generation.id
    await carryOut(running, surface, operation)
    const stated = expected(operation, surface)
    const total = Object.values(stated.counts).reduce((sum, count) => sum + count, 0)
    const own = ({ point }: Fired) =>
      point !== OF_THE_SERVERS && !(reloads(surface, operation) && OF_THE_RELOAD.test(point))
    await settled(running, total * 2, own)
    const fired = running.counter.fired.filter(own)
    const row: Counts = Object.fromEntries(COUNTED.map((point) => [point, countOf(stated, point)]))
    expect(tally(fired.filter(({ by }) => by === 'chain'))).toEqual(row)
    // observers see every dispatch, whatever its outcome
    expect(tally(fired.filter(({ by }) => by === 'audit'))).toEqual(row)
    if (surface.reload && isOneRequest(operation)) {
      // what is told on a stream passes the points of its own time
      const client = fired.filter(
        (event) => event.surface !== 'system' && event.surface !== 'stream',
      )
      const now = running.gateway.state().runtime.generation.id
      // what a client answers is a message of its own, which comes after the reload
      const both = (expected(operation, surface).counts.http_pre_request ?? 0) > 1
      expect(new Set(client.map(({ generation }) => generation))).toEqual(
        new Set(both ? [before, now] : [before]),
      )
      expect(now).toBeGreaterThan(before)
    }
  })
})

const reloads = (surface: Surface, { action }: Operation) =>
  surface.reload || action === 'stream-reload'

function tally(fired: readonly { point: PointName }[]): Counts {
  const counts = Object.fromEntries(COUNTED.map((point) => [point, 0])) as Record<PointName, number>
  for (const { point } of fired) counts[point]++
  return counts
}

/** Waits for what is still to come, and a moment longer for what should not. */
async function settled(
  { counter, gateway }: Running,
  total: number,
  own: (fired: Fired) => boolean,
): Promise<void> {
  const end = performance.now() + 5000
  do {
    await gateway.engine.observers.idle()
    await new Promise((resolve) => setTimeout(resolve, 5))
  } while (counter.fired.filter(own).length < total && performance.now() < end)
  await gateway.engine.observers.idle()
}
