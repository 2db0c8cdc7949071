// docs/pipeline.md section 5, sentence by sentence: what a mode lets a verdict do, and when its entries run.
import { describe, expect, it } from 'vitest'
import { MODES } from '../../src/engine/mode.ts'
import { ask, deny, patch, respond } from '../../src/engine/verdict.ts'
import { bench, CALL, gate, request, settle } from './support.ts'

const no = deny({ code: 'NO', reason: 'no' })
const named = (code: string) => deny({ code, reason: code })

describe('enforce', () => {
  it('runs as a serial chain, by priority, lower first', async () => {
    const ran: string[] = []
    const log = (name: string) => async () => {
      await settle()
      ran.push(name)
    }
    await bench().run({
      last: { priority: 200, handler: log('last') },
      first: { priority: -5, handler: log('first') },
      middle: { handler: log('middle') },
    })
    expect(ran).toEqual(['first', 'middle', 'last'])
  })

  it('has a default priority of 100 and ties in file order', async () => {
    const ran: string[] = []
    await bench().run({
      b: { order: 2, handler: () => void ran.push('b') },
      a: { order: 1, handler: () => void ran.push('a') },
    })
    expect(ran).toEqual(['a', 'b'])
  })
})

describe('permissive', () => {
  it('records a deny as would deny and goes on', async () => {
    const self = bench()
    const { outcome, steps } = await self.run({ soft: { mode: 'permissive', handler: () => no } })
    expect(outcome.kind).toBe('pass')
    expect(steps).toMatchObject([
      { entry: 'soft', mode: 'permissive', verdict: 'deny', effective: false, code: 'NO' },
    ])
    expect(self.engine.stats).toMatchObject([{ entry: 'soft', wouldDeny: 1, deny: 0 }])
    expect(self.verdicts).toMatchObject([{ verdict: 'deny', effective: false }])
  })

  it('applies patches', async () => {
    const { outcome } = await bench().run({
      soft: { mode: 'permissive', handler: () => patch({ arguments: { n: 1 } }) },
    })
    expect(outcome.payload.arguments).toEqual({ n: 1 })
  })

  it.each([
    ['respond', respond({ text: 'x' })],
    ['ask', ask({ message: 'sure?' })],
  ] as const)('records %s and goes on', async (kind, verdict) => {
    const { outcome, steps } = await bench().run({
      soft: { mode: 'permissive', handler: () => verdict },
    })
    expect(outcome.kind).toBe('pass')
    expect(steps).toMatchObject([{ verdict: kind, effective: false }])
  })

  it('runs in the same serial chain as enforce', async () => {
    const ran: string[] = []
    await bench().run({
      three: { priority: 3, handler: () => void ran.push('three') },
      two: { priority: 2, mode: 'permissive', handler: async () => void ran.push('two') },
      one: { priority: 1, handler: async () => void ran.push('one') },
    })
    expect(ran).toEqual(['one', 'two', 'three'])
  })
})

