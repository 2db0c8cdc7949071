// How each kind of evidence is named in an envelope (CMW media types) and what it can show; it verifies nothing.
import type { EvidenceType } from './evidence.ts'

export interface EvidenceKind {
  readonly media: string
  /** `identity`: who the machine is, not what it runs; it never stands for evidence of a platform. */
  readonly attests: 'platform' | 'identity'
  /** Members of `evidence` in a policy that it is appraised by. The first one is handed to its verifier. */
  readonly section: string
}

const kind = (
  name: string,
  section: string,
  attests: EvidenceKind['attests'] = 'platform',
): EvidenceKind => ({ media: `application/vnd.portcullis.${name}`, attests, section })

export const EVIDENCE_KINDS: Readonly<Record<EvidenceType, EvidenceKind>> = {
  'sev-snp': kind('snp-report', 'sev-snp'),
  tdx: kind('tdx-quote', 'tdx'),
  sgx: kind('sgx-quote', 'sgx'),
  nitro: kind('nitro-document+cbor', 'nitro'),
  tpm: kind('tpm-quote+json', 'tpm'),
  'azure-snp-vtpm': kind('azure-snp-vtpm+json', 'azure-snp-vtpm'),
  'azure-tdx-vtpm': kind('azure-tdx-vtpm+json', 'azure-tdx-vtpm'),
  'confidential-space': kind('confidential-space+jwt', 'token'),
  'gcp-identity': kind('gcp-identity+jwt', 'token', 'identity'),
  maa: kind('maa+jwt', 'token'),
  'aws-iid': kind('aws-iid+json', 'aws-iid', 'identity'),
  'azure-imds': kind('azure-imds+json', 'azure-imds', 'identity'),
}

const BY_MEDIA = new Map(
  Object.entries(EVIDENCE_KINDS).map(([type, { media }]) => [media, type as EvidenceType]),
)

/** Undefined: no kind that is known here. */
export function typeOfMedia(media: string): EvidenceType | undefined {
  return BY_MEDIA.get(media)
}
