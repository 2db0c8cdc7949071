// Generated files are what their tables say: a stale one is named.
import { expect, it } from 'vitest'
import { GENERATED, generate } from '../scripts/generate.ts'

const root = new URL('..', import.meta.url)

it('every generated file is current; otherwise run npm run generate', async () => {
  expect(GENERATED.length).toBeGreaterThan(0)
  expect(await generate({ root, check: true })).toEqual([])
})

it('a file that is not there counts as not current', async () => {
  const empty = new URL('architecture/', import.meta.url)
  expect(await generate({ root: empty, check: true })).toEqual(GENERATED.map(({ path }) => path))
})