describe('guard', () => {
  it('sees the final payload, after every patch of the chain', async () => {
    let seen: unknown
    await bench().run({
      guard: {
        priority: 1,
        mode: 'guard',
        handler: (p) => {
          seen = (p as { name: string }).name
        },
      },
      rename: { priority: 9, handler: () => patch({ name: 'other' }) },
    })
    expect(seen).toBe('other')
  })

  it('runs in parallel with its siblings', async () => {
    const meet = gate<void>()
    const { outcome } = await bench().run({
      waits: { mode: 'guard', handler: () => meet.promise },
      frees: { mode: 'guard', handler: async () => meet.resolve() },
    })
    expect(outcome.kind).toBe('pass')
  })

  it('runs synchronous ones first, in priority order', async () => {
    const ran: string[] = []
    await bench().run({
      async: { priority: 1, mode: 'guard', handler: async () => void ran.push('async') },
      two: { priority: 3, mode: 'guard', handler: () => void ran.push('two') },
      one: { priority: 2, mode: 'guard', handler: () => void ran.push('one') },
    })
    expect(ran).toEqual(['one', 'two', 'async'])
  })

  it('that denies aborts its siblings, and they are traced as aborted', async () => {
    const self = bench()
    const signals: AbortSignal[] = []
    const hang = (_p: never, c: never) => {
      signals.push((c as { signal: AbortSignal }).signal)
      return new Promise(() => {})
    }
    const { outcome, steps } = await self.run({
      hangs: { mode: 'guard', priority: 1, handler: hang },
      vetoes: { mode: 'guard', priority: 2, handler: async () => no },
    })
    expect(outcome).toMatchObject({ kind: 'deny', violation: { entry: 'vetoes' } })
    expect(signals.map((signal) => signal.aborted)).toEqual([true])
    expect(steps).toMatchObject([
      { entry: 'vetoes', verdict: 'deny', effective: true },
      { entry: 'hangs', verdict: 'aborted', skipped: 'sibling denied' },
    ])
    expect(self.engine.inflight.size).toBe(0)
  })

  it('that denies at once aborts those that wait and those that have not begun', async () => {
    const self = bench()
    const { outcome, steps } = await self.run({
      pending: {
        mode: 'guard',
        priority: 1,
        handler: () => new Promise((_, reject) => reject(new Error('late'))),
      },
      vetoes: { mode: 'guard', priority: 2, handler: () => no },
      unstarted: { mode: 'guard', priority: 3, handler: async () => {} },
    })
    expect(outcome).toMatchObject({ violation: { entry: 'vetoes' } })
    expect(steps.filter((step) => step.verdict === 'aborted').map((step) => step.entry)).toEqual([
      'pending',
      'unstarted',
    ])
    expect(self.engine.stats.filter((row) => row.aborted === 1)).toHaveLength(2)
    expect(self.engine.inflight.size).toBe(0)
  })

  it('reports the violation of the lowest priority number that settled', async () => {
    const { outcome } = await bench().run({
      high: { mode: 'guard', priority: 20, handler: async () => named('HIGH') },
      low: { mode: 'guard', priority: 10, handler: async () => named('LOW') },
    })
    expect(outcome).toMatchObject({ violation: { code: 'LOW' } })
    const slow = gate()
    const reverse = await bench().run({
      high: { mode: 'guard', priority: 20, handler: async () => named('HIGH') },
      low: { mode: 'guard', priority: 10, handler: () => slow.promise },
    })
    expect(reverse.outcome).toMatchObject({ violation: { code: 'HIGH' } })
  })

  it('a deny beats the fault of a sibling, whoever came first', async () => {
    for (const handler of [() => no, async () => no]) {
      const { outcome } = await bench().run({
        breaks: { mode: 'guard', priority: 1, handler: () => { throw new Error('broken') } },
        vetoes: { mode: 'guard', priority: 2, handler },
      }) // biome-ignore format: short
      expect(outcome).toMatchObject({ kind: 'deny', violation: { entry: 'vetoes' } })
    }
  })

  it('reports the fault of the lowest priority number when nobody denies', async () => {
    const fail = async () => { throw new Error('broken') } // biome-ignore format: short
    const { outcome } = await bench().run({
      two: { mode: 'guard', priority: 2, handler: fail },
      one: { mode: 'guard', priority: 1, handler: fail },
      good: { mode: 'guard', priority: 0, handler: async () => {} },
    })
    expect(outcome).toMatchObject({ kind: 'fault', fault: { data: { entry: 'one' } } })
  })

  it.each([
    ['patch', patch({ name: 'x' })],
    ['respond', respond({})],
    ['ask', ask({ message: 'sure?' })],
  ] as const)('a %s from it is a fault', async (_kind, verdict) => {
    const { outcome } = await bench().run({ a: { mode: 'guard', handler: () => verdict } })
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_VERDICT_NOT_ALLOWED' } })
  })

  it('is left out when its condition does not match the final payload', async () => {
    const ran: string[] = []
    const { steps } = await bench().run({
      rename: { handler: () => patch({ arguments: { amount: 5 } }) },
      big: {
        mode: 'guard',
        when: 'payload.arguments.amount > 100',
        handler: () => void ran.push('big'),
      },
      small: {
        mode: 'guard',
        when: 'payload.arguments.amount < 100',
        handler: () => void ran.push('small'),
      },
    })
    expect(ran).toEqual(['small'])
    expect(steps.find((step) => step.entry === 'big')).toMatchObject({
      matched: false,
      verdict: 'skipped',
    })
  })
})

