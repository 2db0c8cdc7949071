// docs/pipeline.md section 9, sentence by sentence: what is known of one request, and what of it a plugin is handed.
import { describe, expect, it } from 'vitest'
import { ANONYMOUS, type PluginContext, RequestContext } from '../../src/engine/context.ts'
import { patch } from '../../src/engine/verdict.ts'
import { bench, CALL, request, SERVER } from './support.ts'

type Look = (context: PluginContext) => unknown
const at = (look: Look) => (_payload: never, context: never) => void look(context)

describe('one context per request', () => {
  it('hands each plugin what is known of the request', async () => {
    const seen: Record<string, unknown>[] = []
    const about = request({
      requestId: 'r-1', trace: { traceparent: '00-1' }, era: 'legacy', surface: 'stdio', session: 's-1',
      client: { name: 'c', version: '1' }, generation: 7, principal: { ...ANONYMOUS, id: 'alice' },
    }) // biome-ignore format: short
    about.round = 2
    about.origin = 'cache'
    await bench().run(
      {
        a: {
          handler: at((c) => {
            const {
              requestId,
              trace,
              era,
              surface,
              method,
              round,
              origin,
              principal,
              client,
              session,
              server,
              generation,
              dryRun,
              outcome,
            } = c
            seen.push({
              requestId,
              trace,
              era,
              surface,
              method,
              round,
              origin,
              id: principal.id,
              client,
              session,
              server,
              generation,
              dryRun,
              outcome,
            })
          }),
        },
      },
      { request: about },
    )
    expect(seen).toEqual([
      {
        requestId: 'r-1', trace: { traceparent: '00-1' }, era: 'legacy', surface: 'stdio', method: 'tools/call', round: 2,
        origin: 'cache', id: 'alice', client: { name: 'c', version: '1' }, session: 's-1', server: SERVER, generation: 7,
        dryRun: false, outcome: undefined,
      },
    ]) // biome-ignore format: short
  })

  it('what it hands over cannot be changed for others', async () => {
    const about = request({
      principal: { ...ANONYMOUS, roles: ['reader'], claims: { deep: { a: 1 } } },
      client: { name: 'c', version: '1' },
    })
    const { outcome } = await bench().run(
      {
        rogue: {
          onError: 'ignore',
          handler: at((c) => {
            ;(c.labels as Set<string>).add('forged')
            ;(c.principal.roles as string[]).push('admin')
          }),
        },
        rogue2: {
          onError: 'ignore',
          handler: at((c) => Object.assign(c.principal.claims.deep as object, { a: 2 })),
        },
        rogue3: {
          onError: 'ignore',
          handler: at((c) => Object.assign(Object.getPrototypeOf(c), { state: {} })),
        },
        rogue4: {
          onError: 'ignore',
          handler: at((c) => Object.assign(c.server as object, { name: 'other' })),
        },
      },
      { request: about },
    )
    expect(outcome.kind).toBe('pass')
    expect(about.identity.principal).toMatchObject({
      roles: ['reader'],
      claims: { deep: { a: 1 } },
    })
    expect(about.server?.name).toBe('files')
    expect([...about.labels]).toEqual([])
  })

  it('the step an entry is compiled into is not handed over as this', async () => {
    const seen: unknown[] = []
    const handler = function (this: unknown): void {
      seen.push(this)
    }
    await bench().run({
      a: { handler },
      b: { mode: 'guard', handler },
      c: { mode: 'audit', handler },
    })
    expect(seen).toEqual([undefined, undefined, undefined])
  })
})

