// Files of audit lines as evidence: those that were set aside and the one being written, in order, read in pieces.
import { createReadStream } from 'node:fs'
import { access } from 'node:fs/promises'
import { basename } from 'node:path'
import { digestOf } from '../base/chain.ts'
import { AppError } from '../base/errors.ts'
import { readLine } from './line.ts'
import { setAsideFiles } from './rotation.ts'
import type { Evidence } from './verify.ts'

/** A line longer than this is none of ours, and is not held in memory. */
const LONGEST = 8 * 1024 ** 2

interface RawLine {
  readonly file: string
  readonly number: number
  readonly bytes: Uint8Array
  /** With its line feed. */
  readonly ended: boolean
}

/** All files that belong to this one, the oldest first. Rejects when there is none. */
export async function auditFiles(path: string): Promise<string[]> {
  const aside = await setAsideFiles(path)
  const there = await access(path).then(
    () => true,
    () => false,
  )
  if (!there && aside.length === 0)
    throw new AppError('AUDIT_UNREADABLE', `there is no file ${path}`)
  return there ? [...aside, path] : aside
}

export async function* fileEvidence(files: readonly string[]): AsyncGenerator<Evidence> {
  for (const [index, file] of files.entries()) {
    const last = index === files.length - 1
    for await (const { number, bytes, ended } of linesIn(file)) {
      const at = `${basename(file)}:${number}`
      const line = readLine(bytes)
      // whole but for its end: the next writer ends it
      if (line === undefined) yield { at, digest: digestOf(bytes), open: last && !ended }
      else {
        const { head, body, record } = line
        yield { at, head, body, kind: String(record.kind), details: record.details }
      }
    }
  }
}

/** The records as they were written, without what is no record. */
export async function* fileRecords(
  files: readonly string[],
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  for (const file of files)
    for await (const { bytes } of linesIn(file)) {
      const line = readLine(bytes)
      if (line) yield line.record
    }
}

async function* linesIn(file: string): AsyncGenerator<RawLine> {
  let rest: Buffer[] = []
  let size = 0
  let number = 0
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
      const bytes = Buffer.concat([...rest, chunk.subarray(from, end)])
      yield { file, number: ++number, bytes, ended: true }
      rest = []
      size = 0
      from = end + 1
    }
    rest.push(chunk.subarray(from))
    size += chunk.length - from
    if (size > LONGEST)
      throw new AppError('AUDIT_UNREADABLE', `${file}:${number + 1} is longer than any record`)
  }
  if (size > 0) yield { file, number: ++number, bytes: Buffer.concat(rest), ended: false }
}
