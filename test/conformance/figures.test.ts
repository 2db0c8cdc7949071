// The judge of figures lets nothing through that it was not told of, and keeps no reason that is out of date.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { type Figure, type Figures, stand } from './figures.ts'
import type { Check } from './suite.ts'

const check = (name: string, status: Check['status'], errorMessage?: string): Check => ({
  id: name,
  name,
  status,
  ...(errorMessage !== undefined && { errorMessage }),
})
const results = new Map([
  ['ping', [check('Ping', 'SUCCESS')]],
  ['tasks-get', [check('Get', 'SUCCESS'), check('Wait', 'FAILURE', 'no task')]],
])
const figure: Figure = { passed: 2, goal: 3, failing: { 'tasks-*': 'no tasks in this revision' } }

it('a run that passes enough and names what fails is good', () => {
  expect(stand(figure, results)).toEqual({
    passed: 2,
    failed: ['tasks-get > Wait: no task'],
    unnamed: [],
    faults: [],
  })
})

it('too few passed is a fault', () => {
  expect(stand({ ...figure, passed: 3 }, results).faults).toEqual(['2 passed, at least 3 must'])
})

it('a check that fails without a reason is a fault, unless the run waits for something', () => {
  const bare = { ...figure, failing: {} }
  expect(stand(bare, results).faults).toEqual(['fails without a reason: tasks-get > Wait: no task'])
  expect(stand({ ...bare, waits: 'tasks' }, results)).toMatchObject({
    unnamed: ['tasks-get > Wait: no task'],
    faults: [],
  })
})

it('a reason for what does not fail is a fault, waiting or not', () => {
  const failing = { 'tasks-get > Wait': 'no tasks', 'ping > Ping': 'no ping', 'tasks-get > W': '' }
  expect(stand({ ...figure, failing, waits: 'tasks' }, results).faults).toEqual([
    'has a reason, but does not fail: ping > Ping',
    'has a reason, but does not fail: tasks-get > W',
  ])
})

it('the checked-in figures have the runs there are, and a reason in full for each name', () => {
  const text = readFileSync(new URL('figures.json', import.meta.url), 'utf8')
  const figures = JSON.parse(text) as Figures
  expect(Object.keys(figures)).toEqual([
    'gateway 2025-11-25',
    'gateway 2026-07-28',
    'modern over legacy',
    'legacy over modern',
    'client',
  ])
  for (const { passed, goal, failing, waits } of Object.values(figures)) {
    // what has not reached its goal says what it waits for
    if (passed < goal) expect(waits).toBeDefined()
    if (waits !== undefined) expect(waits.length).toBeGreaterThan(20)
    for (const reason of Object.values(failing)) expect(reason.length).toBeGreaterThan(20)
  }
})
