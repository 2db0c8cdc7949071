// Whatever servers list, in whatever order, over however many generations: the gate asks what a naive model asks, and shows what it may.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { deny, patch } from '../../src/plugin.ts'
import { type Asked, createBench } from '../registry/catalogue/judging.ts'

const ERAS = ['legacy', 'modern'] as const
type Era = (typeof ERAS)[number]
type Say = 'pass' | 'veto' | 'break' | 'rewrite'

/** What the entries of each generation say to each variant of a definition. */
const POLICIES: Readonly<Record<string, readonly Say[]>> = {
  mild: ['pass', 'pass', 'rewrite', 'break'],
  strict: ['pass', 'veto', 'veto', 'pass'],
}

interface Step {
  readonly policy: string
  readonly era: Era
  readonly listing: Readonly<Record<string, number>>
}

const step: fc.Arbitrary<Step> = fc.record({
  policy: fc.constantFrom('mild', 'mild', 'mild', 'strict'),
  era: fc.constantFrom(...ERAS),
  listing: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(3), { noNullPrototype: true }),
})

/** All that is ever known, by name, and one line for each question. */
class Model {
  readonly asked: string[] = []
  readonly gone: string[] = []
  readonly #listed: Record<Era, Map<string, number>> = { legacy: new Map(), modern: new Map() }
  readonly #registered = new Map<string, number>()
  #judged: { name: string; variant: number; policy: string }[] = []

  /** The names that are shown. */
  step({ policy, era, listing }: Step): string[] {
    const shown: string[] = []
    for (const [name, variant] of Object.entries(listing)) {
      const says = POLICIES[policy]?.[variant]
      const isSame = (each: { name: string; variant: number }) =>
        each.name === name && each.variant === variant
      if (!this.#judged.some((each) => isSame(each) && each.policy === policy)) {
        this.asked.push(`${this.#registered.has(name) ? 'update' : 'register'} ${name}${variant}`)
        if (says === 'break') continue
        this.#judged = this.#judged.filter((each) => !isSame(each))
        this.#judged.push({ name, variant, policy })
        if (says !== 'veto') this.#registered.set(name, variant)
      }
      this.#listed[era].set(name, variant)
      if (says !== 'veto') shown.push(name)
    }
    this.#forget(era, listing)
    return shown
  }

  #forget(era: Era, listing: Step['listing']): void {
    for (const name of this.#listed[era].keys())
      if (!Object.hasOwn(listing, name)) this.#listed[era].delete(name)
    const isListed = (name: string) =>
      Object.hasOwn(listing, name) || ERAS.some((each) => this.#listed[each].has(name))
    for (const name of this.#registered.keys())
      if (!isListed(name)) {
        this.gone.push(`unregister ${name}`)
        this.#registered.delete(name)
      }
    this.#judged = this.#judged.filter(
      ({ name, variant }) =>
        this.#registered.get(name) === variant ||
        ERAS.some((each) => this.#listed[each].get(name) === variant),
    )
  }
}

const lineOf = ({ point, id, definition }: Asked) =>
  `${point.replace('tool_pre_', '')} ${id.slice(2)}${definition?.variant}`

it('for any sequence of listings the gate asks what a naive model asks, and shows nothing that was not admitted', () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const bench = createBench()
      const model = new Model()
      let gate = bench.gate(() => undefined)
      let last: string | undefined
      for (const { policy, era, listing } of steps) {
        if (policy !== last) gate = bench.gate((asked) => say(policy, asked), policy)
        last = policy
        const definitions = Object.entries(listing).map(([name, variant]) => ({ name, variant }))
        const { items, withheld } = await gate.admit(definitions, { era, eras: ERAS })
        const shown = model.step({ policy, era, listing })
        expect(items.map(({ name }) => name)).toEqual(shown)
        expect([...shown, ...withheld].sort()).toEqual(Object.keys(listing).sort())
        for (const { name, definition } of items) {
          const rewritten = POLICIES[policy]?.[listing[name] as number] === 'rewrite'
          expect(definition).toEqual({
            name,
            variant: listing[name],
            ...(rewritten ? { rewritten } : {}),
          })
        }
      }
      const isGone = ({ point }: Asked) => point === 'tool_pre_unregister'
      expect(bench.asked.filter((asked) => !isGone(asked)).map(lineOf)).toEqual(model.asked)
      const gone = bench.asked.filter(isGone).map(({ id }) => `unregister ${id.slice(2)}`)
      expect(gone.sort()).toEqual(model.gone.sort())
    }),
    { numRuns: 300 },
  ))

function say(policy: string, { point, definition, id }: Asked): unknown {
  if (point === 'tool_pre_unregister') return undefined
  const says = POLICIES[policy]?.[definition?.variant as number]
  if (says === 'break') throw new Error('broken')
  if (says === 'veto') return deny({ code: 'NO', reason: 'no' })
  if (says !== 'rewrite') return undefined
  return patch({
    entity: { server: 's', name: id.slice(2), definition: { ...definition, rewritten: true } },
  })
}
