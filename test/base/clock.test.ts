// The clock of the running process.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'

describe('the system clock', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  it('tells monotonic time and the time of day', () => {
    vi.useRealTimers()
    const before = [performance.now(), Date.now()]
    const told = [systemClock.now(), systemClock.wall()]
    const after = [performance.now(), Date.now()]
    for (const [index, time] of told.entries()) {
      expect(time).toBeGreaterThanOrEqual(before[index] as number)
      expect(time).toBeLessThanOrEqual(after[index] as number)
    }
  })

  it('calls once after the time asked for', () => {
    const run = vi.fn()
    systemClock.after(50, run)
    vi.advanceTimersByTime(49)
    expect(run).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1000)
    expect(run).toHaveBeenCalledOnce()
  })

  it('does not call what was cancelled', () => {
    const run = vi.fn()
    systemClock.after(50, run)()
    vi.advanceTimersByTime(1000)
    expect(run).not.toHaveBeenCalled()
  })

  it('waits for a month, which is longer than one timer of Node can', () => {
    const run = vi.fn()
    const month = 30 * 86_400_000
    systemClock.after(month, run)
    const cancelled = vi.fn()
    const cancel = systemClock.after(2 * month, cancelled)
    vi.advanceTimersByTime(month - 1)
    expect(run).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(run).toHaveBeenCalledOnce()
    cancel()
    vi.advanceTimersByTime(2 * month)
    expect(cancelled).not.toHaveBeenCalled()
  })

  it('does not keep the process alive', () => {
    vi.useRealTimers()
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const cancel = systemClock.after(60_000, () => {})
    const after = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    cancel()
    expect(after).toBe(before)
  })
})
