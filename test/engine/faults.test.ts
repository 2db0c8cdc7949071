// docs/pipeline.md section 5, faults and time: what happens when a plugin breaks, is slow, or the caller goes away.
import { describe, expect, it } from 'vitest'
import { AppError } from '../../src/base/errors.ts'
import { deny, patch } from '../../src/engine/verdict.ts'
import { bench, CALL, gate, request, settle } from './support.ts'

const broken = () => {
  throw new Error('broken')
}

describe('on_error: fail', () => {
  it.each(['enforce', 'permissive', 'guard'] as const)(
    'refuses the operation in mode %s',
    async (mode) => {
      for (const handler of [broken, async () => broken()]) {
        const { outcome } = await bench().run({ a: { mode, handler } })
        expect(outcome).toMatchObject({
          kind: 'fault',
          fault: {
            code: 'PLUGIN_THREW',
            message: 'a at call: broken',
            data: { plugin: 'p-a', entry: 'a', point: 'call' },
          },
        })
      }
    },
  )

  it('is never a violation', async () => {
    const { outcome } = await bench().run({ a: { handler: broken } })
    expect(outcome).not.toHaveProperty('violation')
  })
})

describe('on_error: ignore', () => {
  it('goes on without the entry; the fail-open is counted, told and traced', async () => {
    const self = bench()
    const { outcome, steps } = await self.run({
      a: { onError: 'ignore', handler: broken },
      b: { handler: () => patch({ name: 'x' }) },
    })
    expect(outcome).toMatchObject({ kind: 'pass', payload: { name: 'x' } })
    expect(self.engine.stats[0]).toMatchObject({ entry: 'a', fault: 1, failedOpen: 1 })
    expect(self.faults).toMatchObject([{ failedOpen: true, fault: { code: 'PLUGIN_THREW' } }])
    expect(steps[0]).toMatchObject({
      entry: 'a',
      verdict: 'fault',
      failedOpen: true,
      effective: false,
    })
  })

  it('has no breaker: the entry is called every time', async () => {
    let calls = 0
    const self = bench()
    const runner = self
      .generation({ a: { onError: 'ignore', handler: () => { calls++; broken() } } })
      .runner('call') // biome-ignore format: short
    for (let i = 0; i < 20; i++) await runner?.dispatch(CALL(), request())
    expect(calls).toBe(20)
  })
})

