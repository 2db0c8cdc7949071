// Sentences of docs/pipeline.md sections 4, 5 and 9 where two things meet: guards and questions, denials of one turn, late verdicts, labels.
import { describe, expect, it } from 'vitest'
import { ask, deny, patch, respond } from '../../src/engine/verdict.ts'
import { bench, gate, request, settle } from '../engine/support.ts'

const named = (code: string) => deny({ code, reason: 'no' })

describe('the denial of a guard', () => {
  it.each([
    ['a question', () => ask({ message: 'sure?' })],
    ['an answer', () => respond({ text: 'x' })],
  ])('goes before %s of the chain', async (_what, handler) => {
    const { outcome } = await bench().run({
      first: { handler },
      veto: { mode: 'guard', handler: async () => named('VETO') },
    })
    expect(outcome).toMatchObject({ kind: 'deny', violation: { code: 'VETO' } })
  })

  it.each([[['high', 'low']], [['low', 'high']]] as const)(
    'of the lowest priority number is reported when several settle in one turn, here %o',
    async (order) => {
      const gates = { high: gate(), low: gate() }
      const running = bench().run({
        high: { mode: 'guard', priority: 20, handler: () => gates.high.promise },
        low: { mode: 'guard', priority: 10, handler: () => gates.low.promise },
      })
      await settle()
      for (const name of order) gates[name].resolve(named(name.toUpperCase()))
      expect((await running).outcome).toMatchObject({ violation: { code: 'LOW' } })
    },
  )
})

describe('a verdict that comes too late', () => {
  it.each([
    ['a patch', () => patch({ name: 'late' })],
    ['a denial', () => named('LATE')],
    ['an answer', () => respond({ text: 'late' })],
  ])('%s: changes nothing and is not recorded as given', async (_what, verdict) => {
    const self = bench()
    const wake = gate()
    const seen: unknown[] = []
    const running = self.run({
      slow: {
        timeout: 50,
        onError: 'ignore',
        handler: async () => {
          await wake.promise
          return verdict()
        },
      },
      waits: {
        handler: () =>
          new Promise((resolve) => void self.clock.after(500, () => resolve(undefined))),
      },
      last: { handler: (payload) => void seen.push((payload as { name: string }).name) },
    })
    await self.clock.advance(100)
    wake.resolve(undefined)
    await self.clock.advance(600)
    const { outcome } = await running
    expect(outcome).toMatchObject({ kind: 'pass', changed: false })
    expect(seen).toEqual(['read_file'])
    expect(self.verdicts).toEqual([])
    expect(self.faults).toMatchObject([{ fault: { code: 'PLUGIN_TIMEOUT' }, failedOpen: true }])
  })
})

it('a label cannot be taken away again', async () => {
  const about = request()
  await bench().run(
    {
      add: { handler: (_, context: { addLabel(name: string): void }) => context.addLabel('pii') },
      remove: {
        handler: (_, context: { labels: Set<string> }) => {
          context.labels.delete('pii')
          context.labels.clear()
        },
      },
    },
    { request: about },
  )
  expect([...about.labels]).toEqual(['pii'])
})
