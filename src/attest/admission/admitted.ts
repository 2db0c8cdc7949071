// What the gateway remembers of each server that it admitted: key, claims and result of the last time, beside the configuration; it decides nothing.
import type { JsonObject } from '../../base/json.ts'
import type { Notes } from '../../store/beside/notes.ts'
import { Denial } from '../denial.ts'
import type { Claims } from '../evidence/evidence.ts'
import { answered } from '../freshness/unavailable.ts'
import type { Reason } from '../reasons.ts'

/** Of the last positive verdict; digests and claims, no evidence. */
export interface Admitted {
  /** Of the key that the server presented, hex: every later connection must present it. */
  readonly spkiSha256: string
  /** Of the policy that it was judged by, hex. */
  readonly policySha256: string
  /** Which server it was, as `targetSha256` says: another one may have come under its name since. Absent: nobody knows. */
  readonly target?: string
  /** Milliseconds since the epoch. */
  readonly acceptedAt: number
  readonly validUntil: number
  /** What the evidence said: hardware, measurements, TCB. What comes next is compared with it. */
  readonly claims: readonly Claims[]
  /** The result as API and command line show it. */
  readonly result: JsonObject
  /** Set when something was shown against the server since; a restart does not forget it. */
  readonly refused?: Reason
}

export interface Recalled {
  readonly admitted: Admitted | undefined
  /** 0: nothing is remembered. */
  readonly version: number
}

/** Where no store persists, that in memory: after a restart each server is then attested as if for the first time. */
export interface AdmittedMemory {
  /** Throws Denial `internal.store_unavailable`. */
  recall(server: string): Promise<Recalled>
  /**
   * False, and nothing is remembered: somebody, perhaps another gateway, has written since `version` was recalled, such as a refusal; the
   * server is then to be attested again. Throws Denial `internal.store_unavailable`.
   */
  remember(server: string, admitted: Admitted, version: number): Promise<boolean>
  /** Something was shown against it. Nothing is done where it, that is the one of `target`, was never admitted. Throws as above. */
  refuse(server: string, reason: Reason, target?: string): Promise<void>
  /** It is no longer registered; who comes under its name later is another. Throws as above. */
  forget(server: string): Promise<void>
}

const KIND = 'attestation-admitted'
/** Of what a body holds; one of another form was written by another release. */
const FORM = 1
/** More than that many gateways do not write about one server in one moment. */
const MOST_TRIES = 8

export function createAdmittedMemory(notes: Notes): AdmittedMemory {
  const recall = async (server: string): Promise<Recalled> => {
    const note = await answered(notes.note(KIND, server))
    return { admitted: note && admittedOf(note.body), version: note?.version ?? 0 }
  }
  const write = (server: string, admitted: Admitted, expect: number) => {
    const body = { form: FORM, admitted: admitted as unknown as JsonObject }
    return answered(notes.putNote({ kind: KIND, key: server, body, expect }))
  }
  return {
    recall,
    remember: async (server, admitted, version) =>
      (await write(server, admitted, version)) !== undefined,
    async refuse(server, reason, target) {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const { admitted, version } = await recall(server)
        if (admitted === undefined) return
        // what replaces it, or was to replace it, says nothing against the one that was admitted
        if (target !== undefined && admitted.target !== target) return
        if ((await write(server, { ...admitted, refused: reason }, version)) !== undefined) return
      }
      throw new Denial('internal.store_unavailable', 'others write about the server all the time')
    },
    async forget(server) {
      await answered(notes.removeNote(KIND, server))
    },
  }
}

function admittedOf({ form, admitted }: JsonObject): Admitted {
  // to go on as if nothing had been known would let other hardware take its place
  if (form !== FORM)
    throw new Denial('internal.error', 'what is remembered of the server is of another release')
  return admitted as unknown as Admitted
}
