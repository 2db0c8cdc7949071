#!/usr/bin/env node
// The command `portcullis`: refuses a Node that is too old in one line, then hands over to src/cli. Plain JavaScript, so that an old Node can read it.
import { existsSync } from 'node:fs'
import * as module from 'node:module'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

// engines in package.json: >=24.15 <25 || >=26
if (major >= 26 || (major === 24 && minor >= 15)) {
  module.enableCompileCache?.()
  await import(entry().href)
} else {
  process.stderr.write(
    `portcullis needs Node 24.15 or 26 and later, this is ${process.versions.node}; in a checkout use npm start, which brings its own\n`,
  )
  process.exitCode = 2
}

// a checkout that was built once keeps running its sources under npm, never a build that has gone stale
function entry() {
  const built = new URL('../dist/src/cli/main.js', import.meta.url)
  const source = new URL('../src/cli/main.ts', import.meta.url)
  return process.execArgv.includes('--conditions=portcullis-source') || !existsSync(built)
    ? source
    : built
}
