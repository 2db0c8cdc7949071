// Every sentence of the contract has a test or says what it waits for; and a table that cheats is found out.
import { describe, expect, it } from 'vitest'
import { type Known, mistakes } from './check.ts'
import { testNames } from './citations.ts'
import { renderPipeline } from './document.ts'
import { known } from './known.ts'
import { type Requirement, section, sectionNumber } from './requirement.ts'
import { REQUIREMENTS } from './table.ts'

describe('the table of requirements', () => {
  it('has a test for every sentence, or what it waits for', () => {
    expect(mistakes(REQUIREMENTS, known())).toEqual([])
  })

  it('covers sections 1 to 11', () => {
    const sections = new Set(REQUIREMENTS.map(({ section: title }) => sectionNumber(title)))
    expect([...sections]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect(REQUIREMENTS.length).toBeGreaterThan(150)
  })
})

const SOURCE = `
describe('a door', () => {
  it('opens', () => {})
  it.skip('closes', () => {})
  it.each([['oak'], ['ash']])('is made of %s', () => {})
  for (const colour of ['red', 'blue']) it(\`is painted \${colour} twice\`, () => {})
  describe.skip('at night', () => { it('is locked', () => {}) })
})
describe.each(['left', 'right'])('on the %s', () => {
  test('it creaks', () => {})
  // it('is in a comment', () => {})
  const text = "it('is in a text', () => {})"
})
it.todo('falls')
`
const door: Known = {
  files: new Map([['door.test.ts', { tests: testNames(SOURCE), words: SOURCE }]]),
  wired: ['tool_pre_invoke', 'cache_pre_put'],
}
const cites = (...tests: string[]): readonly Requirement[] =>
  section('4 Doors', [
    { id: 'H4-door', says: 'A door.', tests: tests.map((name) => `door.test.ts > ${name}`) },
  ])

describe('a citation', () => {
  it.each([
    'a door > opens',
    'a door > is made of ash',
    'a door > is made of %s',
    'a door > is painted blue twice',
    'on the left > it creaks',
  ])('of a test that runs is accepted: %s', (name) => {
    expect(mistakes(cites(name), door)).toEqual([])
  })

  it.each([
    ['that nobody wrote', 'a door > shuts'],
    ['outside its block', 'opens'],
    ['of a block', 'a door'],
    ['that is skipped', 'a door > closes'],
    ['in a skipped block', 'a door > at night > is locked'],
    ['that is to do', 'falls'],
    ['of a row that is not there', 'a door > is made of birch'],
    ['of a text that is not there', 'a door > is painted green twice'],
    ['in a comment', 'on the left > is in a comment'],
    ['in a text', 'on the left > is in a text'],
  ])('of a test %s is a mistake', (_what, name) => {
    expect(mistakes(cites(name), door)).toEqual([
      `H4-door: there is no test door.test.ts > ${name}`,
    ])
  })

  it('of a file that is not there is a mistake', () => {
    const [requirement] = section('4 Doors', [
      { id: 'H4-door', says: 'A door.', tests: ['window.test.ts > opens'] },
    ])
    expect(mistakes([requirement as Requirement], door)).toEqual([
      'H4-door: there is no window.test.ts',
    ])
  })
})

describe('a requirement', () => {
  it('without a test is a mistake', () => {
    expect(mistakes(cites(), door)).toEqual(['H4-door: has no test'])
  })

  it('that waits for what fires already is a mistake', () => {
    const waiting = section('4 Doors', [
      { id: 'H4-key', says: 'A key.', later: 'elicitation' },
      { id: 'H4-cache', says: 'A cache.', later: 'the result cache' },
    ])
    expect(mistakes(waiting, door)).toEqual([
      'H4-cache: waits for the result cache, but cache_pre_put fires',
    ])
  })

  it('that waits for no feature, for nothing, or although it has tests, is a mistake', () => {
    const wrong = [
      { id: 'H4-a', section: '4 Doors', says: 'A.', later: 'better days' },
      { id: 'H4-b', section: '4 Doors', says: 'B.' },
      {
        id: 'H4-c',
        section: '4 Doors',
        says: 'C.',
        later: 'roots',
        tests: ['door.test.ts > a door > opens'],
      },
    ] as unknown as readonly Requirement[]
    expect(mistakes(wrong, door)).toEqual([
      'H4-a: waits for better days, which is no feature',
      'H4-b: has either tests or later',
      'H4-c: has either tests or later',
    ])
  })

  it('with a taken id or one of another section is a mistake', () => {
    const [one] = cites('a door > opens')
    expect(mistakes([one, one, { ...one, id: 'H5-door' }] as readonly Requirement[], door)).toEqual(
      ['H4-door: this id is taken', 'H5-door: is not in section 4 Doors'],
    )
  })
})

it('the page of the pipeline has every sentence under its section, with its files or what it waits for', () => {
  const page = renderPipeline([
    ...cites('a door > opens', 'on the left > it creaks'),
    ...section('5 Keys', [{ id: 'H5-key', says: 'A key.', later: 'roots' }]),
  ])
  expect(page.slice(page.indexOf('## '))).toBe(
    '## 4. Doors\n\n* A door. ([door](../door.test.ts))\n\n## 5. Keys\n\nNot wired yet:\n\n* A key. Waits for roots.\n',
  )
})
