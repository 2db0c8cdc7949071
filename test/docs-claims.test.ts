// What every page claims exists does: links, npm scripts, commands, reasons for dependencies, the import table, configurations.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { configLoader } from '../src/app/sections.ts'
import { createProgram } from '../src/cli/program.ts'
import { ROOMS } from './architecture/table.ts'
import { fakeShell } from './cli/shell.ts'
import { root } from './support/paths.ts'

const read = (path: string): string => readFileSync(resolve(root, path), 'utf8')
const pages = globSync(['*.md', '{docs,plugins,examples,benchmarks}/**/*.md'], {
  cwd: root,
  exclude: ['**/node_modules'],
}).sort()
const texts = pages.map((path) => ({ path, text: read(path) }))
const manifest = JSON.parse(read('package.json')) as {
  scripts: Record<string, string>
  dependencies: Record<string, string>
}

const withoutCode = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '')

/** Anchors as GitHub makes them of headings. */
function anchors(text: string): Set<string> {
  const headings = withoutCode(text).matchAll(/^#{1,6} +(.*)$/gm)
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  )
}

describe('the documentation', () => {
  it('has pages to check', () => {
    expect(pages).toEqual(expect.arrayContaining(['CONTRIBUTING.md', 'docs/architecture.md']))
  })

  it.each(texts)('$path links to what is there', ({ path, text }) => {
    const broken: string[] = []
    for (const [, link = ''] of withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?|mailto):/.test(link)) continue
      const [file = '', anchor] = link.split('#')
      const target = resolve(root, file === '' ? path : resolve(root, dirname(path), file))
      if (!existsSync(target)) broken.push(link)
      else if (anchor && !anchors(readFileSync(target, 'utf8')).has(anchor)) broken.push(link)
    }
    expect(broken).toEqual([])
  })

  it.each(texts)('$path names npm scripts that exist', ({ text }) => {
    const names = [...text.matchAll(/npm run (?:--\S+ )*([\w:-]+)/g)].map(([, name = '']) => name)
    expect(names.filter((name) => !(name in manifest.scripts))).toEqual([])
  })

  it.each(texts)('$path names files in folders that exist', ({ text }) => {
    const paths = [...text.matchAll(/`((?:src|test|plugins|scripts|docs)\/[\w./-]+)`/g)]
    const missing = paths
      .map(([, path = '']) => path)
      .filter((path) => !existsSync(resolve(root, path)))
    expect(missing).toEqual([])
  })

  // a fence that says more than its language is carried out by docs.test.ts
  it.each(texts)('$path shows configurations that load', async ({ path, text }) => {
    for (const [, yaml = ''] of text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)) {
      if (!yaml.startsWith('version: 1')) continue
      const names = [...yaml.matchAll(/\$\{env:(\w+)/g)].map(([, name = '']) => name)
      const env = Object.fromEntries(names.map((name) => [name, 'x']))
      const loading = configLoader().parse(yaml, { file: resolve(root, path), env })
      await expect(loading).resolves.toBeDefined()
    }
  })

  it('shows the import table that the architecture test enforces', () => {
    const [, rules = ''] = read('docs/architecture.md').split('## Who may import whom')
    const rows = [...rules.matchAll(/^\| `([\w.]+)` \| (.*?) ?\|$/gm)]
    const places = (text: string) =>
      text === 'everything' ? text : [...text.matchAll(/`([^`]+)`/g)].map(([, place]) => place)
    const shown = rows.map(([, room, text = '']) => [room, places(text)])
    expect(shown).toEqual(Object.entries(ROOMS).map(([name, { imports }]) => [name, imports]))
  })

  it('gives a reason for every runtime dependency and for nothing else', () => {
    const rows = [...read('docs/adr/0002-runtime-dependencies.md').matchAll(/^\| (`[^|]*`) \|/gm)]
    const reasons = rows.flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    )
    const known = Object.keys(manifest.dependencies)
    expect(reasons.sort()).toEqual(known.sort())
  })

  it('names no command that the program does not have', () => {
    const known = commandNames(createProgram(fakeShell(), { exit: 0 }))
    const named = texts.flatMap(({ text }) =>
      [...text.matchAll(/(?:npx |`)portcullis ([a-z]+)/g)].map(([, name = '']) => name),
    )
    expect([...new Set(named)].filter((name) => !known.includes(name))).toEqual([])
  })
})

function commandNames(parent: Command): string[] {
  return parent.commands.flatMap((command) => [command.name(), ...commandNames(command)])
}
