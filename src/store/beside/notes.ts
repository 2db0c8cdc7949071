// Notes as the rooms above see them: what the gateway itself remembers of a thing, beside the entities and without their history.
import { AppError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { bodyText, isKeepable } from '../rules.ts'

/** Such as what a server was admitted with. It stays until it is removed. */
export interface Note {
  readonly kind: string
  readonly key: string
  /** Counts its writes from 1; one made anew after a removal begins again. */
  readonly version: number
  readonly body: JsonObject
  /** Milliseconds since the epoch. */
  readonly updatedAt: number
}

export interface NoteWrite {
  readonly kind: string
  readonly key: string
  readonly body: JsonObject
  /** The version that must be there; 0: none may be. Without: whatever is there. */
  readonly expect?: number
}

export interface NoteQuery {
  readonly kind: string
  /** Only keys after this one, in the order of their UTF-8 bytes. */
  readonly after?: string
  readonly limit: number
}

/**
 * Part of the store. A note is no entity: it changes no revision, nobody who follows the store is told, and nothing is rebuilt. All
 * reject with STORE_UNAVAILABLE.
 */
export interface Notes {
  note(kind: string, key: string): Promise<Note | undefined>
  notes(query: NoteQuery): Promise<readonly Note[]>
  /** Its new version, durable when it resolves; undefined, with nothing written: another version is there than `expect`. */
  putNote(write: NoteWrite): Promise<number | undefined>
  /** False: there was none. */
  removeNote(kind: string, key: string): Promise<boolean>
}

const MOST_BYTES = 256 * 1024

/** The text of its body. Rejects what could not be kept, before anything is written. */
export function noteText({ kind, key, body }: NoteWrite): string {
  const text = bodyText(body)
  if (Buffer.byteLength(text) > MOST_BYTES)
    throw new AppError('REGISTRY_LIMIT', `a note holds more than ${MOST_BYTES} bytes`)
  if (![kind, key].every(isKeepable))
    throw new AppError('REGISTRY_INVALID', 'a note has a kind or key that no store can keep')
  return text
}
