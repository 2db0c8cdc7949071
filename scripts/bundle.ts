// Joins the compiled files of src into few, because a start spends more time on finding files than on running them; types stay as they are.
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ChunkingContext, rolldown } from 'rolldown'

const root = fileURLToPath(new URL('../', import.meta.url))
const compiled = join(root, 'dist/src')

/** What is found by name from outside: the exports of package.json, the command, the process that the demo starts, and the threads of store and attestation. */
const ENTRIES = [
  'index',
  'plugin',
  'testing',
  'cli/main',
  'cli/demo/server',
  'store/sqlite-worker',
  'store/sql/sqlite-statements',
  'store/audit/postgres-worker',
  'attest/appraisal/worker',
]

/**
 * One file for whoever writes plugins, one for everything else that a start needs; what only a command needs is split off by
 * itself. All lie as deep as src/base, which src/base/place.ts relies on.
 */
const SHARED = [
  { name: 'plugin', from: 'plugin.js' },
  { name: 'gateway', from: 'app.js' },
]

/**
 * Packages that every start needs, joined too: 84 files, a sixth of a start. They stay in package.json under the very version
 * that is joined, so that whoever audits that sees what runs. All others stay where npm put them.
 */
const JOINED = ['commander', 'eventsource-parser', 'lru-cache', 'p-timeout', 'yaml']

const closures = new Map<string, ReadonlySet<string>>()

/** Everything that is loaded with a module, itself included. */
function closureOf(from: string, modules: ChunkingContext): ReadonlySet<string> {
  const known = closures.get(from)
  if (known) return known
  const reached = new Set([join(compiled, from)])
  for (const id of reached)
    for (const next of modules.getModuleInfo(id)?.importedIds ?? []) reached.add(next)
  closures.set(from, reached)
  return reached
}

const bundle = await rolldown({
  input: Object.fromEntries(ENTRIES.map((name) => [name, join(compiled, `${name}.js`)])),
  platform: 'node',
  external: (id) => !/^[./]/.test(id) && !JOINED.includes(id),
})
const { output } = await bundle.generate({
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: 'shared/[name].js',
  codeSplitting: {
    groups: SHARED.map(({ name, from }, index) => ({
      name: (id, modules) => (closureOf(from, modules).has(id) ? name : null),
      priority: SHARED.length - index,
    })),
  },
})
await bundle.close()

const chunks = output.filter((file) => file.type === 'chunk')
for (const path of globSync('**/*.js', { cwd: compiled })) rmSync(join(compiled, path))
for (const { fileName, code } of chunks) {
  const path = join(compiled, fileName)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, code)
}
const packages = chunks.flatMap(({ moduleIds }) => moduleIds.flatMap((id) => packageOf(id) ?? []))
writeFileSync(join(root, 'dist/LICENSES.txt'), licensesOf([...new Set(packages)].sort()))

function packageOf(id: string): string | undefined {
  return /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1]
}

/** What the licenses of joined packages ask for: their text goes with the copy. */
function licensesOf(names: readonly string[]): string {
  const texts = names.map((name) => {
    const folder = join(root, 'node_modules', name)
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const [file] = globSync('{LICENSE,LICENCE,license}*', { cwd: folder })
    if (file === undefined) throw new Error(`${name} brings no license`)
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
  })
  return `dist contains code of these packages.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`
}
