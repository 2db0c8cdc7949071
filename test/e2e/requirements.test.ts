// Every duty of the wire has tests that exist, or says what it waits for; how many wait is told and may only shrink.
import { describe, expect, it } from 'vitest'
import { type Known, unproven } from '../requirements/check.ts'
import { testNames } from '../requirements/citations.ts'
import { known } from '../requirements/known.ts'
import { LINES, WAITS, type WireRequirement } from './requirements/requirement.ts'
import { WIRE_REQUIREMENTS } from './requirements.ts'

/** Lower it when a requirement is closed; it never rises. */
const MOST_WAITING = 4

const ID = /^([NSMGH])(\d+)-[a-z0-9-]+$/

/** One line per mistake. */
function mistakes(requirements: readonly WireRequirement[], there: Known): string[] {
  const ids = new Set<string>()
  return requirements.flatMap(({ id, text, reference, tests, waits }) => {
    const [, letter = '', line] = ID.exec(id) ?? []
    const lines = LINES[letter as keyof typeof LINES]?.lines ?? 0
    const found = [
      ...(ids.has(id) ? ['this id is taken'] : []),
      ...(Number(line) >= 1 && Number(line) <= lines ? [] : ['is on no line of the duty list']),
      ...(text.endsWith('.') && reference !== '' ? [] : ['lacks a sentence or a reference']),
      ...(waits === undefined ? unproven(tests, there) : []),
      ...(waits !== undefined && !WAITS.includes(waits) ? ['waits for nothing that is built'] : []),
    ]
    ids.add(id)
    return found.map((what) => `${id}: ${what}`)
  })
}

describe('the duties of the wire', () => {
  const there = known()

  it('each have a reference and a test that exists, or say what they wait for', () => {
    expect(mistakes(WIRE_REQUIREMENTS, there)).toEqual([])
  })

  it('are on every line of the duty list', () => {
    const lines = Object.entries(LINES).flatMap(([letter, { lines: count }]) =>
      Array.from({ length: count }, (_, at) => `${letter}${at + 1}`),
    )
    const met = new Set(WIRE_REQUIREMENTS.map(({ id }) => id.split('-')[0]))
    expect(lines.filter((line) => !met.has(line))).toEqual([])
  })

  it('wait for no more than before', () => {
    const waiting = WIRE_REQUIREMENTS.filter(({ waits }) => waits !== undefined)
    console.log(`${waiting.length} of ${WIRE_REQUIREMENTS.length} requirements wait`)
    for (const [what, list] of Map.groupBy(waiting, ({ waits }) => waits)) {
      const ready = list.filter(({ tests }) => tests.length > 0 && !unproven(tests, there).length)
      console.log(`  ${list.length} for ${what}: ${list.map(({ id }) => id).join(', ')}`)
      if (ready.length > 0)
        console.log(`    their tests are there now: ${ready.map(({ id }) => id).join(', ')}`)
    }
    expect(waiting.length).toBeLessThanOrEqual(MOST_WAITING)
  })
})

describe('a duty', () => {
  const there: Known = {
    files: new Map([
      [
        'a.test.ts',
        { tests: testNames("it('opens', () => {})\nit.skip('shuts', () => {})"), words: '' },
      ],
    ]),
    wired: [],
  }
  const duty = (more: Partial<WireRequirement>): WireRequirement => ({
    id: 'N1-door',
    text: 'It opens.',
    reference: 'RFC 1',
    era: 'both',
    tests: ['a.test.ts > opens'],
    ...more,
  })

  it.each<[string, Partial<WireRequirement>, string]>([
    ['that no test proves', { tests: [] }, 'has no test'],
    [
      'whose test is skipped',
      { tests: ['a.test.ts > shuts'] },
      'there is no test a.test.ts > shuts',
    ],
    ['that names no line', { id: 'N9-door' }, 'is on no line of the duty list'],
    ['without a reference', { reference: '' }, 'lacks a sentence or a reference'],
    [
      'that waits for better days',
      { waits: 'better days' as never },
      'waits for nothing that is built',
    ],
  ])('%s is a mistake', (_what, more, mistake) => {
    const made = duty(more)
    expect(mistakes([made], there)).toEqual([`${made.id}: ${mistake}`])
  })

  it('with a taken id is a mistake, a good one is none', () => {
    expect(mistakes([duty({})], there)).toEqual([])
    expect(mistakes([duty({}), duty({})], there)).toEqual(['N1-door: this id is taken'])
  })

  it('that waits may name tests that are not there yet', () => {
    const made = duty({ tests: ['b.test.ts > later'], waits: 'the gateway as an OAuth client' })
    expect(mistakes([made], there)).toEqual([])
  })
})
