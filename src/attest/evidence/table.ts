// Every kind of evidence that can be verified here, with the section of a policy it is appraised by; one row each, no rule.

import { awsIid } from '../cloud/aws-iid.ts'
import { azureImds } from '../cloud/azure-imds.ts'
import { azureVtpmSection, createAzureVtpm } from '../cloud/azure-vtpm.ts'
import { sgx, sgxSection } from '../dcap/sgx.ts'
import { tdx, tdxSection } from '../dcap/tdx.ts'
import { nitro } from '../nitro/nitro.ts'
import { nitroSection } from '../nitro/policy.ts'
import { REFERENCE_LIST, type SectionSchema } from '../policy/schema.ts'
import { sevSnpSection } from '../snp/policy.ts'
import { sevSnp } from '../snp/sev-snp.ts'
import { confidentialSpace } from '../token/confidential-space.ts'
import { gcpIdentity } from '../token/gcp-identity.ts'
import { maa } from '../token/maa.ts'
import { AWS_IID_SECTION, AZURE_IMDS_SECTION, tokenSection } from '../token/section.ts'
import { TPM_SECTION } from '../tpm/policy.ts'
import { tpm } from '../tpm/tpm.ts'
import type { EvidenceType, Verifier } from './evidence.ts'

export type Verifiers = Readonly<Partial<Record<EvidenceType, Verifier<never>>>>

export const VERIFIERS: Verifiers = {
  'sev-snp': sevSnp,
  tdx,
  sgx,
  nitro,
  tpm,
  'azure-snp-vtpm': createAzureVtpm({ type: 'azure-snp-vtpm', hardware: sevSnp }),
  'azure-tdx-vtpm': createAzureVtpm({ type: 'azure-tdx-vtpm', hardware: tdx }),
  'confidential-space': confidentialSpace,
  'gcp-identity': gcpIdentity,
  maa,
  'aws-iid': awsIid,
  'azure-imds': azureImds,
}

const SNP = sevSnpSection(REFERENCE_LIST)
const TDX = tdxSection(REFERENCE_LIST)

/** Sections of `evidence` in a policy, by name. */
export const EVIDENCE_SECTIONS: Readonly<Record<string, SectionSchema>> = {
  'sev-snp': SNP,
  tdx: TDX,
  sgx: sgxSection(REFERENCE_LIST),
  nitro: nitroSection(REFERENCE_LIST),
  tpm: TPM_SECTION,
  'azure-snp-vtpm': azureVtpmSection(SNP),
  'azure-tdx-vtpm': azureVtpmSection(TDX),
  token: tokenSection(REFERENCE_LIST),
  'aws-iid': AWS_IID_SECTION,
  'azure-imds': AZURE_IMDS_SECTION,
}

export { TLS_SECTION } from '../tls/policy.ts'
