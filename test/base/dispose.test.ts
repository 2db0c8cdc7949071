// The disposer: order, failures, and what happens around its end.
import { describe, expect, it } from 'vitest'
import { createDisposer } from '../../src/base/dispose.ts'

describe('a disposer', () => {
  it('releases in reverse order and waits for each', async () => {
    const done: string[] = []
    const disposer = createDisposer()
    disposer.defer(() => void done.push('first'))
    disposer.defer(async () => {
      await Promise.resolve()
      done.push('second')
    })
    disposer.defer(() => void done.push('third'))
    await disposer.dispose()
    expect(done).toEqual(['third', 'second', 'first'])
  })

  it('gives every release its chance and then reports all failures', async () => {
    const done: string[] = []
    const disposer = createDisposer()
    disposer.defer(() => void done.push('first'))
    disposer.defer(() => {
      throw new Error('thrown')
    })
    disposer.defer(() => Promise.reject(new Error('rejected')))
    const failure = await disposer.dispose().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(AggregateError)
    expect((failure as AggregateError).errors.map(String)).toEqual([
      'Error: rejected',
      'Error: thrown',
    ])
    expect(done).toEqual(['first'])
  })

  it('releases once however often it is asked', async () => {
    let released = 0
    const disposer = createDisposer()
    disposer.defer(() => void released++)
    const first = disposer.dispose()
    expect(disposer.dispose()).toBe(first)
    await first
    await disposer.dispose()
    expect(released).toBe(1)
  })

  it('releases once when a release asks for it again', async () => {
    const done: string[] = []
    const disposer = createDisposer()
    disposer.defer(() => void done.push('first'))
    disposer.defer(() => {
      done.push('second')
      void disposer.dispose()
    })
    await disposer.dispose()
    expect(done).toEqual(['second', 'first'])
  })

  it('releases at once what comes after the end', async () => {
    const disposer = createDisposer()
    await disposer.dispose()
    const released = new Promise<string>((resolve) => disposer.defer(() => resolve('released')))
    expect(await released).toBe('released')
  })

  it('reports the failure of a release that was added while releasing', async () => {
    const disposer = createDisposer()
    disposer.defer(async () => {
      await Promise.resolve()
      disposer.defer(() => Promise.reject(new Error('late')))
    })
    await expect(disposer.dispose()).rejects.toThrow('releasing failed')
  })
})