describe('on_error: disable', () => {
  const flaky = (mode: 'enforce' | 'guard' = 'enforce') => {
    const self = bench()
    const state = { broken: true, calls: 0, redirect: null as null | (() => unknown) }
    const runner = self
      .generation({
        a: {
          mode,
          onError: 'disable',
          breaker: { faults: 3, open: 30_000 },
          when: 'payload.name != "unmatched"',
          handler: () => {
            state.calls++
            if (state.redirect) return state.redirect()
            if (state.broken) broken()
          },
        },
      })
      .runner('call')
    const dispatch = async (payload = CALL(), about = request()) => runner?.dispatch(payload, about)
    return { self, state, dispatch }
  }

  it.each(['enforce', 'guard'] as const)(
    'opens after so many consecutive faults, in mode %s',
    async (mode) => {
      const { self, state, dispatch } = flaky(mode)
      for (let i = 0; i < 5; i++) expect(await dispatch()).toMatchObject({ kind: 'pass' })
      expect(state.calls).toBe(3)
      expect(self.engine.stats[0]).toMatchObject({ fault: 3, failedOpen: 5 })
      expect(self.faults.at(-1)).toMatchObject({ fault: null, failedOpen: true })
    },
  )

  it('counts only faults in a row', async () => {
    const { state, dispatch } = flaky()
    for (let i = 0; i < 10; i++) {
      state.broken = i % 3 !== 0
      await dispatch()
    }
    expect(state.calls).toBe(10)
  })

  it('is tried once after the time, and closes when that goes well', async () => {
    const { self, state, dispatch } = flaky()
    for (let i = 0; i < 3; i++) await dispatch()
    await self.clock.advance(30_000)
    state.broken = false
    await dispatch()
    await dispatch()
    expect(state.calls).toBe(5)
  })

  it('opens again when the trial fails', async () => {
    const { self, state, dispatch } = flaky()
    for (let i = 0; i < 3; i++) await dispatch()
    await self.clock.advance(30_000)
    await dispatch()
    await dispatch()
    expect(state.calls).toBe(4)
    await self.clock.advance(29_999)
    await dispatch()
    expect(state.calls).toBe(4)
  })

  it('lets one call through at a time while it is tried', async () => {
    const { self, state, dispatch } = flaky()
    for (let i = 0; i < 3; i++) await dispatch()
    await self.clock.advance(30_000)
    const trial = gate()
    state.redirect = () => trial.promise
    const first = dispatch()
    await dispatch()
    expect(state.calls).toBe(4)
    trial.resolve(undefined)
    await first
    await dispatch()
    expect(state.calls).toBe(5)
  })

  it('a trial that a condition leaves out is not used up', async () => {
    const { self, state, dispatch } = flaky()
    for (let i = 0; i < 3; i++) await dispatch()
    await self.clock.advance(30_000)
    await dispatch({ ...CALL(), name: 'unmatched' })
    expect(state.calls).toBe(3)
    await dispatch()
    expect(state.calls).toBe(4)
  })

  it('a trial whose caller goes away is not used up', async () => {
    const { self, state, dispatch } = flaky()
    for (let i = 0; i < 3; i++) await dispatch()
    await self.clock.advance(30_000)
    const about = request()
    state.redirect = () => new Promise(() => {})
    const first = dispatch(CALL(), about)
    await settle()
    about.abort()
    expect(await first).toMatchObject({ kind: 'fault', fault: { code: 'DISPATCH_ABORTED' } })
    state.redirect = null
    state.broken = false
    await dispatch()
    expect(state.calls).toBe(5)
  })

  it('is not opened by a budget that is used up', async () => {
    let calls = 0
    const self = bench()
    const hang = {
      timeout: 60_000,
      breaker: { faults: 2, open: 30_000 },
      handler: () => new Promise(() => void calls++),
    }
    const dispatch = { data: 100, control: 1, admission: 1 }
    const runner = self
      .generation({ a: { ...hang, onError: 'disable' } }, { dispatch })
      .runner('call')
    for (let i = 0; i < 4; i++) {
      const running = runner?.dispatch(CALL(), request())
      await self.clock.advance(130)
      expect(await running).toMatchObject({ kind: 'fault', fault: { code: 'DISPATCH_TIMEOUT' } })
    }
    expect(calls).toBe(4)
  })

  it('calls that were under way when it opened do not keep it open longer', async () => {
    const { self, state, dispatch } = flaky()
    const slow = gate()
    state.redirect = () => slow.promise
    const late = dispatch()
    state.redirect = null
    for (let i = 0; i < 3; i++) await dispatch()
    await self.clock.advance(900)
    slow.reject(new Error('late'))
    await late
    await self.clock.advance(29_100)
    await dispatch()
    expect(state.calls).toBe(5)
  })
})

describe('whatever is thrown', () => {
  const getter = Object.defineProperty(new Error(), 'message', {
    get() {
      throw new Error('no message')
    },
  })
  const { proxy, revoke } = Proxy.revocable(new Error('x'), {})
  revoke()
  const forged = new AppError('PLUGIN_THREW', 'x')
  Object.assign(forged, { code: 'NO_SUCH_CODE' })
  it.each([
    ['null', null, 'threw null'],
    ['undefined', undefined, 'threw undefined'],
    ['a symbol', Symbol('s'), 'threw Symbol(s)'],
    ['a text', 'plain', 'threw plain'],
    ['an object without a prototype', Object.create(null), 'an object that is no error'],
    ['an array', [1], 'an array'],
    ['an error with a throwing message', getter, 'cannot be read'],
    [
      'an error whose message is no text',
      Object.assign(new Error(), { message: { a: 1 } }),
      'cannot be read',
    ],
    ['a revoked proxy', proxy, 'cannot be read'],
    ['an error of ours with a code that does not exist', forged, 'x'],
    ['many lines', new Error('a\nb\r\u2028c'), 'a b c'],
  ])('%s becomes a fault with a code and one line', async (_what, thrown, text) => {
    for (const handler of [() => { throw thrown }, () => Promise.reject(thrown)]) {
      const { outcome } = await bench().run({ a: { handler } })
      expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_THREW' } })
      expect(outcome.kind === 'fault' && outcome.fault.message).toContain(text)
    } // biome-ignore format: short
  })

  it('a huge message is cut', async () => {
    const { outcome } = await bench().run({ a: { handler: () => { throw new Error('x'.repeat(1e6)) } } }) // biome-ignore format: short
    expect(outcome.kind === 'fault' && outcome.fault.message.length).toBeLessThan(400)
  })

  it('an error of ours keeps its code', async () => {
    const { outcome } = await bench().run({
      a: { handler: () => { throw new AppError('EGRESS_REFUSED', 'host') } },
    }) // biome-ignore format: short
    expect(outcome).toMatchObject({ fault: { code: 'EGRESS_REFUSED' } })
  })
})

