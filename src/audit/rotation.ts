// Files that were set aside because they were full or old: how they are named, in which order they come, which are too many.
import { readdir, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** `audit.jsonl.000001` is the oldest: a number is never used again, so that nothing is renamed twice. */
const NUMBER = /^\.(\d{6,15})$/

/** From the oldest to the youngest; the file at `path` itself, which comes after them, is not among them. */
export async function setAsideFiles(path: string): Promise<string[]> {
  const [folder, name] = [dirname(path), basename(path)]
  const names = await readdir(folder).catch(() => [] as string[])
  return names
    .filter((each) => each.startsWith(name) && NUMBER.test(each.slice(name.length)))
    .sort((a, b) => numberOf(a) - numberOf(b))
    .map((each) => join(folder, each))
}

/** Gives the file its number; the path is free afterwards. */
export async function setAside(path: string): Promise<void> {
  const last = (await setAsideFiles(path)).at(-1)
  const next = (last === undefined ? 0 : numberOf(last)) + 1
  await rename(path, `${path}.${String(next).padStart(6, '0')}`)
}

function numberOf(file: string): number {
  return Number(/\d+$/.exec(file)?.[0])
}
