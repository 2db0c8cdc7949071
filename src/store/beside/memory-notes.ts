// Notes in memory, for as long as the process lives.
import type { Clock } from '../../base/clock.ts'
import { deepFreeze, type JsonObject } from '../../base/json.ts'
import { byBytes, isKeepable } from '../rules.ts'
import { type Note, type NoteQuery, type Notes, type NoteWrite, noteText } from './notes.ts'

export class MemoryNotes implements Notes {
  readonly #clock: Clock
  readonly #kinds = new Map<string, Map<string, Note>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async note(kind: string, key: string): Promise<Note | undefined> {
    return this.#kinds.get(kind)?.get(key)
  }

  async notes({ kind, after, limit }: NoteQuery): Promise<readonly Note[]> {
    if (after !== undefined && !isKeepable(after)) return []
    const all = [...(this.#kinds.get(kind)?.values() ?? [])]
    return all
      .filter(({ key }) => after === undefined || byBytes(key, after) > 0)
      .sort((a, b) => byBytes(a.key, b.key))
      .slice(0, limit)
  }

  async putNote(write: NoteWrite): Promise<number | undefined> {
    const body = JSON.parse(noteText(write)) as JsonObject
    const { kind, key, expect } = write
    const notes = this.#kinds.get(kind) ?? new Map<string, Note>()
    this.#kinds.set(kind, notes)
    const before = notes.get(key)?.version ?? 0
    if (expect !== undefined && expect !== before) return undefined
    const version = before + 1
    notes.set(key, deepFreeze({ kind, key, version, body, updatedAt: this.#clock.wall() }))
    return version
  }

  async removeNote(kind: string, key: string): Promise<boolean> {
    return this.#kinds.get(kind)?.delete(key) ?? false
  }
}
