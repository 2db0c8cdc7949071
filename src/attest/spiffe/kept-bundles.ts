// The last bundle of each trust domain as the store keeps it, so that a restart or another replica goes back behind none; it judges no bundle.
import type { JsonObject } from '../../base/json.ts'
import type { Notes } from '../../store/beside/notes.ts'
import { Denial } from '../denial.ts'
import { answered } from '../freshness/unavailable.ts'

export interface KeptBundle {
  /** As it came. */
  readonly bytes: Uint8Array
  /** Milliseconds since the epoch. */
  readonly receivedAt: number
  /** SHA-256, hex, of the file that the operator had given by then: one that is no other says nothing new. */
  readonly givenSha256: string | undefined
}

export interface RecalledBundle {
  readonly kept: KeptBundle | undefined
  /** 0: none is kept. */
  readonly version: number
}

export interface KeptBundles {
  /** Throws Denial `internal.store_unavailable`. */
  recall(trustDomain: string): Promise<RecalledBundle>
  /** Its new version; undefined, and nothing is kept: somebody has written since `version`. Throws as above. */
  keep(trustDomain: string, kept: KeptBundle, version: number): Promise<number | undefined>
}

const KIND = 'attestation-bundle'
/** Of what a body holds. */
const FORM = 1

export function createKeptBundles(notes: Notes): KeptBundles {
  return {
    async recall(trustDomain) {
      const note = await answered(notes.note(KIND, trustDomain))
      return { kept: note && keptOf(note.body), version: note?.version ?? 0 }
    },
    keep(trustDomain, { bytes, receivedAt, givenSha256 }, version) {
      const bundle = Buffer.from(bytes).toString('base64')
      const body = { form: FORM, bundle, receivedAt, givenSha256: givenSha256 ?? null }
      return answered(notes.putNote({ kind: KIND, key: trustDomain, body, expect: version }))
    },
  }
}

function keptOf({ form, bundle, receivedAt, givenSha256 }: JsonObject): KeptBundle {
  // to go on as if none had been known would let an older one in
  if (form !== FORM || typeof bundle !== 'string' || typeof receivedAt !== 'number')
    throw new Denial('internal.error', 'the bundle that is kept is of another release')
  return {
    bytes: Buffer.from(bundle, 'base64'),
    receivedAt,
    givenSha256: typeof givenSha256 === 'string' ? givenSha256 : undefined,
  }
}
