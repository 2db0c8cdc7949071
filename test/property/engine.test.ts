// What holds of the engine for all plugin sets: it equals the naive reference, its order is total, writes do not get through.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { View } from '../../src/engine/payload/view.ts'
import { inOrder } from '../../src/engine/registry.ts'
import { ask, deny, patch, respond } from '../../src/engine/verdict.ts'
import { bench, type Entry, RULES, request, SERVER } from '../engine/support.ts'
import {
  BREAKER,
  type Memory,
  type ModelEnd,
  type ModelEntry,
  type ModelPayload,
  reference,
} from './engine-reference.ts'

const NAMES = ['read', 'write', 'drop'] as const
const name = fc.constantFrom(...NAMES)
const behaviour = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: 'pass' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      amount: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rename' as const), name }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...(['deny', 'respond', 'ask', 'throw', 'nonsense', 'unwritable', 'redact'] as const).map(
        (kind) => ({ kind }),
      ),
    ),
  },
)
const model = fc.record({
  mode: fc.constantFrom(
    'enforce',
    'enforce',
    'permissive',
    'guard',
    'guard',
    'audit',
    'background',
  ),
  priority: fc.integer({ min: 0, max: 3 }),
  onError: fc.constantFrom('fail', 'ignore', 'disable'),
  redacts: fc.boolean(),
  async: fc.boolean(),
  behaviour,
  tools: fc.option(fc.uniqueArray(name, { minLength: 1 }), { nil: null, freq: 3 }),
  when: fc.constantFrom(null, null, null, 'even', 'error'),
}) as fc.Arbitrary<Omit<ModelEntry, 'entry' | 'order'>>
const models = fc
  .array(model, { maxLength: 8 })
  .map((rows) => rows.map((row, order): ModelEntry => ({ ...row, entry: `e${order}`, order })))

type Payload = { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> }

function answerOf({ behaviour: does }: ModelEntry, payload: Payload): unknown {
  switch (does.kind) {
    case 'pass':
      return undefined
    case 'add':
      return patch({
        arguments: { ...payload.arguments, n: Number(payload.arguments.n) + does.amount },
      })
    case 'redact':
      return patch({ arguments: { ...payload.arguments, secret: '***' } })
    case 'rename':
      return patch({ name: does.name })
    case 'deny':
      return deny({ code: 'NO', reason: 'no' })
    case 'respond':
      return respond({ by: 'plugin' })
    case 'ask':
      return ask({ message: 'sure?' })
    case 'nonsense':
      return { kind: 'deny' }
    case 'unwritable':
      return patch({ exposedName: 'x' })
    case 'throw':
      throw new Error('thrown')
  }
}

function entriesOf(
  rows: readonly ModelEntry[],
  called: string[],
  observed: string[],
): Record<string, Entry> {
  return Object.fromEntries(
    rows.map((row): [string, Entry] => {
      const observer = row.mode === 'audit' || row.mode === 'background'
      const sync = (payload: never) => {
        const seen = (payload as Payload).arguments
        if (observer)
          observed.push(`${row.entry}: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`)
        else called.push(row.entry)
        return answerOf(row, payload)
      }
      const { mode, priority, order, onError, redacts, tools, when } = row
      return [
        row.entry,
        {
          mode, priority, order, onError, redacts,
          breaker: { faults: BREAKER, open: 1e9 },
          ...(tools ? { conditions: [{ tools }] } : {}),
          ...(when ? { when: when === 'even' ? EVEN : 'payload.arguments.missing > 1' } : {}),
          handler: row.async ? async (payload: never) => sync(payload) : sync,
        },
      ] // biome-ignore format: a table
    }),
  )
}

// JSON numbers are doubles to CEL, which have no remainder
const EVEN = `payload.arguments.n in [${Array.from({ length: 20 }, (_, i) => i * 2)}]`

const START: ModelPayload = { name: 'read', arguments: { n: 0, secret: 'x' } }