describe('labels', () => {
  it('only grow, are seen by conditions and by later plugins, and are kept for the request', async () => {
    const seen: string[][] = []
    const about = request()
    await bench().run(
      {
        add: { handler: at((c) => c.addLabel('pii')) },
        matched: {
          conditions: [{ labels: ['pii'] }],
          handler: at((c) => seen.push([...c.labels])),
        },
      },
      { request: about },
    )
    expect(seen).toEqual([['pii']])
    expect([...about.labels]).toEqual(['pii'])
  })

  it('have scope request or session', async () => {
    const values = new Set(['old'])
    const session = { values, add: (name: string) => void values.add(name) }
    const about = request({ sessionLabels: session })
    expect([...about.labels]).toEqual(['old'])
    await bench().run(
      { a: { handler: at((c) => { c.addLabel('mine'); c.addLabel('ours', 'session') }) } },
      { request: about },
    ) // biome-ignore format: short
    expect([...values]).toEqual(['old', 'ours'])
    expect([...about.labels].sort()).toEqual(['mine', 'old', 'ours'])
    expect([...request({ sessionLabels: session }).labels]).toEqual(['old', 'ours'])
  })

  it('written in a dry run are discarded with it', async () => {
    const values = new Set<string>()
    const about = request({
      dryRun: true,
      sessionLabels: { values, add: (name) => void values.add(name) },
    })
    await bench().run(
      { a: { handler: at((c) => c.addLabel('ours', 'session')) } },
      { request: about },
    )
    expect([...values]).toEqual([])
    expect([...about.labels]).toEqual(['ours'])
  })

  it('are bounded in number and form', () => {
    const about = request()
    for (let i = 0; i < 64; i++) about.addLabel(`l${i}`)
    about.addLabel('l0')
    expect(() => about.addLabel('one-more')).toThrow(RangeError)
    for (const bad of ['', ' ', 'a b', 'x'.repeat(65), '-a'])
      expect(() => request().addLabel(bad)).toThrow(TypeError)
  })
})

describe('the state bag', () => {
  it('of an entry is set at pre and read at post, and nobody else sees it', async () => {
    const about = request()
    const seen: unknown[] = []
    await bench().run(
      {
        a: { handler: at((c) => Object.assign(c.state, { mine: 1 })) },
        b: { handler: at((c) => seen.push({ ...c.state })) },
      },
      { request: about },
    )
    await bench().run(
      { a: { handler: at((c) => seen.push({ ...c.state })) } },
      { request: about, point: 'reply', payload: { name: 'x' } },
    )
    expect(seen).toEqual([{}, { mine: 1 }])
  })

  it('is not shared between requests', async () => {
    const seen: unknown[] = []
    const entries = { a: { handler: at((c) => { seen.push(c.state.n); c.state.n = 1 }) } } // biome-ignore format: short
    await bench().run(entries)
    await bench().run(entries)
    expect(seen).toEqual([undefined, undefined])
  })
})

