// The verifiers that the tests of vectors and mutations run, one line each, with the schema of their section of a policy.

import { awsIid } from '../../src/attest/evidence/aws-iid.ts'
import { azureImds } from '../../src/attest/evidence/azure-imds.ts'
import { azureVtpmSection, createAzureVtpm } from '../../src/attest/evidence/azure-vtpm.ts'
import type { EvidenceType, Verifier } from '../../src/attest/evidence/evidence.ts'
import { nitro } from '../../src/attest/evidence/nitro.ts'
import { nitroSection } from '../../src/attest/evidence/nitro-policy.ts'
import { sevSnp } from '../../src/attest/evidence/sev-snp.ts'
import { sevSnpSection } from '../../src/attest/evidence/sev-snp-policy.ts'
import { sgx, sgxSection } from '../../src/attest/evidence/sgx.ts'
import { tdx, tdxSection } from '../../src/attest/evidence/tdx.ts'
import { tpm } from '../../src/attest/evidence/tpm.ts'
import { confidentialSpace } from '../../src/attest/token/confidential-space.ts'
import { gcpIdentity } from '../../src/attest/token/gcp-identity.ts'
import { maa } from '../../src/attest/token/maa.ts'
import {
  AWS_IID_SECTION,
  AZURE_IMDS_SECTION,
  tokenSection,
} from '../../src/attest/token/section.ts'
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

const TOKEN = tokenSection(LIST)

export const KNOWN: Readonly<Partial<Record<EvidenceType, Known>>> = {
  'confidential-space': known(confidentialSpace, TOKEN),
  'gcp-identity': known(gcpIdentity, TOKEN),
  maa: known(maa, TOKEN),
  'aws-iid': known(awsIid, AWS_IID_SECTION),
  'azure-imds': known(azureImds, AZURE_IMDS_SECTION),
  'sev-snp': known(sevSnp, sevSnpSection(LIST)),
  tdx: known(tdx, tdxSection(LIST)),
  sgx: known(sgx, sgxSection(LIST)),
  tpm: known(tpm, TPM_SECTION),
  'azure-snp-vtpm': known(
    createAzureVtpm({ type: 'azure-snp-vtpm', hardware: sevSnp }),
    azureVtpmSection(sevSnpSection(LIST)),
  ),
  nitro: known(nitro, nitroSection(LIST)),
}
