// Runs every story in examples/ as a person would: its own script decides whether it holds.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inspectGateway } from '../src/app/inspect/inspect.ts'
import { fencesOf } from './docs/page.ts'
import { node, nodeFlags, root } from './support/paths.ts'
import { runProcess } from './support/process.ts'

const folder = join(root, 'examples')
const stories = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

test('there are six stories, and the index names them all', () => {
  expect(stories).toEqual([
    'attested-server',
    'custom-plugin',
    'express-mount',
    'local-client',
    'observe-first',
    'protect-files',
  ])
  const index = readFileSync(join(folder, 'README.md'), 'utf8')
  for (const story of stories) expect(index).toContain(`(${story}/)`)
})

describe.each(stories)('the story %s', (story) => {
  test('ends as its script says', async ({ skip }) => {
    const { code, stdout, stderr } = await runProcess(
      node,
      [...nodeFlags, join(folder, story, 'run.ts')],
      { cwd: root, timeout: 60_000 },
    )
    expect(code, stdout + stderr).toBe(0)
    expect(stderr).toBe('')
    if (stdout.startsWith('skipped: ')) return skip(stdout.trim())
    const page = readFileSync(join(folder, story, 'README.md'), 'utf8')
    expect(fencesOf(page).find(({ language }) => language === 'text')?.text).toBe(stdout)
  }, 70_000)

  test('has a configuration without warnings', async () => {
    const inspection = await inspectGateway({ configFile: join(folder, story, 'gateway.yaml') })
    await inspection.close()
    expect(inspection.warnings).toEqual([])
  })

  test('says what it is, how to run it and what it shows', () => {
    const page = readFileSync(join(folder, story, 'README.md'), 'utf8')
    expect(page).toContain(`examples/${story}/run.ts`)
    for (const [, file = ''] of page.matchAll(/\]\((?!\.\.\/|http)([^)#]+)\)/g))
      expect(existsSync(join(folder, story, file)), file).toBe(true)
  })
})

test.each(['gateway.yaml', 'profile observe'])('the default, %s, has no warnings', async (name) => {
  const profile = name.startsWith('profile ') ? name.slice('profile '.length) : undefined
  const configFile = join(root, 'config/gateway.yaml')
  const inspection = await inspectGateway({ configFile, profile })
  await inspection.close()
  expect(inspection.warnings).toEqual([])
  expect(inspection.entries.filter(({ state }) => state !== 'loaded')).toEqual([])
})
