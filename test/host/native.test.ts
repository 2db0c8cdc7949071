// The loader as Node runs it, without the test runner between: folders anywhere, one copy of the verdicts, reload on change.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { temporaryDirectory } from '../support/directory.ts'
import { manifest } from './support.ts'

it('a plugin from any folder gets our verdicts, and is evaluated again only when one of its files changed', async () => {
  await using folder = await temporaryDirectory({
    'own/plugin.yaml': manifest('own', 'tool_pre_invoke'),
    'own/lib/word.ts': "export const word: string = 'first'\n",
    'own/index.ts': `import { definePlugin, deny } from 'portcullis/plugin'
import { word } from './lib/word.ts'
let loads = 0
export default definePlugin({
  id: 'own',
  setup: () => ({ hooks: { tool_pre_invoke: () => deny({ code: 'OWN', reason: word + ' ' + ++loads }) } }),
})
`,
  })
  const script = join(import.meta.dirname, '../fixtures/host/outside.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [script, folder.path], {
    timeout: 15_000,
  })
  expect(JSON.parse(stdout)).toEqual(['first 1', 'first 2', 'changed 1'])
})
