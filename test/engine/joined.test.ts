// Points that hear every answer, and answers that only an entitled entry may give.
import { describe, expect, it } from 'vitest'
import { deny, patch, respond } from '../../src/engine/verdict.ts'
import { bench } from './support.ts'

const how = { point: 'check', payload: { decision: 'yes' } } as const

describe('a point that joins answers', () => {
  it('hears every entry, in their order', async () => {
    const { outcome } = await bench().run(
      {
        first: { handler: () => respond({ a: 1, b: 1 }) },
        second: { handler: async () => respond({ b: 2, c: 2 }) },
        quiet: { handler: () => undefined },
      },
      how,
    )
    expect(outcome).toMatchObject({
      kind: 'respond',
      entry: 'first',
      answer: { a: 1, b: 2, c: 2 },
    })
  })

  it('a patch counts after an answer, too', async () => {
    const { outcome } = await bench().run(
      {
        first: { handler: () => respond({ a: 1 }) },
        second: { handler: () => patch({ decision: 'no' }) },
      },
      how,
    )
    expect(outcome).toMatchObject({ kind: 'respond', payload: { decision: 'no' } })
  })

  it('deny still beats all of them', async () => {
    const { outcome } = await bench().run(
      {
        first: { handler: () => respond({ a: 1 }) },
        veto: { handler: () => deny({ code: 'NO', reason: 'no' }) },
      },
      how,
    )
    expect(outcome).toMatchObject({ kind: 'deny', violation: { entry: 'veto' } })
  })

  it('what permissive entries answer is recorded and not joined', async () => {
    const { outcome } = await bench().run(
      {
        first: { handler: () => respond({ a: 1 }) },
        watches: { mode: 'permissive', handler: () => respond({ b: 1 }) },
      },
      how,
    )
    expect(outcome).toMatchObject({ answer: { a: 1 } })
    expect((outcome as { answer: object }).answer).not.toHaveProperty('b')
  })
})

describe('an answer for entitled entries only', () => {
  const grants = { handler: () => respond({ grants: true }) }

  it('is a fault of every other entry', async () => {
    const { outcome } = await bench().run({ grants }, how)
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_PERMISSION' } })
  })

  it('counts from an entitled one', async () => {
    const { outcome } = await bench().run({ grants: { ...grants, entitled: true } }, how)
    expect(outcome).toMatchObject({ kind: 'respond', answer: { grants: true } })
  })

  it('is not heard where the fault is ignored', async () => {
    const { outcome } = await bench().run(
      { grants: { ...grants, onError: 'ignore' }, says: { handler: () => respond({ a: 1 }) } },
      how,
    )
    expect(outcome).toMatchObject({ kind: 'respond', entry: 'says', answer: { a: 1 } })
    expect((outcome as { answer: object }).answer).not.toHaveProperty('grants')
  })
})
