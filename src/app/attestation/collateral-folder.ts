// Collateral that an operator supplies: a folder of documents and an index that names each; the documents are unchecked bytes, as fetched ones are.
import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Collateral } from '../../attest/collateral.ts'
import { AppError, messageOf } from '../../base/errors.ts'
import { isObject } from '../../base/json.ts'
import { whyUnreadable } from '../../base/unreadable.ts'

const INDEX = 'index.json'
const LARGEST = 4 * 1024 * 1024
const MOST = 1024

/**
 * `index.json` is an object: the id under which a document is asked for, to `{ file, headers?, received_at? }`. Without
 * `received_at` (a time in UTC) a document counts as received when its file was written. Throws AppError.
 */
export async function readCollateralFolder(folder: string): Promise<Collateral> {
  const entries = await indexOf(folder)
  const collateral = new Map<string, NonNullable<ReturnType<Collateral['get']>>>()
  for (const [id, entry] of entries) {
    const { file, headers, received_at } = entryOf(entry, `${join(folder, INDEX)}: ${id}`)
    const path = join(folder, file)
    const receivedAt =
      received_at ?? (await stat(path).then(({ mtimeMs }) => mtimeMs, unreadable(path)))
    const bytes = await readFile(path).catch(unreadable(path))
    if (bytes.length > LARGEST) throw invalid(`${path}: larger than ${LARGEST} bytes`)
    collateral.set(id, { bytes, receivedAt, ...(headers ? { headers } : {}) })
  }
  return collateral
}

async function indexOf(folder: string): Promise<readonly [string, unknown][]> {
  const path = join(folder, INDEX)
  const text = await readFile(path, 'utf8').catch(unreadable(path))
  let index: unknown
  try {
    index = JSON.parse(text)
  } catch (error) {
    throw invalid(`${path}: no JSON: ${messageOf(error)}`)
  }
  if (!isObject(index)) throw invalid(`${path}: no object of ids`)
  const entries = Object.entries(index)
  if (entries.length > MOST) throw invalid(`${path}: more than ${MOST} documents`)
  return entries
}

interface Entry {
  readonly file: string
  readonly headers: Readonly<Record<string, string>> | undefined
  /** Milliseconds since the epoch. */
  readonly received_at: number | undefined
}

function entryOf(value: unknown, at: string): Entry {
  const { file, headers, received_at } = isObject(value) ? value : {}
  if (typeof file !== 'string' || file !== basename(file) || file === '' || file.startsWith('.'))
    throw invalid(`${at}: file is no name of a file in the folder`)
  if (headers !== undefined && !isTexts(headers)) throw invalid(`${at}: headers`)
  const time = received_at === undefined ? undefined : Date.parse(String(received_at))
  if (Number.isNaN(time)) throw invalid(`${at}: received_at is no time`)
  return { file, headers, received_at: time }
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((text) => typeof text === 'string')
}

function invalid(message: string): AppError {
  return new AppError('CONFIG_INVALID', message)
}

const unreadable =
  (path: string) =>
  (error: unknown): never => {
    throw invalid(`${path}: ${whyUnreadable(error)}`)
  }
