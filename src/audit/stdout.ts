// Standard output as a file that audit lines are appended to; whether it is free for that, others decide.
import type { AppendFile } from './file.ts'

/** The part of a stream that is written to, before anybody diverts it. */
export type WriteOut = (bytes: Uint8Array, done: (error?: Error | null) => void) => unknown

export function stdoutFile(write: WriteOut): AppendFile {
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        write(bytes, (error) => (error ? reject(error) : resolve(bytes.length)))
      }),
    sync: async () => {},
    close: async () => {},
  }
}
