// The house rules of docs/architecture.md, checked on every file of src and plugins; and checked that they can fail.
import { globSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { violations } from './architecture/check.ts'
import { scan } from './architecture/scan.ts'
import { MANY_LINES } from './architecture/table.ts'

const root = new URL('..', import.meta.url)
const sources = globSync(['src/**/*.ts', 'plugins/*/**/*.ts'], { cwd: root })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => !path.endsWith('.test.ts'))
  .sort()
  .map((path) => scan(path, readFileSync(new URL(path, root), 'utf8')))

const FIRST = '// Says in one sentence what the file is there to do.\n'
const found = (path: string, code: string, ...more: [string, string][]): string[] =>
  violations([[path, code], ...more].map(([at = '', text = '']) => scan(at, `${FIRST}${text}\n`)))

describe('the architecture', () => {
  it('has no import, name or size outside the rules', () => {
    expect(sources.length).toBeGreaterThan(50)
    expect(violations(sources)).toEqual([])
  })

  it('keeps files short: the median is at most 150 lines and the 95th percentile at most 400', () => {
    const sizes = sources.map(({ lines }) => lines).sort((a, b) => a - b)
    const at = (share: number): number => sizes[Math.floor(share * (sizes.length - 1))] ?? 0
    console.log(`${sizes.length} files, median ${at(0.5)} lines, 95th percentile ${at(0.95)}`)
    for (const { path, lines } of sources)
      if (lines > MANY_LINES) console.log(`  ${lines} lines: ${path}`)
    expect(at(0.5)).toBeLessThanOrEqual(150)
    expect(at(0.95)).toBeLessThanOrEqual(400)
  })
})

