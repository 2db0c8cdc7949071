// The written coverage matrix is the one that is carried out, and it leaves out nothing.
import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { POINTS } from '../../../src/points/table.ts'
import { root } from '../../support/paths.ts'
import { adminRows } from './admin-rules.ts'
import { COUNTED, countOf, expected, reasonOf, SYSTEM_CELLS } from './expected.ts'
import { OPERATIONS } from './operations.ts'
import { coverageReference } from './render.ts'
import { operationsOn, SURFACES } from './surfaces.ts'

const CELLS = [
  ...SURFACES.flatMap((surface) =>
    operationsOn(surface, OPERATIONS).map((operation) => expected(operation, surface)),
  ),
  ...Object.values(SYSTEM_CELLS),
  ...adminRows().map(({ cell }) => cell),
]

it('docs/coverage-matrix.md is current', async () => {
  expect(await readFile(`${root}/docs/coverage-matrix.md`, 'utf8')).toBe(coverageReference())
})

it('every wired point fires in at least one cell', () => {
  const silent = COUNTED.filter((point) => !CELLS.some((cell) => countOf(cell, point) > 0))
  expect(silent).toEqual([])
})

it('every zero has a sentence of the contract', () => {
  for (const cell of CELLS)
    for (const point of COUNTED)
      if (countOf(cell, point) === 0) expect(reasonOf(cell, point)).toMatch(/^section \d: ./)
})

it('the matrix counts every point that says it is wired', () => {
  const wired = Object.entries(POINTS).filter(([, { wired }]) => wired === true)
  expect(COUNTED).toEqual(wired.map(([name]) => name))
})