describe('audit', () => {
  it('sees every outcome once, on the payload as of the deciding step', async () => {
    const seen: unknown[] = []
    const audit = {
      mode: 'audit', handler: (p: never, c: never) => void seen.push([(p as { arguments: unknown }).arguments, (c as { outcome: { kind: string } }).outcome.kind]),
    } as const // biome-ignore format: short
    const change = { priority: 1, handler: () => patch({ arguments: { n: 1 } }) }
    await bench().run({ change, audit })
    await bench().run({
      change,
      veto: { handler: () => no },
      audit,
      late: { handler: () => patch({ arguments: {} }) },
    })
    await bench().run({ change, answer: { handler: () => respond({}) }, audit })
    await bench().run({ change, broken: { handler: () => 'no verdict' }, audit })
    expect(seen.map((one) => (one as [unknown, string])[1])).toEqual([
      'pass',
      'deny',
      'respond',
      'fault',
    ])
    for (const [args] of seen as [{ n: number }, string][]) expect(args.n).toBe(1)
  })

  it('has its deny, respond and ask recorded without effect', async () => {
    const self = bench()
    const { outcome, steps } = await self.run({
      deny: { mode: 'audit', handler: () => no },
      respond: { mode: 'audit', handler: () => respond({}) },
      ask: { mode: 'audit', handler: () => ask({ message: 'sure?' }) },
    })
    expect(outcome.kind).toBe('pass')
    expect(steps.map(({ verdict, effective }) => [verdict, effective])).toEqual([
      ['deny', false],
      ['respond', false],
      ['ask', false],
    ])
  })

  it('has its patch recorded as a diff', async () => {
    const self = bench()
    const { outcome } = await self.run({
      a: {
        mode: 'audit',
        handler: () => patch({ arguments: { path: '/etc/passwd', list: [3, 9, 2], deep: 1 } }),
      },
    })
    expect(outcome.payload).toEqual(CALL())
    expect(self.verdicts).toMatchObject([
      { verdict: 'patch', effective: false, changed: ['arguments.list.1', 'arguments.deep'] },
    ])
  })

  it('that patches what it may not is a fault that harms nobody', async () => {
    const self = bench()
    const { outcome } = await self.run({
      a: { mode: 'audit', handler: () => patch({ nonsense: 1 }) },
    })
    expect(outcome.kind).toBe('pass')
    expect(self.faults).toMatchObject([
      { failedOpen: false, fault: { code: 'PLUGIN_PATCH_NOT_WRITABLE' } },
    ])
  })

  it('runs off the path of the caller', async () => {
    const jobs: (() => void)[] = []
    const ran: string[] = []
    const self = bench({ defer: (run) => jobs.push(run) })
    const runner = self
      .generation({ a: { mode: 'audit', handler: () => void ran.push('a') } })
      .runner('call')
    expect(runner?.dispatch(CALL(), request())).toMatchObject({ kind: 'pass' })
    expect(ran).toEqual([])
    for (const job of jobs) job()
    expect(ran).toEqual(['a'])
  })
})

describe('background', () => {
  it('has its return value ignored, whatever it is', async () => {
    const self = bench()
    const { outcome, steps } = await self.run({
      deny: { mode: 'background', handler: () => no },
      nonsense: { mode: 'background', handler: () => 'nonsense' },
    })
    expect(outcome.kind).toBe('pass')
    expect(steps.map((step) => step.verdict)).toEqual(['pass', 'pass'])
    expect(self.faults).toEqual([])
  })

  it('runs after the outcome is known, for every outcome', async () => {
    const kinds: string[] = []
    const watch = {
      mode: 'background', handler: (_p: never, c: never) => void kinds.push((c as { outcome: { kind: string } }).outcome.kind),
    } as const // biome-ignore format: short
    await bench().run({ watch })
    await bench().run({ veto: { handler: () => no }, watch })
    await bench().run({ broken: { handler: () => null }, watch })
    await bench().run({ answer: { handler: () => respond({}) }, watch })
    expect(kinds).toEqual(['pass', 'deny', 'fault', 'respond'])
  })

  it('has a bounded queue whose drops are counted, while audit still sees every outcome', async () => {
    const jobs: (() => void)[] = []
    const seen: string[] = []
    const self = bench({ defer: (run) => jobs.push(run), observerBound: 2 })
    const runner = self
      .generation({
        audit: { mode: 'audit', handler: async () => void seen.push('audit') },
        background: { mode: 'background', handler: () => void seen.push('background') },
      })
      .runner('call')
    for (let i = 0; i < 2; i++)
      expect(runner?.dispatch(CALL(), request())).toMatchObject({ kind: 'pass' })
    expect(self.engine.observers.depth).toBe(2)
    expect(await runner?.dispatch(CALL(), request())).toMatchObject({ kind: 'pass' })
    expect(seen).toEqual(['audit'])
    expect(self.dropped).toBe(1)
    for (const job of jobs) job()
    await self.engine.observers.idle()
    expect(seen.filter((name) => name === 'background')).toHaveLength(2)
    expect(self.engine.observers.depth).toBe(0)
    await self.engine.observers.idle()
  })

  it('alone in a full queue holds nobody up', () => {
    const self = bench({ defer: () => {}, observerBound: 0 })
    const runner = self.generation({ b: { mode: 'background', handler: () => {} } }).runner('call')
    expect(runner?.dispatch(CALL(), request())).toMatchObject({ kind: 'pass' })
    expect(self.dropped).toBe(1)
  })
})