describe('context.shared', () => {
  it('is namespaced by plugin', async () => {
    const seen: unknown[] = []
    await bench().run({
      a: { plugin: 'one', handler: at((c) => c.shared.set({ x: 1 })) },
      b: { plugin: 'two', handler: at((c) => { c.shared.set({ x: 2 }); c.shared.set({ y: 3 }) }) },
      c: { handler: at((c) => seen.push(c.shared.get('one'), c.shared.get('two'), c.shared.get('three'))) },
    }) // biome-ignore format: short
    expect(seen).toEqual([{ x: 1 }, { x: 2, y: 3 }, {}])
  })

  it('is a read-only snapshot in parallel phases', async () => {
    const seen: unknown[] = []
    const self = bench()
    const look = at((c) => {
      const { shared } = c
      seen.push(shared.get('p-a'), shared.get('nobody'))
      c.shared.set({ x: 9 })
    })
    const { outcome } = await self.run({
      a: { handler: at((c) => c.shared.set({ x: 1 })) },
      g: { mode: 'guard', onError: 'ignore', handler: look },
      o: { mode: 'audit', handler: look },
    })
    expect(outcome.kind).toBe('pass')
    expect(seen).toEqual([{ x: 1 }, {}, { x: 1 }, {}])
    expect(self.faults.map(({ fault }) => fault?.message)).toEqual([
      'g at call: context.shared is read-only in guards and observers',
      'o at call: context.shared is read-only in guards and observers',
    ])
  })

  it('holds bounded JSON of its own, which nobody can change', async () => {
    const mine = { list: [1] }
    const about = request()
    const self = bench()
    await self.run(
      {
        a: { handler: at((c) => c.shared.set({ mine })) },
        b: { handler: () => void mine.list.push(2) },
        c: {
          onError: 'ignore',
          handler: at((c) => (c.shared.get('p-a').mine as { list: number[] }).list.push(3)),
        },
        d: { onError: 'ignore', handler: at((c) => c.shared.set({ big: 'x'.repeat(70_000) })) },
        e: { onError: 'ignore', handler: at((c) => c.shared.set({ f: () => 1 })) },
      },
      { request: about },
    )
    expect(about.shared('p-a')).toEqual({ mine: { list: [1] } })
    expect(self.faults.map(({ fault }) => fault?.code)).toEqual([
      'PLUGIN_THREW',
      'PAYLOAD_TOO_LARGE',
      'PLUGIN_PATCH_INVALID',
    ])
  })

  it('may hold parts of the payload, which are copied and leave the payload writable for the gateway', async () => {
    const payload = CALL()
    await bench().run(
      {
        a: {
          handler: ((p: { arguments: object }, c: PluginContext) =>
            c.shared.set({ args: p.arguments })) as never,
        },
      },
      { payload },
    )
    expect(Object.isFrozen(payload.arguments)).toBe(false)
  })
})

describe('a dry run', () => {
  it('skips plugins with side effects outside and shows them', async () => {
    const ran: string[] = []
    const { steps } = await bench().run(
      {
        out: { external: true, handler: () => void ran.push('out') },
        guard: { external: true, mode: 'guard', handler: () => void ran.push('guard') },
        in: { handler: at((c) => ran.push(String(c.dryRun))) },
      },
      { request: request({ dryRun: true }) },
    )
    expect(ran).toEqual(['true'])
    expect(steps).toMatchObject([
      { entry: 'out', verdict: 'skipped', skipped: 'dry run' },
      { entry: 'in', verdict: 'pass' },
      { entry: 'guard', verdict: 'skipped', skipped: 'dry run' },
    ])
  })

  it('does not use up the trial of a breaker', async () => {
    const self = bench()
    let calls = 0
    const breaker = { faults: 1, open: 1000 }
    const handler = () => { calls++; throw new Error('x') } // biome-ignore format: short
    const runner = self
      .generation({ a: { external: true, onError: 'disable', breaker, handler } })
      .runner('call')
    await runner?.dispatch(CALL(), request())
    await self.clock.advance(1000)
    await runner?.dispatch(CALL(), request({ dryRun: true }))
    await runner?.dispatch(CALL(), request())
    expect(calls).toBe(2)
  })
})

describe('passes', () => {
  it('are folded into one record per request that names each entry, when asked for', async () => {
    const self = bench({ passes: true })
    const about = request()
    await self.run(
      { a: { handler: () => {} }, g: { mode: 'guard', handler: () => {} } },
      { request: about },
    )
    await self.run(
      {
        a: { handler: () => {} },
        p: { handler: () => patch({ name: 'x' }) },
        skipped: { when: 'false', handler: () => {} },
        g: { mode: 'guard', handler: () => {} },
        bad: { mode: 'guard', onError: 'ignore', handler: () => 1 },
      },
      { request: about },
    )
    await self.run(
      { a: { handler: () => {} }, bad: { handler: () => 1 }, never: { handler: () => {} } },
      { request: about },
    )
    expect(about.passes).toEqual([
      { point: 'call', entries: ['a', 'g'] },
      { point: 'call', entries: ['a', 'g'] },
      { point: 'call', entries: ['a'] },
    ])
    expect(new RequestContext(about.identity).passes).toBeNull()
  })
})
