// The comparison tells equal from unequal runs and never takes silence for equality.
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { compare, directFaults, type Expectation } from './compare.ts'
import { type Check, revisions, type Status } from './suite.ts'

const check = (name: string, status: Status, errorMessage?: string): Check => ({
  id: name.toLowerCase(),
  name,
  status,
  ...(errorMessage !== undefined && { errorMessage }),
})

const expectation: Expectation = {
  direct: { passed: 2, failed: 0 },
  wired: ['tools-list'],
  except: { 'tools-list': { Stream: { status: 'SKIPPED', why: 'no streams yet' } } },
  left_out: { sampling: 'no points yet' },
}

const both = [check('List', 'SUCCESS'), check('Stream', 'SUCCESS')]

test('equal checks are equal', () => {
  const results = new Map([['tools-list', both]])
  expect(compare(expectation, results, results)).toEqual([
    {
      scenario: 'tools-list',
      verdict: 'equal',
      direct: { passed: 2, failed: 0 },
      gateway: { passed: 2, failed: 0 },
      differences: [],
    },
  ])
})

test('a check that fails behind the gateway differs and says why', () => {
  const behind = [check('List', 'FAILURE', 'no tools'), check('Stream', 'SUCCESS')]
  const [row] = compare(
    expectation,
    new Map([['tools-list', both]]),
    new Map([['tools-list', behind]]),
  )
  expect(row?.verdict).toBe('differs')
  expect(row?.differences).toEqual([
    'List (list): SUCCESS directly, FAILURE behind the gateway: no tools',
  ])
})

test('an exception allows the one status it names and no other', () => {
  const verdict = (status: Status) => {
    const behind = [check('List', 'SUCCESS'), check('Stream', status)]
    const direct = new Map([['tools-list', both]])
    return compare(expectation, direct, new Map([['tools-list', behind]]))[0]?.verdict
  }
  expect(verdict('SKIPPED')).toBe('excepted')
  expect(verdict('FAILURE')).toBe('differs')
})

test('a check that is absent behind the gateway differs', () => {
  const [row] = compare(
    expectation,
    new Map([['tools-list', both]]),
    new Map([['tools-list', [check('List', 'SUCCESS')]]]),
  )
  expect(row?.verdict).toBe('differs')
})

test('a wired scenario that neither run made differs', () => {
  expect(compare(expectation, new Map(), new Map())[0]?.verdict).toBe('differs')
})

test('a repeated check is compared one by one', () => {
  const repeated = [check('Meta', 'SUCCESS'), check('Meta', 'SUCCESS'), check('Meta', 'SUCCESS')]
  const behind = [check('Meta', 'SUCCESS'), check('Meta', 'FAILURE'), check('Meta', 'SUCCESS')]
  const [row] = compare(
    expectation,
    new Map([['tools-list', repeated]]),
    new Map([['tools-list', behind]]),
  )
  expect(row?.differences).toEqual(['Meta (meta) #2: SUCCESS directly, FAILURE behind the gateway'])
})

test('a scenario on no list is unlisted, one left out stays so even when equal', () => {
  const results = new Map([
    ['tools-list', both],
    ['sampling', both],
    ['new-one', both],
  ])
  const verdicts = compare(expectation, results, results).map(({ verdict }) => verdict)
  expect(verdicts).toEqual(['equal', 'left out', 'unlisted'])
})

test('the fixture alone must reach the floor, run what is wired and run nothing unlisted', () => {
  const results = new Map([
    ['new-one', [check('A', 'SUCCESS')]],
    ['tools-list', [check('List', 'FAILURE', 'no tools')]],
  ])
  expect(directFaults(expectation, results)).toEqual([
    '1 passed and 1 failed, expected 2 and 0',
    'tools-list: List: no tools',
    'new-one: neither wired nor left out',
  ])
  expect(directFaults(expectation, new Map([['tools-list', both]]))).toEqual([])
})

test('the checked-in list gives a reason for everything it leaves out and lists nothing twice', async () => {
  const text = await readFile(new URL('wired.json', import.meta.url), 'utf8')
  const list = JSON.parse(text) as Record<string, Expectation>
  expect(Object.keys(list)).toEqual([...revisions])
  for (const { wired, except, left_out } of Object.values(list)) {
    expect(new Set(wired).size).toBe(wired.length)
    expect(wired.filter((scenario) => scenario in left_out)).toEqual([])
    expect(Object.keys(except).filter((scenario) => !wired.includes(scenario))).toEqual([])
    const reasons = Object.values(except).flatMap((checks) => Object.values(checks))
    for (const why of [...Object.values(left_out), ...reasons.map((reason) => reason.why)]) {
      expect(why.length).toBeGreaterThan(20)
    }
  }
})
