// The verifiers that the tests of vectors and mutations run, one line each, with the schema of their section of a policy.
import type { EvidenceType, Verifier } from '../../src/attest/evidence/evidence.ts'
import { nitro } from '../../src/attest/evidence/nitro.ts'
import { nitroSection } from '../../src/attest/evidence/nitro-policy.ts'
import { sevSnp } from '../../src/attest/evidence/sev-snp.ts'
import { sevSnpSection } from '../../src/attest/evidence/sev-snp-policy.ts'

export interface Known {
  readonly verifier: Verifier<never>
  readonly section: Section
}

export interface Section {
  readonly properties: Readonly<Record<string, object>>
}

const LIST = { type: 'array' }
const known = <P>(verifier: Verifier<P>, section: Section): Known => ({
  verifier: verifier as Verifier<never>,
  section,
})

export const KNOWN: Readonly<Partial<Record<EvidenceType, Known>>> = {
  'sev-snp': known(sevSnp, sevSnpSection(LIST)),
  nitro: known(nitro, nitroSection(LIST)),
}