describe('time', () => {
  it('an entry gets its own timeout', async () => {
    const self = bench()
    const running = self.run({ a: { timeout: 200, handler: () => new Promise(() => {}) } })
    await self.clock.advance(190)
    expect(self.engine.inflight.size).toBe(1)
    await self.clock.advance(40)
    expect((await running).outcome).toMatchObject({
      fault: { code: 'PLUGIN_TIMEOUT', message: 'a at call: no answer within 200 ms' },
    })
    expect(self.engine.inflight.size).toBe(0)
  })

  it('an entry never gets more than what is left of the dispatch budget', async () => {
    const self = bench()
    const slow = (ms: number) => () =>
      new Promise((resolve) => void self.clock.after(ms, () => resolve(undefined)))
    const running = self.run(
      {
        a: { timeout: 5000, handler: slow(800) },
        b: { timeout: 5000, onError: 'ignore', handler: slow(800) },
      },
      { limits: { dispatch: { data: 1000, control: 1, admission: 1 } } },
    )
    await self.clock.advance(1030)
    expect((await running).outcome).toMatchObject({
      kind: 'fault',
      fault: { code: 'DISPATCH_TIMEOUT', data: { entry: 'b' } },
    })
  })

  it('guards share the budget and have their own timeouts', async () => {
    const self = bench()
    const running = self.run({
      own: { mode: 'guard', timeout: 100, onError: 'ignore', handler: () => new Promise(() => {}) },
      budget: { mode: 'guard', timeout: 60_000, handler: () => new Promise(() => {}) },
    })
    await self.clock.advance(10_100)
    expect((await running).outcome).toMatchObject({
      fault: { code: 'DISPATCH_TIMEOUT', data: { entry: 'budget' } },
    })
    expect(self.faults.map(({ fault }) => fault?.code)).toEqual([
      'PLUGIN_TIMEOUT',
      'DISPATCH_TIMEOUT',
    ])
    expect(self.engine.inflight.size).toBe(0)
  })

  it('a chain goes on after an entry that timed out and may', async () => {
    const self = bench()
    const ran: string[] = []
    const running = self.run({
      hangs: { timeout: 50, onError: 'ignore', handler: () => new Promise(() => {}) },
      async: { handler: async () => void ran.push('async') },
      sync: { handler: () => void ran.push('sync') },
    })
    await self.clock.advance(100)
    expect((await running).outcome.kind).toBe('pass')
    expect(ran).toEqual(['async', 'sync'])
  })

  it('one coarse wheel, armed only while something is pending', async () => {
    const self = bench()
    await self.run({ sync: { handler: () => {} } })
    expect(self.clock.timers).toBe(0)
    const hold = gate()
    const running = [1, 2, 3].map(() => self.run({ a: { handler: () => hold.promise } }))
    await settle()
    expect(self.clock.timers).toBe(1)
    expect([...self.engine.inflight]).toMatchObject(
      [1, 2, 3].map(() => ({ point: 'call', entry: 'a', plugin: 'p-a' })),
    )
    await self.clock.advance(30)
    expect([...self.engine.inflight][0]?.since).toBeLessThan(self.clock.now())
    hold.resolve(undefined)
    await Promise.all(running)
    await self.clock.advance(20)
    expect(self.clock.timers).toBe(0)
  })

  it('the signal is handed over lazily and aborts when the time is over', async () => {
    const self = bench()
    const signals: AbortSignal[] = []
    const running = self.run({
      a: { timeout: 50, onError: 'ignore', handler: (_p, c) => { signals.push((c as { signal: AbortSignal }).signal); return new Promise(() => {}) } },
      b: { handler: async (_p, c) => { await settle(); signals.push((c as { signal: AbortSignal }).signal) } },
    }) // biome-ignore format: short
    await self.clock.advance(100)
    await running
    expect(signals.map((signal) => signal.aborted)).toEqual([true, false])
  })

  it('deadline says how long the call may still take', async () => {
    const seen: number[] = []
    const look = (_p: never, c: never) =>
      void seen.push((c as { deadline: number }).deadline, (c as { deadline: number }).deadline)
    await bench().run({
      a: { timeout: 200, handler: look },
      b: { timeout: 60_000, mode: 'guard', handler: look },
      c: { timeout: 60_000, mode: 'audit', handler: look },
    })
    expect(seen).toEqual([200, 200, 10_000, 10_000, 60_000, 60_000])
  })
})

