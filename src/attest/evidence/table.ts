// Every kind of evidence that can be verified here, with the section of a policy it is appraised by; one row each, no rule.
import type { SectionSchema } from '../policy/schema.ts'
import { confidentialSpace } from '../token/confidential-space.ts'
import { gcpIdentity } from '../token/gcp-identity.ts'
import { maa } from '../token/maa.ts'
import { TPM_SECTION } from '../tpm/policy.ts'
import { azureVtpmSection, createAzureVtpm } from './azure-vtpm.ts'
import type { EvidenceType, Verifier } from './evidence.ts'
import { SGX_SECTION, sgx } from './sgx.ts'
import { TDX_SECTION, tdx } from './tdx.ts'
import { tpm } from './tpm.ts'

export type Verifiers = Readonly<Partial<Record<EvidenceType, Verifier<never>>>>

export const VERIFIERS: Verifiers = {
  tdx,
  sgx,
  tpm,
  'azure-tdx-vtpm': createAzureVtpm({ type: 'azure-tdx-vtpm', hardware: tdx }),
  'confidential-space': confidentialSpace,
  'gcp-identity': gcpIdentity,
  maa,
}

/** Sections of `evidence` in a policy, by name. */
export const EVIDENCE_SECTIONS: Readonly<Record<string, SectionSchema>> = {
  tdx: TDX_SECTION,
  sgx: SGX_SECTION,
  tpm: TPM_SECTION,
  'azure-tdx-vtpm': azureVtpmSection(TDX_SECTION),
}

/** The section `tls` of a policy. */
export const TLS_SECTION: SectionSchema | undefined = undefined
