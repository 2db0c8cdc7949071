// The verifiers that the tests of vectors and mutations run, one line each, with the schema of their section of a policy.
import { awsIid } from '../../src/attest/evidence/aws-iid.ts'
import { azureImds } from '../../src/attest/evidence/azure-imds.ts'
import type { EvidenceType, Verifier } from '../../src/attest/evidence/evidence.ts'
import { nitro } from '../../src/attest/evidence/nitro.ts'
import { nitroSection } from '../../src/attest/evidence/nitro-policy.ts'
import { sevSnp } from '../../src/attest/evidence/sev-snp.ts'
import { sevSnpSection } from '../../src/attest/evidence/sev-snp-policy.ts'
import { confidentialSpace } from '../../src/attest/token/confidential-space.ts'
import { gcpIdentity } from '../../src/attest/token/gcp-identity.ts'
import { maa } from '../../src/attest/token/maa.ts'
import {
  AWS_IID_SECTION,
  AZURE_IMDS_SECTION,
  tokenSection,
} from '../../src/attest/token/section.ts'

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
  nitro: known(nitro, nitroSection(LIST)),
}
