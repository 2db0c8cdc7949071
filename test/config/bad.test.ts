// Every wrong file under bad/ is refused with exactly the problems written beside it, in file order.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { configLoader } from '../../src/app/sections.ts'
import { formatProblem, problemsOf } from '../../src/config/problem.ts'

const folder = join(import.meta.dirname, 'bad')
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.slice(0, -'.yaml'.length))
const loader = configLoader()
const env = { PORTCULLIS_TEST_WORD: 'hunter2', PORTCULLIS_TEST_LIST: '[{name: a, command: b}]' }

async function problemsIn(name: string): Promise<string[]> {
  const error = await loader.load({ file: join(folder, `${name}.yaml`), env }).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return problemsOf(error).map((problem) =>
    formatProblem(problem, { cwd: folder }).replaceAll(folder, '.'),
  )
}

describe('a wrong configuration file', () => {
  it('has an example for at least forty kinds of mistake', () => {
    expect(names.length).toBeGreaterThanOrEqual(40)
  })

  for (const name of names)
    it(`is refused with its place and message: ${name}`, async () => {
      const expected = readFileSync(join(folder, `${name}.txt`), 'utf8')
        .trimEnd()
        .split('\n')
      expect(await problemsIn(name)).toEqual(expected)
    })
})
