// The part of a build that is no TypeScript: manifests and schemas of the built-in plugins, copied beside their compiled code.
import { copyFileSync, globSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

const root = new URL('..', import.meta.url)

for (const path of globSync('plugins/*/*.{yaml,json,md}', { cwd: root })) {
  const target = new URL(`dist/${path}`, root)
  mkdirSync(dirname(target.pathname), { recursive: true })
  copyFileSync(new URL(path, root), target)
}
