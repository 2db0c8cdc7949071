// Every kind of evidence that can be verified here, with the section of a policy it is appraised by; one row each, no rule.
import type { SectionSchema } from '../policy/schema.ts'
import type { EvidenceType, Verifier } from './evidence.ts'

export type Verifiers = Readonly<Partial<Record<EvidenceType, Verifier<never>>>>

export const VERIFIERS: Verifiers = {}

/** Sections of `evidence` in a policy, by name. */
export const EVIDENCE_SECTIONS: Readonly<Record<string, SectionSchema>> = {}

/** The section `tls` of a policy. */
export const TLS_SECTION: SectionSchema | undefined = undefined
