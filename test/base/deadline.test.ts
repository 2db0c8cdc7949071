// The deadline wheel under a clock of the test's own.
import { describe, expect, it } from 'vitest'
import { createDeadlineWheel, type Deadline } from '../../src/base/deadline.ts'
import { createFakeClock } from './fake-clock.ts'

function setUp() {
  const clock = createFakeClock()
  const wheel = createDeadlineWheel(clock, 10)
  const fired: string[] = []
  const arm = (name: string, ms: number): Deadline => wheel.arm(ms, () => fired.push(name))
  return { clock, wheel, fired, arm }
}

describe('the deadline wheel', () => {
  it('fires a deadline within one tick after it is due and never before', () => {
    const { clock, fired, arm } = setUp()
    arm('a', 25)
    clock.pass(24)
    expect(fired).toEqual([])
    clock.pass(11)
    expect(fired).toEqual(['a'])
  })

  it('fires what is due in the same tick in the order of arming', () => {
    const { clock, fired, arm } = setUp()
    arm('late', 9)
    arm('early', 3)
    clock.pass(10)
    expect(fired).toEqual(['late', 'early'])
  })

  it('fires in the order of the ticks in which deadlines fall due', () => {
    const { clock, fired, arm } = setUp()
    arm('third', 45)
    arm('first', 5)
    arm('second', 15)
    clock.pass(100)
    expect(fired).toEqual(['first', 'second', 'third'])
  })

  it('keeps no timer while nothing is pending', () => {
    const { clock, wheel, arm } = setUp()
    expect(clock.timers).toBe(0)
    wheel.disarm(arm('a', 50))
    expect(wheel.pending).toBe(0)
    clock.pass(10)
    expect(clock.timers).toBe(0)
  })

  it('keeps one timer however many are pending', () => {
    const { clock, wheel, arm } = setUp()
    for (let index = 0; index < 5000; index++) arm(String(index), 100)
    expect(wheel.pending).toBe(5000)
    expect(clock.timers).toBe(1)
  })

  it('fires every one of thousands of deadlines once, and none that was disarmed', () => {
    const { clock, wheel } = setUp()
    const count = new Map<number, number>()
    const armed = Array.from({ length: 5000 }, (_, index) =>
      wheel.arm((index * 7919) % 500, () => count.set(index, (count.get(index) ?? 0) + 1)),
    )
    armed.filter((_, index) => index % 3 === 0).forEach(wheel.disarm)
    clock.pass(600)
    expect(count.size).toBe(armed.filter((_, index) => index % 3 !== 0).length)
    expect([...count.values()].every((times) => times === 1)).toBe(true)
    expect([...count.keys()].some((index) => index % 3 === 0)).toBe(false)
    expect(wheel.pending).toBe(0)
  })

  it('ignores a deadline that fired or was disarmed already', () => {
    const { clock, wheel, fired, arm } = setUp()
    const deadline = arm('a', 5)
    const other = arm('b', 500)
    clock.pass(10)
    wheel.disarm(deadline)
    wheel.disarm(other)
    wheel.disarm(other)
    expect(fired).toEqual(['a'])
    expect(wheel.pending).toBe(0)
  })

  it('does not fire what an earlier deadline of the same tick disarmed', () => {
    const { clock, wheel, fired, arm } = setUp()
    const victims: Deadline[] = []
    wheel.arm(5, () => {
      fired.push('killer')
      for (const victim of victims) wheel.disarm(victim)
    })
    victims.push(arm('next', 5), arm('after', 5))
    arm('survivor', 5)
    clock.pass(10)
    expect(fired).toEqual(['killer', 'survivor'])
    expect(wheel.pending).toBe(0)
  })

  it('goes on after a deadline that disarmed all that follow it', () => {
    const { clock, wheel, fired, arm } = setUp()
    arm('pending', 500)
    const killer = wheel.arm(5, () => wheel.disarm(last))
    const last = arm('last', 5)
    clock.pass(10)
    expect(fired).toEqual([])
    expect(wheel.pending).toBe(1)
    wheel.disarm(killer)
    clock.pass(500)
    expect(fired).toEqual(['pending'])
  })

  it('leaves what a firing deadline arms to the next tick, even if it is due at once', () => {
    const { clock, wheel } = setUp()
    let fired = 0
    const again = (): void => {
      fired++
      wheel.arm(0, again)
    }
    wheel.arm(0, again)
    clock.pass(10)
    expect(fired).toBe(1)
    clock.pass(30)
    expect(fired).toBe(4)
  })

  it('takes a point on the clock instead of a span', () => {
    const { clock, wheel, fired } = setUp()
    const deadline = wheel.armAt(clock.now() + 30, () => fired.push('a'))
    expect(deadline.at).toBe(1030)
    clock.pass(20)
    expect(fired).toEqual([])
    clock.pass(20)
    expect(fired).toEqual(['a'])
  })

  it('still fires the others when one throws', () => {
    const { clock, wheel, fired, arm } = setUp()
    wheel.arm(5, () => {
      throw new Error('broken')
    })
    arm('same tick', 5)
    arm('later', 50)
    expect(() => clock.pass(10)).toThrow('broken')
    clock.pass(100)
    expect(fired).toEqual(['same tick', 'later'])
  })
})
