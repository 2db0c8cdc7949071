// Every pinned vendor root, by the family that evidence is looked up under; one line each.
import type { EvidenceRoot } from '../evidence/evidence.ts'
import { AMD_ROOTS } from './amd.ts'
import { AZURE_ROOTS } from './azure.ts'
import { GOOGLE_ROOTS } from './google.ts'
import { INTEL_ROOTS } from './intel.ts'
import { NITRO_ROOTS } from './nitro.ts'

export const VENDOR_ROOTS: Readonly<Record<string, readonly EvidenceRoot[]>> = {
  amd: AMD_ROOTS,
  intel: INTEL_ROOTS,
  google: GOOGLE_ROOTS,
  azure: AZURE_ROOTS,
  nitro: NITRO_ROOTS,
}
