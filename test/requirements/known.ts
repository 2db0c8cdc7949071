// Every test there is, read from the sources: what citations are compared with. Runs none of them.
import { globSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { WIRED_POINTS } from '../../src/points/table.ts'
import type { Known, TestFile } from './check.ts'
import { testNames } from './citations.ts'

const root = join(import.meta.dirname, '../..')

export function known(): Known {
  const folders = new Map<string, string>()
  const files = new Map<string, TestFile>()
  for (const path of globSync(['test/**/*.test.ts', 'plugins/**/*.test.ts'], { cwd: root })) {
    const folder = dirname(path)
    const words = folders.get(folder) ?? wordsOf(join(root, folder))
    folders.set(folder, words)
    files.set(path.replaceAll('\\', '/'), {
      tests: testNames(readFileSync(join(root, path), 'utf8')),
      words,
    })
  }
  return { files, wired: WIRED_POINTS }
}

/** What rows can be made of: the texts of the folder of a test, and the names of the files in it. */
function wordsOf(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => (name.endsWith('.ts') ? readFileSync(join(folder, name), 'utf8') : name))
    .join('\n')
}