describe('observers', () => {
  it('that throw, time out or answer nonsense harm nobody', async () => {
    const self = bench()
    const running = self.run({
      throws: { mode: 'audit', handler: () => { throw new Error('broken') } },
      rejects: { mode: 'background', handler: async () => { throw new Error('broken') } },
      hangs: { mode: 'audit', timeout: 50, handler: () => new Promise(() => {}) },
      nonsense: { mode: 'audit', handler: () => 42 },
      badWhen: { mode: 'audit', when: 'payload.nothing.here > 1', handler: () => {} },
    }) // biome-ignore format: short
    await self.clock.advance(100)
    const { outcome } = await running
    expect(outcome.kind).toBe('pass')
    expect(self.faults.map(({ step, fault }) => [step.entry, fault?.code]).sort()).toEqual([
      ['badWhen', 'PLUGIN_CONDITION_FAILED'],
      ['hangs', 'PLUGIN_TIMEOUT'],
      ['nonsense', 'PLUGIN_BAD_VERDICT'],
      ['rejects', 'PLUGIN_THREW'],
      ['throws', 'PLUGIN_THREW'],
    ])
    expect(self.engine.stats.every((row) => row.failedOpen === 0)).toBe(true)
  })

  it('run even when the caller went away', async () => {
    const seen: string[] = []
    const about = request()
    const self = bench()
    const running = self.run(
      {
        hangs: { handler: () => new Promise(() => {}) },
        audit: {
          mode: 'audit',
          handler: (_p, c) => void seen.push(String((c as { signal: AbortSignal }).signal.aborted)),
        },
      },
      { request: about },
    )
    about.abort()
    expect((await running).outcome).toMatchObject({
      kind: 'fault',
      fault: { code: 'DISPATCH_ABORTED' },
    })
    expect(seen).toEqual(['false'])
  })

  it('have their own timeout and not what was left of the budget', async () => {
    const self = bench()
    const late = gate()
    const running = self.run(
      { slow: { mode: 'audit', timeout: 5000, handler: () => late.promise } },
      { limits: { dispatch: { data: 100, control: 1, admission: 1 } } },
    )
    await self.clock.advance(1000)
    late.resolve(undefined)
    await running
    expect(self.faults).toEqual([])
  })

  it('whose conditions do not match, or that reach outside in a dry run, are left out', async () => {
    const ran: string[] = []
    const { steps } = await bench().run(
      {
        unmatched: {
          mode: 'audit',
          when: 'payload.name == "other"',
          handler: () => void ran.push('unmatched'),
        },
        external: { mode: 'background', external: true, handler: () => void ran.push('external') },
        internal: { mode: 'background', handler: () => void ran.push('internal') },
      },
      { request: request({ dryRun: true }) },
    )
    expect(ran).toEqual(['internal'])
    expect(steps).toMatchObject([
      { entry: 'unmatched', skipped: 'condition', matched: false },
      { entry: 'external', skipped: 'dry run' },
      { entry: 'internal', verdict: 'pass' },
    ])
  })
})

