// The parts questions are made of, by themselves: sealed states, calls that are held, instances and the questions a client has open.
import { describe, expect, it } from 'vitest'
import { Cancellation } from '../../src/base/caller.ts'
import { createDeadlineWheel } from '../../src/base/deadline.ts'
import { createAsking } from '../../src/gateway/input/asking.ts'
import { createHeldCalls } from '../../src/gateway/input/held.ts'
import { createInputStates, digestOf, requestDigest } from '../../src/gateway/input/state.ts'
import { createInstances, type Instance } from '../../src/upstream/instances.ts'
import { makeRequest } from '../../src/wire/message.ts'
import { createFakeClock } from '../base/fake-clock.ts'

describe('a sealed state', () => {
  const key = new Uint8Array(32).fill(7)
  const state = { request: 'r', principal: 'ann', server: 's', round: 1, asked: { q: 'm' } }
  const of = { request: 'r', principal: 'ann' }
  let now = 0
  const states = createInputStates(key, () => now)

  it('opens for the same principal and request, within its time', () => {
    const sealed = states.seal(state, 100)
    expect(states.open(sealed, of)).toMatchObject(state)
    for (const wrong of [
      { ...of, principal: 'bob' },
      { ...of, request: 'x' },
    ])
      expect(() => states.open(sealed, wrong)).toThrow('belongs to another request')
    now = 100
    expect(states.open(sealed, of)).toMatchObject(state)
    now = 101
    expect(() => states.open(sealed, of)).toThrow('has expired')
  })

  it('differs each time, and says nothing to who has another key', () => {
    const sealed = states.seal(state, 1000)
    expect(states.seal(state, 1000)).not.toBe(sealed)
    const others = createInputStates(new Uint8Array(32).fill(8), () => now)
    expect(() => others.open(sealed, of)).toThrow('not one of ours')
  })

  it('is bound to method and params, but not to what differs between rounds', () => {
    const params = { name: 'x', arguments: { a: 1, b: [2] } }
    const digest = requestDigest('tools/call', params)
    const more = { _meta: { p: 1 }, inputResponses: { q: {} }, requestState: 's' }
    expect(requestDigest('tools/call', { ...more, arguments: { b: [2], a: 1 }, name: 'x' })).toBe(
      digest,
    )
    expect(requestDigest('prompts/get', params)).not.toBe(digest)
    expect(requestDigest('tools/call', { ...params, arguments: { a: 1 } })).not.toBe(digest)
    expect(requestDigest('tools/call', { ...params, task: {} })).not.toBe(digest)
    expect(digestOf({ a: 1 })).not.toBe(digestOf({ a: '1' }))
  })
})

describe('calls that are held', () => {
  const setup = () => {
    const clock = createFakeClock()
    let id = 0
    const wheel = createDeadlineWheel(clock)
    return { clock, held: createHeldCalls({ wheel, createId: () => `h${++id}` }) }
  }

  it('are at most a thousand at one time; places that were given up are free again', () => {
    const { clock, held } = setup()
    for (let count = 0; count < 1000; count++) held.park(held.open('k'), {}, 500)
    const one = held.open('k')
    expect(() => held.park(one, {}, 500)).toThrow('1000 calls wait')
    clock.pass(600)
    held.park(one, {}, 500)
    expect(held.take('h1')).toBeUndefined()
    expect(held.take(one.id)?.held).toBe(one)
  })

  it('are taken up once, and are the only one on their connection only while there is no other', () => {
    const { held } = setup()
    const one = held.open('k')
    held.park(one, 'more', 500)
    expect(held.only('k')).toBe(one)
    const other = held.open('k')
    expect([held.only('k'), held.only('elsewhere')]).toEqual([undefined, undefined])
    other.end()
    expect(held.only('k')).toBe(one)
    expect(held.take(one.id)).toEqual({ held: one, more: 'more', deadline: expect.anything() })
    expect(held.take(one.id)).toBeUndefined()
    one.end()
    expect(held.only('k')).toBeUndefined()
  })

  it('that end withdraw what was asked for them', async () => {
    const { held } = setup()
    const one = held.open('k')
    const asked = one.ask({
      message: makeRequest('roots/list', {}, 1),
      caller: new Cancellation(),
      tell() {},
    })
    held.park(one, {}, 500)
    held.close()
    await expect(asked).rejects.toThrow('withdrawn')
    expect(one.caller.aborted).toBe(true)
  })
})