describe('the architecture check', () => {
  it('refuses a value that crosses between rooms outside the table', () => {
    expect(found('src/wire/sse.ts', "import { run } from '../engine/run.ts'")).toEqual([
      'src/wire/sse.ts:2: wire may not import values of src/engine/run.ts',
    ])
  })

  it('lets a type cross where the value may not', () => {
    expect(found('src/wire/sse.ts', "import type { Run } from '../engine/run.ts'")).toEqual([])
  })

  it('counts an import of inline types as one of values, because it loads the module', () => {
    expect(found('src/wire/sse.ts', "import { type Run } from '../engine/run.ts'")).toEqual([
      'src/wire/sse.ts:2: wire may not import values of src/engine/run.ts',
    ])
  })

  it('sees values that are re-exported or imported when needed', () => {
    expect(
      found(
        'src/host/status.ts',
        "export * from '../gateway/session.ts'\nconst later = () => import('../admin/server.ts')",
      ),
    ).toEqual([
      'src/host/status.ts:2: host may not import values of src/gateway/session.ts',
      'src/host/status.ts:3: host may not import values of src/admin/server.ts',
    ])
  })

  it('sees what is required when needed', () => {
    expect(
      found(
        'src/base/a.ts',
        "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)\nexport const later = () => require('re2js')",
      ),
    ).toEqual(['src/base/a.ts:4: base may not import the package re2js'])
    expect(found('src/engine/a.ts', "const fs = process.getBuiltinModule('node:fs')")).toEqual([
      'src/engine/a.ts:2: engine may not import node:fs',
    ])
  })

  it('gives the command line the pure parts of config only', () => {
    expect(
      found(
        'src/cli/main.ts',
        "import { importConfig } from '../config/import/import.ts'\nimport { createLoader } from '../config/load.ts'",
      ),
    ).toEqual(['src/cli/main.ts:3: cli may not import values of src/config/load.ts'])
  })

  it('keeps Node and packages out of the engine', () => {
    expect(
      found('src/engine/run.ts', "import { a } from 'node:fs'\nimport pTimeout from 'p-timeout'"),
    ).toEqual([
      'src/engine/run.ts:2: engine may not import node:fs',
      'src/engine/run.ts:3: engine may not import the package p-timeout',
    ])
  })

  it('keeps each package in its room, and express a type', () => {
    expect(found('src/gateway/http.ts', "import type { Handler } from 'express'")).toEqual([])
    expect(found('src/gateway/http.ts', "import express from 'express'")).toEqual([
      'src/gateway/http.ts:2: gateway may not import the package express',
    ])
    expect(found('src/host/run.ts', "import { DatabaseSync } from 'node:sqlite'")).toEqual([
      'src/host/run.ts:2: host may not import the package node:sqlite',
    ])
  })

  it('refuses a package that nobody gave a room', () => {
    expect(found('src/gateway/session.ts', "import _ from '@lodash/fp/map'")).toEqual([
      'src/gateway/session.ts:2: the package @lodash/fp has no room in the table',
    ])
  })

  it('refuses built-in modules without the node: prefix', () => {
    expect(found('src/host/files.ts', "import fs from 'fs'")).toEqual([
      'src/host/files.ts:2: write node:fs',
    ])
  })

  it('lets a plugin import portcullis/plugin and its own files, nothing else, not even types', () => {
    const code = [
      "import { deny } from 'portcullis/plugin'",
      "import { rules } from './rules.ts'",
      "import type { Engine } from '../../src/engine/engine.ts'",
      "import { other } from '../other/index.ts'",
      "import { readFileSync } from 'node:fs'",
    ].join('\n')
    const door = 'a plugin may import portcullis/plugin and its own files, not'
    expect(found('plugins/mine/index.ts', code)).toEqual([
      `plugins/mine/index.ts:4: ${door} ../../src/engine/engine.ts`,
      `plugins/mine/index.ts:5: ${door} ../other/index.ts`,
      `plugins/mine/index.ts:6: ${door} node:fs`,
    ])
  })

  it('lets a plugin compute with Node, and not act with it', () => {
    expect(found('plugins/mine/index.ts', "import { createHash } from 'node:crypto'")).toEqual([])
    expect(found('plugins/mine/index.ts', "import { isIP } from 'node:net'")).toEqual([])
    const door =
      'plugins/mine/index.ts:2: a plugin may import portcullis/plugin and its own files, not'
    for (const names of ['{ isIP, connect }', '* as net', 'net'])
      expect(found('plugins/mine/index.ts', `import ${names} from 'node:net'`)).toEqual([
        `${door} node:net`,
      ])
  })

  it('keeps src from importing a plugin', () => {
    expect(found('src/app.ts', "import rules from '../plugins/rules/index.ts'")).toEqual([
      'src/app.ts:2: src may not import plugins/rules/index.ts',
    ])
  })

  it('reports a cycle of values, and none where a type closes it', () => {
    const b: [string, string] = ['src/base/b.ts', "import { a } from './a.ts'"]
    expect(found('src/base/a.ts', "import { b } from './b.ts'", b)).toEqual([
      'a cycle of values: src/base/a.ts -> src/base/b.ts -> src/base/a.ts',
    ])
    expect(found('src/base/a.ts', "import type { B } from './b.ts'", b)).toEqual([])
  })

  it('wants one sentence at the top of every file', () => {
    expect(violations([scan('src/base/a.ts', 'export const a = 1\n')])).toEqual([
      'src/base/a.ts:1: the first line is not a comment of one sentence',
    ])
  })

  it('refuses a file of more than 500 lines', () => {
    expect(found('src/base/a.ts', 'const a = 1\n'.repeat(500))).toEqual([
      'src/base/a.ts: 502 lines are more than 500',
    ])
  })

  it('refuses names that say nothing, folders that are too deep and rooms that are in no table', () => {
    expect(found('src/gateway/utils/a.ts', '')).toEqual([
      'src/gateway/utils/a.ts: the name "utils" says nothing',
    ])
    expect(found('src/gateway/helpers.ts', '')).toEqual([
      'src/gateway/helpers.ts: the name "helpers" says nothing',
    ])
    expect(found('src/gateway/a/b/c.ts', '')).toEqual([
      'src/gateway/a/b/c.ts: more than 2 levels below src',
    ])
    expect(found('src/attic/a.ts', '')).toEqual([
      'src/attic/a.ts: the room has no row in the table',
    ])
  })

  it('refuses a default export in src', () => {
    expect(found('src/base/a.ts', 'export default 1')).toEqual(['src/base/a.ts: a default export'])
  })
})
