// Sessions of the legacy era: whose they are, how many there are, when they end; with a clock that is moved by hand.
import { expect, it } from 'vitest'
import { ANONYMOUS, RequestContext } from '../../src/engine/context.ts'
import { createSessions, type SessionSeed } from '../../src/gateway/session.ts'
import { createFakeClock } from '../base/fake-clock.ts'

const SEED: SessionSeed = {
  revision: '2025-11-25',
  principal: { ...ANONYMOUS, id: 'alice', kind: 'user' },
  client: { name: 'test', version: '1' },
  capabilities: {},
}
const MINUTE = 60_000

function setUp(max = 3) {
  const clock = createFakeClock()
  const ended: [string, string][] = []
  let ids = 0
  const sessions = createSessions({
    clock,
    max: () => max,
    createId: () => `s${++ids}`,
    ended: (session, cause) => void ended.push([session.id, cause]),
  })
  return { clock, ended, sessions }
}

const request = () =>
  new RequestContext({
    requestId: 'r', trace: undefined, era: 'legacy', surface: 'test', method: 'ping', principal: ANONYMOUS,
    client: undefined, session: undefined, generation: 1,
  }) // biome-ignore format: a table

it('a session is its principal’s own: for anybody else it does not exist', () => {
  const { sessions } = setUp()
  const { id } = sessions.open(SEED)
  expect(sessions.get(id, SEED.principal).id).toBe(id)
  for (const principal of [ANONYMOUS, { ...SEED.principal, id: 'bob' }])
    expect(() => sessions.get(id, principal)).toThrow(
      expect.objectContaining({ code: 'SESSION_UNKNOWN' }),
    )
})

it('no id, an unknown one and one of the prototype are refused', () => {
  const { sessions } = setUp()
  expect(() => sessions.get(undefined, SEED.principal)).toThrow(
    expect.objectContaining({ code: 'SESSION_REQUIRED' }),
  )
  for (const id of ['', 's9', '__proto__', 'constructor'])
    expect(() => sessions.get(id, SEED.principal)).toThrow(
      expect.objectContaining({ code: 'SESSION_UNKNOWN' }),
    )
})

it('a session nobody uses ends after 30 minutes; one that is used, or has a request in flight, does not', () => {
  const { clock, ended, sessions } = setUp()
  const unused = sessions.open(SEED)
  const used = sessions.open(SEED)
  const busy = sessions.open(SEED)
  busy.inflight.set(1, request())
  for (let minutes = 0; minutes < 40; minutes += 2) {
    clock.pass(2 * MINUTE)
    sessions.get(used.id, SEED.principal)
  }
  expect(ended).toEqual([[unused.id, 'idle']])
  expect([...sessions.all()].map(({ id }) => id).sort()).toEqual([used.id, busy.id].sort())
})

it('when all places are taken, the longest unused session makes room, unless all are in use', () => {
  const { clock, ended, sessions } = setUp(2)
  const first = sessions.open(SEED)
  sessions.open(SEED)
  expect(() => sessions.open(SEED)).toThrow(expect.objectContaining({ code: 'SESSION_LIMIT' }))
  clock.pass(2 * MINUTE)
  sessions.open(SEED)
  expect(ended).toEqual([[first.id, 'made room']])
  expect(sessions.size).toBe(2)
})

it('a session that is used without being looked up keeps no place for those that are idle', () => {
  const { clock, ended, sessions } = setUp(3)
  const used = sessions.open(SEED)
  const idle = sessions.open(SEED)
  const late = sessions.open(SEED)
  for (let minutes = 0; minutes < 34; minutes += 2) {
    clock.pass(2 * MINUTE)
    sessions.use(used)
    if (minutes < 30) sessions.use(late)
  }
  expect(ended).toEqual([[idle.id, 'idle']])
  sessions.open(SEED)
  clock.pass(2 * MINUTE)
  sessions.use(used)
  sessions.open(SEED)
  expect(ended.at(-1)).toEqual([late.id, 'made room'])
  // one that has ended is not in use again
  sessions.use(late)
  expect([...sessions.all()]).not.toContain(late)
})

it('the end of a session aborts what is in flight, closes its streams and is told once', () => {
  const { ended, sessions } = setUp()
  const session = sessions.open(SEED)
  const inFlight = request()
  let closed = 0
  session.inflight.set(1, inFlight)
  session.streams.add({ waiting: false, send: () => true, close: () => void closed++ })
  sessions.end(session, 'client')
  sessions.end(session, 'client')
  expect([inFlight.aborted, closed, ended]).toEqual([true, 1, [[session.id, 'client']]])
})

it('closing ends all sessions and leaves no timer', () => {
  const { clock, ended, sessions } = setUp()
  sessions.open(SEED)
  sessions.open(SEED)
  sessions.close()
  expect(ended.map(([, cause]) => cause)).toEqual(['shutdown', 'shutdown'])
  expect(clock.timers).toBe(0)
})

it('a session carries at most 64 labels, and an old one is no new one', () => {
  const { sessions } = setUp()
  const { labels } = sessions.open(SEED)
  for (let index = 0; index < 64; index++) labels.add(`l${index}`)
  labels.add('l0')
  expect(() => labels.add('one more')).toThrow(RangeError)
})
