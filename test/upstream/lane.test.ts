// Back-off, giving up to on-demand, eras that are absent, and who is told what; time is the test's own.
import { afterEach, expect, it } from 'vitest'
import type { Clock } from '../../src/base/clock.ts'
import { AppError } from '../../src/base/errors.ts'
import type { UpstreamLink } from '../../src/upstream/client.ts'
import { backoffDelay, type Connection, Lane } from '../../src/upstream/lane.ts'

const RESTART = { least: 1000, most: 8000, max: 3 }
const open: Lane[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((lane) => lane.close()))
})

function manualClock(): Clock & { advance(ms: number): Promise<void>; waits: number[] } {
  const timers = new Set<{ at: number; run: () => void }>()
  const waits: number[] = []
  let now = 0
  return {
    waits,
    now: () => now,
    wall: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run }
      waits.push(ms)
      timers.add(timer)
      return () => timers.delete(timer)
    },
    async advance(ms) {
      now += ms
      for (const timer of [...timers]) if (timer.at <= now && timers.delete(timer)) timer.run()
      await settled()
    },
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

function setUp(script: ('up' | 'down' | 'era' | 'never')[], recheck = false) {
  const clock = manualClock()
  const lost: ((reason: string) => void)[] = []
  const closed: number[] = []
  let attempts = 0
  let restarted = 0
  const states: string[] = []
  const lane: Lane = new Lane({
    name: 'test',
    door: { refusal: undefined },
    clock,
    random: () => 1,
    restart: RESTART,
    connectTimeout: 100,
    recheck,
    async connect(signal): Promise<Connection> {
      const number = ++attempts
      const what = script.shift() ?? 'down'
      if (what === 'down') throw new Error(`attempt ${number} failed`)
      if (what === 'era') throw new AppError('UPSTREAM_ERA', 'not that one')
      if (what === 'never')
        await new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new Error('given up'))),
        )
      const gone = Promise.withResolvers<string>()
      lost.push(gone.resolve)
      const link = { close: async () => void closed.push(number) } as unknown as UpstreamLink
      return { link, lost: gone.promise, idle: () => 0, drop: gone.resolve }
    },
    changed: () => states.push(lane.state),
    restarted: () => {
      restarted++
    },
  })
  open.push(lane)
  return { lane, clock, lost, closed, states, attempts: () => attempts, restarted: () => restarted }
}

it('the wait doubles from the least to the most, its upper half is random', () => {
  const waits = [1, 2, 3, 4, 5, 50].map((failures) => backoffDelay(failures, RESTART, 1))
  expect(waits).toEqual([1000, 2000, 4000, 8000, 8000, 8000])
  expect(backoffDelay(3, RESTART, 0)).toBe(2000)
})

it('attempts end after max, then one is made on demand at most every longest wait', async () => {
  const { lane, clock, attempts, restarted } = setUp([])
  await lane.start()
  expect(lane.state).toBe('waiting')
  for (const wait of [1000, 2000, 4000]) await clock.advance(wait)
  expect(lane.state).toBe('failed')
  expect([attempts(), restarted()]).toEqual([4, 3])
  await clock.advance(7000)
  await expect(lane.ready()).rejects.toThrow('attempt 4 failed')
  expect(attempts()).toBe(4)
  await clock.advance(1000)
  await expect(lane.ready()).rejects.toThrow('attempt 5 failed')
  expect(attempts()).toBe(5)
  await clock.advance(100_000)
  expect(attempts()).toBe(5)
})

it('a call waits for an attempt that is near and fails at once when it is far', async () => {
  const { lane, clock } = setUp(['down', 'down', 'down', 'up'])
  await lane.start()
  const near = expect(lane.ready()).rejects.toThrow('attempt 2 failed')
  await clock.advance(1000)
  await near
  await clock.advance(2000)
  await expect(lane.ready()).rejects.toThrow('attempt 3 failed')
  await clock.advance(2500)
  const soon = lane.ready()
  await clock.advance(1500)
  expect(await soon).toBe(lane.link)
})

it('a connection that was stable starts again from the shortest wait', async () => {
  const { lane, clock, lost, states } = setUp(['down', 'down', 'up', 'up'])
  await lane.start()
  await clock.advance(1000)
  await clock.advance(2000)
  expect(lane.state).toBe('ready')
  await clock.advance(8000)
  lost[0]?.('gone')
  await settled()
  expect(clock.waits.at(-1)).toBe(1000)
  expect(lane.error?.message).toBe('server test was lost: gone')
  await clock.advance(1000)
  expect(lane.state).toBe('ready')
  expect(states.slice(-4)).toEqual(['ready', 'waiting', 'starting', 'ready'])
})

it('a connection that is lost at once waits longer each time', async () => {
  const { lane, clock, lost, closed } = setUp(['up', 'up', 'up'])
  await lane.start()
  lost[0]?.('gone')
  await settled()
  await clock.advance(1000)
  lost[1]?.('gone')
  await settled()
  expect(clock.waits.at(-1)).toBe(2000)
  // what was lost is released
  expect(closed).toEqual([1, 2])
})

it('an era that is absent is asked for again only after its evidence is old', async () => {
  const { lane, clock, attempts } = setUp(['era', 'up'])
  await lane.start()
  expect(lane.state).toBe('absent')
  await expect(lane.ready()).rejects.toMatchObject({ code: 'UPSTREAM_ERA' })
  await clock.advance(9 * 60_000)
  await expect(lane.ready()).rejects.toMatchObject({ code: 'UPSTREAM_ERA' })
  expect(attempts()).toBe(1)
  await clock.advance(60_000)
  const link = await lane.ready()
  expect(lane.link).toBe(link)
})

it('an era that is absent is looked for again when the evidence is old, if that is wanted', async () => {
  const { lane, clock, restarted } = setUp(['era', 'era', 'up'], true)
  await lane.start()
  await clock.advance(10 * 60_000)
  expect(lane.state).toBe('absent')
  await clock.advance(10 * 60_000)
  expect(lane.state).toBe('ready')
  // looking is not restarting
  expect(restarted()).toBe(0)
})

it('an attempt that takes too long is given up', async () => {
  const { lane } = setUp(['never'])
  await lane.start()
  expect(lane.error).toMatchObject({ code: 'UPSTREAM_TIMEOUT' })
  expect(lane.state).toBe('waiting')
})

it('closing ends an attempt under way, rejects who waits and starts nothing more', async () => {
  const { lane, clock, attempts } = setUp(['never'])
  const starting = lane.start()
  const waiting = lane.ready()
  const closing = lane.close()
  await expect(waiting).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  await Promise.all([starting, closing])
  await clock.advance(100_000)
  expect(lane.state).toBe('stopped')
  expect(attempts()).toBe(1)
  await expect(lane.ready()).rejects.toThrow('server test is stopped')
})

it('a caller that goes away stops waiting, the others go on', async () => {
  const { lane } = setUp(['never'])
  void lane.start()
  const controller = new AbortController()
  const gone = lane.ready(controller.signal)
  const patient = lane.ready()
  controller.abort()
  await expect(gone).rejects.toMatchObject({ code: 'DISPATCH_ABORTED' })
  await expect(lane.ready(controller.signal)).rejects.toMatchObject({ code: 'DISPATCH_ABORTED' })
  await expect(patient).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' })
})
