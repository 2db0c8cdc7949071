// The inputs that every run of a target begins with, one file each; what a run found becomes one more.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = (target: string) => join(import.meta.dirname, 'corpus', target)

/** In the order of their names, so that a seed means the same run on every machine. */
export function readCorpus(target: string): Buffer[] {
  const from = folder(target)
  return readdirSync(from)
    .sort()
    .map((name) => readFileSync(join(from, name)))
}

/** The file it was written to. */
export function addFinding(target: string, input: Uint8Array): string {
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 12)
  mkdirSync(folder(target), { recursive: true })
  const file = join(folder(target), `finding-${digest}`)
  writeFileSync(file, input)
  return file
}