describe('the compiled runner', () => {
  it('equals the naive reference on random plugin sets, modes, priorities, conditions, verdicts, faults and on_error', async () => {
    await fc.assert(
      fc.asyncProperty(models, fc.boolean(), async (rows, recorded) => {
        const called: string[] = []
        const observed: string[] = []
        const self = bench()
        const generation = self.generation(entriesOf(rows, called, observed))
        const memory: Memory = new Map()
        for (let round = 0; round < 3; round++) {
          const start = { ...START, arguments: { ...START.arguments, n: round } }
          const expected = reference(rows, start, memory)
          const runner = generation.runner('call', { server: SERVER, target: start.name })
          const recorder = { step: () => {} }
          const outcome = (await runner?.dispatch(start, request(), recorded ? { recorder } : {})) ?? {
            kind: 'pass' as const, payload: start, changed: false,
          } // biome-ignore format: short
          await self.engine.observers.idle()
          const by =
            outcome.kind === 'deny' ? outcome.violation.entry
            : outcome.kind === 'fault' ? outcome.fault.data?.entry
            : outcome.kind === 'respond' ? outcome.entry
            : null // biome-ignore format: a table
          const actual = {
            kind: outcome.kind, by, payload: outcome.payload, changed: outcome.changed,
            called: called.splice(0), observed: observed.splice(0).sort(),
          } // biome-ignore format: short
          expect(actual).toEqual(expected satisfies ModelEnd)
          expect(self.engine.inflight.size).toBe(0)
        }
      }),
      { numRuns: 1500 },
    )
  })

  it('has a record that names every entry exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(
        models.filter(
          (rows) => rows.length > 0 && rows.every(({ behaviour: does }) => does.kind !== 'rename'),
        ),
        async (rows) => {
          const self = bench()
          const steps: string[] = []
          const recorder = {
            step: (_point: string, step: { entry: string }) => void steps.push(step.entry),
          }
          const generation = self.generation(entriesOf(rows, [], []))
          const runner = generation.runner('call', { server: SERVER, target: 'read' })
          if (runner === null) return
          await runner.dispatch({ ...START }, request(), { recorder })
          expect([...new Set(steps)].sort()).toEqual(rows.map(({ entry }) => entry).sort())
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('order', () => {
  const row = fc.record({ priority: fc.integer({ min: -2, max: 2 }), order: fc.nat(1000) })
  const rows = fc.uniqueArray(row, { selector: ({ order }) => order })

  it('is total and stable: it does not depend on how the registrations came', () => {
    fc.assert(
      fc.property(
        rows.chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
        ),
        ([list, shuffled]) => {
          expect(inOrder(shuffled)).toEqual(inOrder(list))
        },
      ),
    )
  })

  it('is by priority, then by place in the file, and loses nobody', () => {
    fc.assert(
      fc.property(rows, (list) => {
        const sorted = inOrder(list)
        expect(new Set(sorted)).toEqual(new Set(list))
        for (const [i, one] of sorted.entries()) {
          const next = sorted[i + 1]
          if (next)
            expect(
              one.priority < next.priority ||
                (one.priority === next.priority && one.order < next.order),
            ).toBe(true)
        }
      }),
    )
  })
})

const json = fc.jsonValue({ maxDepth: 4 })
const record = fc.dictionary(fc.string(), json)

describe('a patch', () => {
  it('never touches a field that is not writable, whatever it names', async () => {
    const writable = new Set(Object.keys(RULES.call.writable))
    const field = fc.oneof(
      fc.constantFrom(
        'name',
        'arguments',
        'headers',
        'server',
        'exposedName',
        '__proto__',
        'constructor',
      ),
      fc.string(),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(field, fc.oneof(json, record)),
        record,
        async (fields, rest) => {
          const before = {
            ...rest,
            server: 's',
            name: 'read',
            exposedName: 's__read',
            arguments: {},
            headers: {},
          }
          const copy = structuredClone(before)
          const { outcome } = await bench().run(
            { a: { handler: () => patch(fields) } },
            { payload: before },
          )
          expect(before).toEqual(copy)
          for (const key of Reflect.ownKeys(outcome.payload) as string[])
            if (!writable.has(key))
              expect(outcome.payload[key]).toEqual(copy[key as keyof typeof copy])
          expect(Object.keys(outcome.payload)).toEqual(Object.keys(copy))
          if (Object.keys(fields).some((key) => !writable.has(key))) {
            expect(outcome.kind).toBe('fault')
            expect(outcome.payload).toBe(before)
          }
        },
      ),
    )
  })
})

describe('a view', () => {
  const paths = fc.array(fc.nat(20), { maxLength: 4 })
  const attempts = fc.array(
    fc.tuple(
      paths,
      fc.constantFrom('set', 'delete', 'define', 'sort', 'push', 'splice', 'proto'),
      fc.string(),
    ),
    { maxLength: 6 },
  )

  it('never lets a write through, at any depth', () => {
    fc.assert(
      fc.property(
        record,
        attempts,
        fc.constantFrom('throw' as const, 'ignore' as const),
        (payload, tries, writes) => {
          const copy = structuredClone(payload)
          const { root } = new View(payload, writes)
          for (const [path, how, key] of tries) {
            let at: unknown = root
            for (const index of path) {
              const values: unknown[] =
                typeof at === 'object' && at !== null ? Object.values(at) : []
              if (values.length > 0) at = values[index % values.length]
            }
            if (typeof at === 'object' && at !== null)
              write(at as Record<string, unknown>, how, key)
          }
          expect(payload).toEqual(copy)
          expect(root).toEqual(copy)
          expect(JSON.stringify(root)).toBe(JSON.stringify(copy))
        },
      ),
    )
  })
})

function write(at: Record<string, unknown>, how: string, key: string): void {
  try {
    if (how === 'set') at[key] = 'written'
    else if (how === 'delete') for (const own of Object.keys(at)) delete at[own]
    else if (how === 'define')
      Object.defineProperty(at, key, { value: 'written', configurable: true })
    else if (how === 'proto') Object.setPrototypeOf(at, { written: true })
    else if (Array.isArray(at) && how === 'sort') at.sort().reverse()
    else if (Array.isArray(at) && how === 'push') at.push('written')
    else if (Array.isArray(at)) at.splice(0, 1)
  } catch {
    // in development an attempt throws; what counts is that it had no effect
  }
}
