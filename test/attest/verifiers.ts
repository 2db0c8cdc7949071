// The verifiers that the tests of vectors and mutations run, with the schema of their section of a policy: those of the gateway.
import {
  EVIDENCE_TYPES,
  type EvidenceType,
  type Verifier,
} from '../../src/attest/evidence/evidence.ts'
import { EVIDENCE_KINDS } from '../../src/attest/evidence/media.ts'
import { EVIDENCE_SECTIONS, VERIFIERS } from '../../src/attest/evidence/table.ts'

export interface Known {
  readonly verifier: Verifier<never>
  readonly section: Section
}

export interface Section {
  readonly properties: Readonly<Record<string, object>>
}

export const KNOWN: Readonly<Partial<Record<EvidenceType, Known>>> = Object.fromEntries(
  EVIDENCE_TYPES.map((type) => [
    type,
    {
      verifier: VERIFIERS[type],
      section: EVIDENCE_SECTIONS[EVIDENCE_KINDS[type].section],
    },
  ]),
)