describe('a late handler has no effect', () => {
  const late = async (how: (context: LateContext, payload: Record<string, unknown>) => void) => {
    const self = bench()
    const about = request({ sessionLabels: { values: new Set(), add: () => { throw new Error('never') } } }) // biome-ignore format: short
    const wake = gate()
    const running = self.run(
      {
        slow: {
          timeout: 50,
          onError: 'ignore',
          handler: async (payload: never, context: never) => {
            ;(context as LateContext).state.early = true
            const { state } = context as LateContext
            await wake.promise
            state.late = true
            how(context, payload)
            return deny({ code: 'LATE', reason: 'late' })
          },
        },
        next: {
          handler: () =>
            new Promise((resolve) => void self.clock.after(500, () => resolve(undefined))),
        },
      },
      { request: about, payload: { ...CALL(), arguments: { big: 1 } } },
    )
    await self.clock.advance(100)
    wake.resolve(undefined)
    await self.clock.advance(600)
    const { outcome } = await running
    return { outcome, about, self }
  }
  interface LateContext {
    readonly state: Record<string, unknown>
    readonly signal: AbortSignal
    readonly shared: { set(values: object): void; get(plugin: string): object }
    addLabel(name: string, scope?: string): void
  }

  it('not by its verdict', async () => {
    const { outcome } = await late(() => {})
    expect(outcome.kind).toBe('pass')
  })

  it('not by labels, shared values or its state', async () => {
    let signal: AbortSignal | undefined
    const { outcome, about } = await late((context) => {
      context.addLabel('late', 'session')
      context.shared.set({ late: true })
      context.state.later = true
      signal = context.signal
    })
    expect(outcome.kind).toBe('pass')
    expect([...about.labels]).toEqual([])
    expect(about.shared('p-slow')).toEqual({})
    expect(about.state('slow')).toEqual({ early: true })
    expect(signal?.aborted).toBe(true)
  })

  it('says so in development', async () => {
    const self = bench({ writes: 'throw' })
    let kept: LateContext | undefined
    await self.run({ a: { handler: (_p, c) => { kept = c } } }) // biome-ignore format: short
    expect(() => kept?.addLabel('x')).toThrow('addLabel was called after')
    expect(() => kept?.shared.set({})).toThrow('shared.set was called after')
  })
})

describe('a caller that goes away', () => {
  it('ends a wait at once', async () => {
    const about = request()
    const self = bench()
    const signals: AbortSignal[] = []
    const running = self.run(
      { hangs: { handler: (_p, c) => { signals.push((c as { signal: AbortSignal }).signal); return new Promise(() => {}) } }, never: { handler: () => {} } },
      { request: about },
    ) // biome-ignore format: short
    await settle()
    about.abort()
    about.abort()
    const { outcome, steps } = await running
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'DISPATCH_ABORTED' } })
    expect(steps).toMatchObject([
      { entry: 'hangs', verdict: 'aborted', skipped: 'request aborted' },
      { entry: 'never', verdict: 'skipped', skipped: 'not reached', matched: null },
    ])
    expect(signals[0]?.aborted).toBe(true)
    expect(self.engine.inflight.size).toBe(0)
  })

  it('ends the wait for guards at once', async () => {
    const about = request()
    const self = bench()
    const running = self.run(
      {
        a: { mode: 'guard', handler: () => new Promise(() => {}) },
        b: { mode: 'guard', handler: async () => {} },
      },
      { request: about },
    )
    await settle()
    about.abort()
    expect((await running).outcome).toMatchObject({
      kind: 'fault',
      fault: { code: 'DISPATCH_ABORTED' },
    })
    expect(self.engine.inflight.size).toBe(0)
  })

  it('is noticed when it went while a plugin ran', async () => {
    for (const mode of ['enforce', 'guard'] as const) {
      const about = request()
      const self = bench()
      const { outcome } = await self.run(
        { a: { mode, handler: async (_p, c) => { about.abort(); return void (c as { signal: AbortSignal }).signal.aborted } } },
        { request: about },
      ) // biome-ignore format: short
      expect(outcome).toMatchObject({ fault: { code: 'DISPATCH_ABORTED' } })
      expect(self.engine.inflight.size).toBe(0)
    }
  })

  it('finds no plugin running for it any more, but a point that only tells still tells', async () => {
    const ran: string[] = []
    const about = request()
    about.abort()
    const { outcome } = await bench().run(
      { a: { handler: () => void ran.push('a') } },
      { request: about },
    )
    expect(outcome).toMatchObject({ fault: { code: 'DISPATCH_ABORTED' } })
    const told = await bench().run(
      { b: { handler: () => void ran.push('b') } },
      { request: about, point: 'tell' },
    )
    expect(told.outcome.kind).toBe('pass')
    expect(ran).toEqual(['b'])
    expect(about.signal.aborted).toBe(true)
  })
})