describe('what observers may see', () => {
  const redactor = (settings: object) => ({
    redacts: true,
    handler: () => patch({ arguments: { path: '***' } }),
    ...settings,
  })
  const audit = (seen: unknown[]) =>
    ({
      mode: 'audit',
      priority: 1,
      handler: (p: never) => void seen.push((p as { arguments: unknown }).arguments),
    }) as const

  it.each([
    [
      'a call denied before a redactor had its turn',
      { veto: { priority: 1, handler: () => no }, redactor: redactor({}) },
    ],
    [
      'a call that failed before a redactor had its turn',
      { broken: { priority: 1, handler: () => 1 }, redactor: redactor({}) },
    ],
    ['a redactor that denied', { redactor: redactor({ handler: () => no }) }],
    [
      'a redactor that failed open',
      { redactor: redactor({ onError: 'ignore', handler: () => 1 }) },
    ],
    [
      'a redactor that only would have denied',
      { redactor: redactor({ mode: 'permissive', handler: () => no }) },
    ],
    [
      'a redactor whose patch came after the answer',
      { answer: { priority: 1, handler: () => respond({}) }, redactor: redactor({}) },
    ],
  ])('%s: the content is withheld', async (_what, entries) => {
    const seen: unknown[] = []
    await bench().run({ ...entries, audit: audit(seen) })
    expect(seen).toEqual(['[withheld]'])
  })

  it('a redactor left out of a dry run: the content is withheld', async () => {
    const seen: unknown[] = []
    await bench().run(
      { redactor: redactor({ external: true }), audit: audit(seen) },
      { request: request({ dryRun: true }) },
    )
    expect(seen).toEqual(['[withheld]'])
  })

  it('after a redactor: what it made', async () => {
    const seen: unknown[] = []
    await bench().run({ redactor: redactor({}), veto: { handler: () => no }, audit: audit(seen) })
    expect(seen).toEqual([{ path: '***' }])
  })

  it('a redactor whose conditions do not match had its turn: nothing is withheld', async () => {
    const seen: unknown[] = []
    await bench().run({ redactor: redactor({ when: 'payload.name == "x"' }), audit: audit(seen) })
    await bench().run({
      redactor: redactor({ conditions: [{ tools: ['other'] }] }),
      veto: { handler: () => no },
      audit: audit(seen),
    })
    expect(seen).toEqual([CALL().arguments, CALL().arguments])
  })

  it('only content is withheld, not what identifies the call', async () => {
    const seen: unknown[] = []
    await bench().run({
      veto: { handler: () => no },
      redactor: redactor({}),
      audit: { mode: 'audit', handler: (p: never) => void seen.push({ ...(p as object) }) },
    })
    expect(seen).toEqual([{ ...CALL(), arguments: '[withheld]', headers: '[withheld]' }])
  })
})

describe('a point that only tells', () => {
  it('ignores verdicts and faults of every mode', async () => {
    const self = bench()
    const { outcome } = await self.run(
      {
        denies: { handler: () => no },
        breaks: { handler: () => 1 },
        guards: { mode: 'guard', handler: () => no },
        breaksToo: { mode: 'guard', handler: () => 1 },
        patches: { mode: 'audit', handler: () => patch({ a: 1 }) },
      },
      { point: 'tell', payload: { code: 'X' } },
    )
    expect(outcome).toMatchObject({ kind: 'pass', changed: false })
    expect(self.faults.map(({ failedOpen }) => failedOpen)).toEqual([false, false])
    expect(self.verdicts.every(({ effective }) => !effective)).toBe(true)
  })
})

it('the table of modes says what section 5 says', () => {
  expect(MODES).toMatchInlineSnapshot(`
    {
      "audit": {
        "answer": "record",
        "deny": "record",
        "failsClosed": false,
        "patch": "record",
        "phase": "observe",
      },
      "background": {
        "answer": "ignore",
        "deny": "ignore",
        "failsClosed": false,
        "patch": "ignore",
        "phase": "observe",
      },
      "enforce": {
        "answer": "apply",
        "deny": "apply",
        "failsClosed": true,
        "patch": "apply",
        "phase": "chain",
      },
      "guard": {
        "answer": "fault",
        "deny": "apply",
        "failsClosed": true,
        "patch": "fault",
        "phase": "guard",
      },
      "permissive": {
        "answer": "record",
        "deny": "record",
        "failsClosed": true,
        "patch": "apply",
        "phase": "chain",
      },
    }
  `)
})
