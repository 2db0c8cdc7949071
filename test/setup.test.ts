// The set-up guard in a checkout of its own, with an npm that only notes how it was called.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { node, root } from './support/paths.ts'
import { runProcess } from './support/process.ts'

const lock = (version: string) =>
  JSON.stringify({
    packages: {
      '': { version: '0.1.0' },
      'node_modules/yaml': { version, integrity: `sha512-${version}` },
      'node_modules/other-platform': { version: '1.0.0', integrity: 'sha512-x', optional: true },
    },
  })

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-setup-'))
  mkdirSync(join(folder, 'scripts'))
  mkdirSync(join(folder, 'bin'))
  copyFileSync(join(root, 'scripts/setup.js'), join(folder, 'scripts/setup.js'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  writeFileSync(join(folder, 'package-lock.json'), lock('1.0.0'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** An npm that installs what the lock says, as far as the guard can see. */
function fakeNpm(script: string) {
  const file = join(folder, 'bin/npm')
  writeFileSync(file, `#!/bin/sh\necho "$@" >> "${folder}/calls"\n${script}\n`)
  chmodSync(file, 0o755)
}
const installs = `mkdir -p "$PWD/node_modules/node/bin"
: > "$PWD/node_modules/node/bin/node"
cp "$PWD/package-lock.json" "$PWD/node_modules/.package-lock.json"`
const without =
  'cp package-lock.json wanted; sed "s/other-platform/not-installed/" wanted > node_modules/.package-lock.json'

const run = (...flags: string[]) =>
  runProcess(node, [...flags, join(folder, 'scripts/setup.js')], {
    env: { PATH: `${folder}/bin:/usr/bin:/bin` },
  })
const calls = () =>
  existsSync(join(folder, 'calls'))
    ? readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n')
    : []

describe('the set-up guard', () => {
  it('installs once, says so in two lines, and keeps standard output free', async () => {
    fakeNpm(installs)
    const first = await run()
    expect(first.code).toBe(0)
    expect(first.stdout).toBe('')
    expect(first.stderr).toMatch(
      /^setup: node_modules is missing: running npm ci once, about half a minute\nsetup: installed in \d+ s\n$/,
    )
    expect((await run()).stderr).toBe('')
    expect(calls()).toEqual(['ci --include=dev'])
  })

  it('installs again when the lock has another version than what is there', async () => {
    fakeNpm(installs)
    await run()
    writeFileSync(join(folder, 'package-lock.json'), lock('2.0.0'))
    expect((await run()).stderr).toContain('package-lock.json changed (yaml)')
    expect((await run()).stderr).toBe('')
    expect(calls()).toHaveLength(2)
  })

  it('does not miss packages of other platforms', async () => {
    fakeNpm(`${installs}\n${without}`)
    await run()
    expect((await run()).stderr).toBe('')
    expect(calls()).toHaveLength(1)
  })

  it('counts an interrupted installation as none', async () => {
    mkdirSync(join(folder, 'node_modules/yaml'), { recursive: true })
    fakeNpm(installs)
    await run()
    expect(calls()).toHaveLength(1)
  })

  it('says in one line what is wrong when npm left the pinned Node without its binary', async () => {
    fakeNpm(`${installs}\nrm node_modules/node/bin/node`)
    const old =
      "Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.20.2'}})"
    const { code, stderr } = await run(
      '--import',
      `data:text/javascript,${encodeURIComponent(old)}`,
    )
    expect(code).toBe(1)
    expect(stderr.trim().split('\n').at(-1)).toBe(
      'setup: the pinned Node has no binary because install scripts are off and this machine has Node 20.20.2; run: npm rebuild node --ignore-scripts=false',
    )
  })

  it('fails when npm fails', async () => {
    fakeNpm('exit 3')
    const { code, stderr } = await run()
    expect(code).toBe(1)
    expect(stderr).toContain('setup: npm ci failed (exit 3); see its output above')
  })
})

it('every npm script that needs packages is guarded', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const names = Object.keys(scripts).filter((name) => !name.startsWith('pre'))
  expect(names).toContain('start')
  for (const name of names) expect(scripts[`pre${name}`]).toBe('node scripts/setup.js')
})
