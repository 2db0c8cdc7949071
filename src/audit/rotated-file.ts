// A file that is set aside when it is full or old, and of those set aside the oldest removed: which of them, and what to say about it.
import { unlink } from 'node:fs/promises'
import { type ChainDetails, digestOf, type Head } from '../base/chain.ts'
import { type AppendFile, type Found, lookInto, type OpenAppendFile } from './file.ts'
import { readLine } from './line.ts'
import { setAside, setAsideFiles } from './rotation.ts'

export interface Rotation {
  /** Bytes; a file is set aside before it would have more. */
  readonly maxSize?: number | undefined
  /** Milliseconds since the first record of a file, after which it is set aside. */
  readonly maxAge?: number | undefined
  /** So many that were set aside are kept. */
  readonly maxFiles?: number | undefined
}

export interface RotatedFileOptions {
  readonly path: string
  readonly rotation: Rotation
  readonly open: OpenAppendFile
  readonly wall: () => number
}

/** Files that are to go, and what the chains had come to in them. */
export interface Doomed {
  readonly files: readonly string[]
  readonly anchors: readonly Head[]
}

export class RotatedFile {
  readonly #options: RotatedFileOptions
  #file: AppendFile | undefined
  #size = 0
  /** When the first record of the file was made; undefined: there is none. */
  #since: number | undefined

  constructor(options: RotatedFileOptions) {
    this.#options = options
  }

  /** Opens what is not open. Gives back what was in it. */
  async open(): Promise<Found | undefined> {
    if (this.#file !== undefined) return undefined
    const { path, open, wall } = this.#options
    this.#file = await open(path)
    const { found } = this.#file
    this.#size = found?.size ?? 0
    this.#since = this.#size > 0 ? (timeOf(found?.first) ?? wall()) : undefined
    return found
  }

  /** What a chain that begins in this file finds before it: the end of another, and what crashes left of lines. */
  async before(found: Found | undefined): Promise<ChainDetails> {
    const lines = found?.last ?? []
    const whole = lines.findIndex((line) => readLine(line))
    const torn = lines.slice(0, whole === -1 ? lines.length : whole).slice(0, MOST_TORN)
    const head = whole === -1 ? await this.#lastSetAside() : headOf(lines[whole])
    return {
      previous: head ? [head] : [],
      ...(torn.length > 0 ? { torn: torn.map(digestOf) } : {}),
    }
  }

  async #lastSetAside(): Promise<Head | undefined> {
    if (!this.#rotates) return undefined
    const youngest = (await setAsideFiles(this.#options.path)).at(-1)
    return youngest === undefined ? undefined : lastHead(youngest)
  }

  /** Bytes that still go into this file. */
  get room(): number {
    return (this.#options.rotation.maxSize ?? Number.POSITIVE_INFINITY) - this.#size
  }

  get #rotates(): boolean {
    const { maxSize, maxAge } = this.#options.rotation
    return maxSize !== undefined || maxAge !== undefined
  }

  /** Whether the next `bytes` belong into another file. */
  isOver(bytes: number): boolean {
    if (this.#since === undefined) return false
    const { maxAge = Number.POSITIVE_INFINITY } = this.#options.rotation
    return bytes > this.room || this.#options.wall() - this.#since >= maxAge
  }

  /** Begins another file. What is to be removed is so only by `remove`, when it has been written down. */
  async rotate(): Promise<Doomed | undefined> {
    const { path, rotation } = this.#options
    await this.close()
    await setAside(path)
    await this.open()
    const files = await setAsideFiles(path)
    const doomed = files.slice(0, Math.max(0, files.length - (rotation.maxFiles ?? files.length)))
    if (doomed.length === 0) return undefined
    const anchors: Head[] = []
    for (const file of doomed) {
      const head = await lastHead(file)
      if (head) anchors.push(head)
    }
    return { files: doomed, anchors }
  }

  async remove({ files }: Doomed): Promise<void> {
    for (const file of files)
      await unlink(file).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
      })
  }

  async write(bytes: Uint8Array): Promise<number> {
    const taken = (await this.#file?.write(bytes)) ?? 0
    this.#size += taken
    this.#since ??= this.#options.wall()
    return taken
  }

  async sync(): Promise<void> {
    await this.#file?.sync()
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }
}

/** A file may end with what crashes left of lines; not with many of them. */
const MOST_TORN = 8

async function lastHead(file: string): Promise<Head | undefined> {
  const { last } = await lookInto(file)
  return headOf(last.find((line) => readLine(line)))
}

function headOf(line: Uint8Array | undefined): Head | undefined {
  return line && readLine(line)?.head
}

function timeOf(line: Uint8Array | undefined): number | undefined {
  const [, time = ''] =
    /^\{"time":"([^"]+)"/.exec(Buffer.from(line ?? []).toString('latin1', 0, 64)) ?? []
  const parsed = Date.parse(time)
  return Number.isNaN(parsed) ? undefined : parsed
}
