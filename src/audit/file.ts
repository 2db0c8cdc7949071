// The append-only file that audit records are kept in: its mode, its last line, its writes; it knows bytes, not records.
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '../base/errors.ts'

export interface AppendFile {
  /** Appends as much as the system takes; how many bytes that were. */
  write(bytes: Uint8Array): Promise<number>
  sync(): Promise<void>
  close(): Promise<void>
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
    await prepare(handle, path)
  } catch (error) {
    await handle.close()
    throw error
  }
  return {
    write: async (bytes) => (await handle.write(bytes)).bytesWritten,
    sync: () => handle.datasync(),
    close: () => handle.close(),
  }
}

async function prepare(handle: FileHandle, path: string): Promise<void> {
  const { mode, size, ...stat } = await handle.stat()
  if ((mode & constants.S_IFMT) !== constants.S_IFREG) {
    throw new AppError('CONFIG_INVALID', `the audit file ${path} is not a regular file`)
  }
  if (process.getuid?.() === stat.uid && (mode & 0o077) !== 0) await handle.chmod(OWNER_ONLY)
  if (size === 0) return
  const last = new Uint8Array(1)
  await handle.read(last, 0, 1, size - 1)
  if (last[0] !== 0x0a) await handle.write('\n')
}