describe('the questions of one client', () => {
  const setup = () => {
    const clock = createFakeClock()
    const asking = createAsking()
    const withdrawn: number[] = []
    const ask = (more: object = {}) =>
      asking.ask({
        wheel: createDeadlineWheel(clock),
        timeout: 1000,
        callers: [],
        send: () => true,
        withdraw: (id) => withdrawn.push(id),
        ...more,
      })
    return { clock, asking, ask, withdrawn }
  }

  it('are at most 64 at one time', async () => {
    const { asking, ask } = setup()
    const open = Array.from({ length: 64 }, () => ask())
    await expect(ask()).rejects.toThrow('64 questions open')
    asking.close()
    expect((await Promise.allSettled(open)).every(({ status }) => status === 'rejected')).toBe(true)
    expect(asking.size).toBe(0)
  })

  it('end in time, and are withdrawn then', async () => {
    const { clock, asking, ask, withdrawn } = setup()
    const late = ask()
    late.catch(() => {})
    clock.pass(1100)
    await expect(late).rejects.toMatchObject({ code: 'CLIENT_TIMEOUT' })
    expect([withdrawn, asking.size]).toEqual([[1], 0])
  })

  it('end at once for a client that cannot be reached, or a caller that has gone', async () => {
    const { asking, ask } = setup()
    await expect(ask({ send: () => false })).rejects.toMatchObject({ code: 'CLIENT_UNREACHABLE' })
    const gone = new Cancellation()
    gone.abort()
    await expect(ask({ callers: [gone] })).rejects.toMatchObject({ code: 'DISPATCH_ABORTED' })
    expect(asking.size).toBe(0)
  })
})

describe('instances', () => {
  const setup = (max: number) => {
    const clock = createFakeClock()
    const ended: number[] = []
    const busy = new Set<number>()
    let made = 0
    const instances = createInstances({
      door: { refusal: undefined },
      server: 's',
      per: 'auto',
      max,
      idleStop: 1000,
      clock,
      make: (): Instance => {
        const id = made++
        const link = { id } as never
        return {
          link,
          ready: async () => link,
          follow: async () => undefined,
          unfollow() {},
          get busy() {
            return busy.has(id)
          },
          close: async () => void ended.push(id),
        }
      },
    })
    const open = (key: string) => instances.open(key, {} as never)
    return { clock, ended, busy, instances, open }
  }

  it('make room for the one that was used longest ago and is not busy', async () => {
    const { ended, busy, instances, open } = setup(2)
    await open('a')
    await open('b')
    instances.link('a')
    busy.add(0)
    await open('c')
    expect(ended).toEqual([1])
    busy.add(2)
    await expect(open('d')).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
    expect(instances.size).toBe(2)
  })

  it('end when nobody used them, but not while they are busy', async () => {
    const { clock, ended, busy, instances, open } = setup(3)
    await open('a')
    await open('b')
    busy.add(1)
    clock.pass(2000)
    expect([ended, instances.size]).toEqual([[0], 1])
    busy.clear()
    clock.pass(1000)
    expect([ended, clock.timers]).toEqual([[0, 1], 0])
  })

  it('open nothing any more once they are closed', async () => {
    const { ended, instances, open } = setup(3)
    await open('a')
    await instances.close()
    expect(ended).toEqual([0])
    await expect(open('a')).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  })
})
