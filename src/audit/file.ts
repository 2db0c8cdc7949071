// The append-only file that audit records are kept in: its mode, its first and last line, its writes; it knows bytes, not records.
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '../base/errors.ts'

export interface AppendFile {
  /** Appends as much as the system takes; how many bytes that were. */
  write(bytes: Uint8Array): Promise<number>
  sync(): Promise<void>
  close(): Promise<void>
  /** What was in it when it was opened. Absent: nothing, and nothing can be. */
  readonly found?: Found
}

export interface Found {
  readonly size: number
  /** The first line without its end; of a very long one its beginning. */
  readonly first: Uint8Array
  /** The last lines without their ends, the last one first: as many as there are in the last MiB. */
  readonly last: readonly Uint8Array[]
}

export type OpenAppendFile = (path: string) => Promise<AppendFile>

const OWNER_ONLY = 0o600

/**
 * Opens for appending, creates with mode 0600, follows no link and opens no device. A last line that a crash left without
 * its end is ended, so that the next record does not continue it.
 */
export const openAppendFile: OpenAppendFile = async (path) => {
  const { O_APPEND, O_CREAT, O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const handle = await open(path, O_APPEND | O_CREAT | O_RDWR | O_NOFOLLOW | O_NONBLOCK, OWNER_ONLY)
  try {
    const found = await prepare(handle, path)
    return {
      found,
      write: async (bytes) => (await handle.write(bytes)).bytesWritten,
      sync: () => handle.datasync(),
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function prepare(handle: FileHandle, path: string): Promise<Found> {
  const { mode, size, ...stat } = await handle.stat()
  if ((mode & constants.S_IFMT) !== constants.S_IFREG) {
    throw new AppError('CONFIG_INVALID', `the audit file ${path} is not a regular file`)
  }
  if (process.getuid?.() === stat.uid && (mode & 0o077) !== 0) await handle.chmod(OWNER_ONLY)
  const found = await look(handle, size)
  if (!found.ended) await handle.write('\n')
  return found
}

/** What is in a file that is only read. */
export async function lookInto(path: string): Promise<Found> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    return await look(handle, (await handle.stat()).size)
  } finally {
    await handle.close()
  }
}

const START = 64 * 1024
/** No line is nearly as long. */
const END = 1024 ** 2

async function look(handle: FileHandle, size: number): Promise<Found & { ended: boolean }> {
  const start = await read(handle, 0, Math.min(size, START))
  const end = start.indexOf(0x0a)
  const first = end === -1 ? start : start.subarray(0, end)
  const from = Math.max(0, size - END)
  const tail = await read(handle, from, size - from)
  const ended = size === 0 || tail.at(-1) === 0x0a
  return { size, first, last: linesOf(tail, from > 0).reverse(), ended }
}

/** Without their ends; `cut`: the first one is not whole. */
function linesOf(bytes: Uint8Array, cut = false): Uint8Array[] {
  const lines: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at)
    lines.push(bytes.subarray(at, end === -1 ? bytes.length : end))
    at = end === -1 ? bytes.length : end + 1
  }
  return cut ? lines.slice(1) : lines
}

async function read(handle: FileHandle, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await handle.read(bytes, 0, length, from)
  return bytes.subarray(0, bytesRead)
}
