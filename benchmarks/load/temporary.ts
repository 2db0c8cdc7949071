// Temporary folders that are gone when the benchmark is, also when it is interrupted; what is in them is not its business.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folders = new Set<string>()

export interface Temporary {
  readonly path: string
  remove(): void
}

export function temporary(name: string): Temporary {
  const path = mkdtempSync(join(tmpdir(), `portcullis-${name}-`))
  if (folders.size === 0) process.once('exit', removeAll)
  folders.add(path)
  return {
    path,
    remove() {
      folders.delete(path)
      if (folders.size === 0) process.off('exit', removeAll)
      rmSync(path, { recursive: true, force: true })
    },
  }
}

function removeAll(): void {
  for (const path of folders) rmSync(path, { recursive: true, force: true })
}
