// The highest number that was seen of each revocation list and TCB information, over restarts and replicas: nobody is shown an older one.
import type { JsonObject } from '../../base/json.ts'
import type { Note, Notes } from '../../store/beside/notes.ts'
import { Denial } from '../denial.ts'
import { isLowerNumber } from '../format/crl.ts'
import { answered } from '../freshness/unavailable.ts'
import type { Numbered } from '../path/numbers.ts'

export interface SeenNumbers {
  /** By name. Throws Denial `internal.store_unavailable`. */
  all(): Promise<ReadonlyMap<string, string>>
  /**
   * What was used just now. Throws Denial `internal.busy` when a higher number was seen meanwhile, here or by another gateway: what was
   * decided is to be decided again. `internal.store_unavailable`; what is in memory is remembered all the same.
   */
  note(documents: readonly Numbered[]): Promise<void>
}

const KIND = 'attestation-number'
/** Of what a body holds. */
const FORM = 1
/** The one that was noted first makes room. Only authorities that are trusted can make a new one. */
const MOST = 1024
const PAGE = 256
/** More gateways than that do not write about one document in one moment. */
const MOST_TRIES = 8

export function createSeenNumbers(notes: Notes, most = MOST): SeenNumbers {
  const known = new Map<string, string>()
  let loading: Promise<void> | undefined

  async function load(): Promise<void> {
    const found: Note[] = []
    for (let after: string | undefined; ; ) {
      const page = await answered(
        notes.notes({ kind: KIND, limit: PAGE, ...(after === undefined ? {} : { after }) }),
      )
      found.push(...page)
      after = page.at(-1)?.key
      if (page.length < PAGE) break
    }
    found.sort((a, b) => a.updatedAt - b.updatedAt)
    for (const { key, body } of found) raise(key, numberOf(body))
    await shrink()
  }

  /** False: a higher one is known. */
  function raise(name: string, number: string): boolean {
    const before = known.get(name)
    if (before !== undefined && isLowerNumber(number, before)) return false
    known.delete(name)
    known.set(name, number)
    return true
  }

  async function shrink(): Promise<void> {
    for (const name of known.keys()) {
      if (known.size <= most) return
      known.delete(name)
      await answered(notes.removeNote(KIND, name))
    }
  }

  /** What the store knows then: this number, or a higher one. */
  async function write({ name, number }: Numbered): Promise<string> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const note = await answered(notes.note(KIND, name))
      const there = note && numberOf(note.body)
      if (there !== undefined && !isLowerNumber(there, number)) return there
      const body = { form: FORM, number }
      const expect = note?.version ?? 0
      if ((await answered(notes.putNote({ kind: KIND, key: name, body, expect }))) !== undefined)
        return number
    }
    throw new Denial('internal.busy', 'others write about a revocation list all the time')
  }

  /** The store is asked each time: another gateway may have seen more. */
  async function noteOne(document: Numbered): Promise<boolean> {
    const isHighest = raise(document.name, document.number)
    if (!isHighest) return false
    const there = await write(document)
    raise(document.name, there)
    return there === document.number
  }

  return {
    async all() {
      loading ??= load().catch((error: unknown) => {
        loading = undefined
        throw error
      })
      await loading
      return known
    },
    async note(documents) {
      let isBehind = false
      for (const document of documents) if (!(await noteOne(document))) isBehind = true
      await shrink()
      if (isBehind) throw new Denial('internal.busy', 'a newer revocation list was seen meanwhile')
    },
  }
}

function numberOf({ form, number }: JsonObject): string {
  // to go on as if none had been seen would let an older one in
  if (form !== FORM || typeof number !== 'string')
    throw new Denial(
      'internal.error',
      'what is remembered of revocation lists is of another release',
    )
  return number
}
