// The verifiers that the tests of vectors and mutations run, one line each, with the schema of their section of a policy.
import { azureVtpmSection, createAzureVtpm } from '../../src/attest/evidence/azure-vtpm.ts'
import type { EvidenceType, Verifier } from '../../src/attest/evidence/evidence.ts'
import { sevSnp } from '../../src/attest/evidence/sev-snp.ts'
import { sevSnpSection } from '../../src/attest/evidence/sev-snp-policy.ts'
import { sgx, sgxSection } from '../../src/attest/evidence/sgx.ts'
import { tdx, tdxSection } from '../../src/attest/evidence/tdx.ts'
import { tpm } from '../../src/attest/evidence/tpm.ts'
import { TPM_SECTION } from '../../src/attest/tpm/policy.ts'

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
  tpm: known(tpm, TPM_SECTION),
  'azure-snp-vtpm': known(
    createAzureVtpm({ type: 'azure-snp-vtpm', hardware: sevSnp }),
    azureVtpmSection(sevSnpSection(LIST)),
  ),
  tdx: known(tdx, tdxSection(LIST)),
  sgx: known(sgx, sgxSection(LIST)),
}
