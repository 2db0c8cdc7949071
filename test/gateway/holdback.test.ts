// The holdback of a stream: order, at once where nothing is waited for, and a bound beyond which nothing gets through.
import { expect, it } from 'vitest'
import { Holdback } from '../../src/gateway/stream/holdback.ts'

function setUp(limit = 1000) {
  const told: string[] = []
  const holdback = new Holdback({
    limit: () => limit,
    overflow: () => void told.push('overflow'),
    failed: (error) => void told.push(`failed: ${(error as Error).message}`),
  })
  const open: (() => void)[] = []
  return {
    told,
    holdback,
    at: (name: string) => () => void told.push(name),
    later: (name: string) => () =>
      new Promise<void>((resolve) => {
        open.push(() => {
          told.push(name)
          resolve()
        })
      }),
    async next() {
      open.shift()?.()
      await new Promise((resolve) => setTimeout(resolve))
    },
  }
}

it('does at once what nothing is before, however large', () => {
  const { holdback, told, at } = setUp(10)
  holdback.push(1_000_000, at('one'))
  holdback.push(1_000_000, at('two'))
  expect(told).toEqual(['one', 'two'])
  expect(holdback.settled()).toBeUndefined()
})

it('keeps the order, whatever takes how long', async () => {
  const { holdback, told, at, later, next } = setUp()
  holdback.push(1, later('one'))
  holdback.push(1, at('two'))
  holdback.push(1, later('three'))
  holdback.push(1, at('four'))
  let settled = false
  void holdback.settled()?.then(() => {
    settled = true
  })
  await next()
  expect([told, settled]).toEqual([['one', 'two'], false])
  await next()
  expect([told, settled]).toEqual([['one', 'two', 'three', 'four'], true])
  holdback.push(1, at('five'))
  expect(told.at(-1)).toBe('five')
})

it('what is pushed by what is being done comes after it', () => {
  const { holdback, told, at } = setUp()
  holdback.push(1, () => {
    holdback.push(1, at('inner'))
    told.push('outer')
  })
  expect(told).toEqual(['outer', 'inner'])
})

it('throws away all that waits when more would be held than may, and says so', async () => {
  const { holdback, told, at, later, next } = setUp(1000)
  holdback.push(400, later('one'))
  holdback.push(400, at('two'))
  holdback.push(400, at('three'))
  expect(told).toEqual(['overflow'])
  await next()
  expect(told).toEqual(['overflow', 'one'])
  holdback.push(400, at('four'))
  expect(told.at(-1)).toBe('four')
})

it('one message that is being decided counts, too', () => {
  const { holdback, told, later } = setUp(1000)
  holdback.push(1001, later('large'))
  expect(told).toEqual(['overflow'])
})

it('gives back what was held when it is done', async () => {
  const { holdback, told, later, next } = setUp(1000)
  for (const name of ['one', 'two', 'three', 'four']) {
    holdback.push(900, later(name))
    await next()
  }
  expect(told).toEqual(['one', 'two', 'three', 'four'])
})

it('bounds messages without a byte, too', () => {
  const { holdback, told, at, later } = setUp(1000)
  holdback.push(0, later('one'))
  for (let count = 0; count < 50; count++) holdback.push(0, at('empty'))
  expect(told).toContain('overflow')
})

it('a failure is told and holds nobody up', async () => {
  const { holdback, told, at } = setUp()
  holdback.push(1, () => {
    throw new Error('at once')
  })
  holdback.push(1, () => Promise.reject(new Error('later')))
  holdback.push(1, at('after'))
  await holdback.settled()
  expect(told).toEqual(['failed: at once', 'failed: later', 'after'])
})