describe('size', () => {
  const limits = { payload: 100, points: { reply: 200 } }

  it('is first the raw byte length: what is larger is refused before any plugin runs', async () => {
    const ran: string[] = []
    const { outcome } = await bench().run(
      { a: { handler: () => void ran.push('a') } },
      { limits, options: { bytes: 101 } },
    )
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PAYLOAD_TOO_LARGE' } })
    expect(ran).toEqual([])
  })

  it('has a limit per point', async () => {
    const { outcome } = await bench().run(
      { a: { handler: () => {} } },
      { limits, point: 'reply', payload: { name: 'x' }, options: { bytes: 200 } },
    )
    expect(outcome.kind).toBe('pass')
  })

  it('does not refuse what only observers would see, and withholds it from them', async () => {
    const seen: unknown[] = []
    const { outcome } = await bench().run(
      {
        a: {
          mode: 'audit',
          handler: (p) => void seen.push((p as { arguments: unknown }).arguments),
        },
      },
      { limits, options: { bytes: 101 } },
    )
    expect(outcome.kind).toBe('pass')
    expect(seen).toEqual(['[withheld]'])
  })

  it.each([
    ['text', { text: 'x'.repeat(120) }],
    ['text of many bytes', { text: '€'.repeat(40) }],
    ['emoji', { text: '🙂'.repeat(30) }],
    ['many members', Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`member${i}`, 1]))],
    ['many items', { list: Array.from({ length: 60 }, () => 1) }],
    ['holes', { list: new Array(1e9) }],
  ])('after a patch walks only the patched fields: %s', async (_what, value) => {
    const { outcome } = await bench().run(
      { a: { handler: () => patch({ arguments: value }) } },
      { limits },
    )
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PAYLOAD_TOO_LARGE' } })
  })

  it('counts parts of the payload that a patch puts in several times', async () => {
    const { outcome } = await bench().run(
      { a: { handler: (p) => { const { arguments: a } = p as { arguments: object }; return patch({ arguments: { a, b: a, c: a } }) } } },
      { limits },
    ) // biome-ignore format: short
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PAYLOAD_TOO_LARGE' } })
  })

  it('does not count what was there before', async () => {
    const payload = { ...CALL(), arguments: { text: 'x'.repeat(500) } }
    const { outcome } = await bench().run(
      { a: { handler: () => patch({ headers: { a: 'b' } }) } },
      { limits, payload },
    )
    expect(outcome.kind).toBe('pass')
  })
})

describe('a sink that throws', () => {
  it('takes no dispatch down and is counted', async () => {
    const bad = () => {
      throw new Error('sink')
    }
    const self = bench({
      sink: { verdict: bad, fault: bad, dispatched: bad, observerDropped: bad },
      observerBound: 0,
    })
    const { outcome } = await self.run({
      faults: { onError: 'ignore', handler: broken },
      patches: { handler: () => patch({ name: 'x' }) },
      observer: { mode: 'background', handler: () => {} },
    })
    expect(outcome).toMatchObject({ kind: 'pass', payload: { name: 'x' } })
    expect(self.engine.sinkFailures).toBe(4)
  })
})
