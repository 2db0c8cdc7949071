// Evidence of kind `sgx`: a DCAP quote of an enclave (v3 to v5); what TDX has in common with it is in verify.ts.

import { Denial, malformed } from '../denial.ts'
import type {
  AllowList,
  AppraisalContext,
  Appraised,
  Claims,
  EvidenceItem,
  Verification,
  Verifier,
} from '../evidence/evidence.ts'
import { hexOf } from '../format/der.ts'
import { dcapNeeds, type PcsOptions } from '../tcb/needs.ts'
import { appraiseForm, appraiseTcb, DCAP_PROPERTIES, type DcapPolicy, matchAll } from './policy.ts'
import type { SgxReport } from './quote.ts'
import { verifyDcap } from './verify.ts'

/** Section `sgx` of a policy, with defaults in place. */
export interface SgxPolicy extends DcapPolicy {
  /** `mrenclave`, or `mrsigner` with the product; where both are there, both must match. */
  readonly reference: {
    readonly mrenclave?: AllowList
    readonly mrsigner?: AllowList
    /** A signer signs many products: without this `mrsigner` matches nothing. */
    readonly isvprodid?: number
    readonly min_isvsvn?: number
  }
}

const U16 = { type: 'integer', minimum: 0, maximum: 65535 } as const

/** `list`: the schema of a list of reference values. */
export const sgxSection = (list: object) =>
  ({
    type: 'object',
    description: 'Intel SGX: the quote of an enclave',
    additionalProperties: false,
    required: ['reference'],
    properties: {
      ...DCAP_PROPERTIES,
      reference: {
        type: 'object',
        description: 'lists that the quote must be in; an empty list allows nothing',
        additionalProperties: false,
        anyOf: [{ required: ['mrenclave'] }, { required: ['mrsigner', 'isvprodid'] }],
        properties: {
          mrenclave: list,
          mrsigner: list,
          isvprodid: { ...U16, description: 'product of the signer' },
          min_isvsvn: { ...U16, description: 'least security version of the enclave' },
        },
      },
    },
  }) as const

export function createSgxVerifier(options: PcsOptions = {}): Verifier<SgxPolicy> {
  return {
    type: 'sgx',
    needs: (item) => dcapNeeds('sgx', item, options),
    verify: verifySgx,
    appraise: appraiseSgx,
  }
}

export const sgx: Verifier<SgxPolicy> = createSgxVerifier()

function verifySgx(item: EvidenceItem, at: Verification): Claims {
  const { quote, claims, flags } = verifyDcap('sgx', item, at)
  if (quote.tee !== 'sgx') throw new Denial('evidence.unsupported', 'quote that is not of sgx')
  const { body } = quote
  return {
    type: 'sgx',
    ...claims,
    tcb: { ...claims.tcb, isvsvn: body.isvSvn },
    measurements: {
      mrenclave: `sha256:${hexOf(body.mrEnclave)}`,
      mrsigner: `sha256:${hexOf(body.mrSigner)}`,
      configid: `raw:${hexOf(body.configId)}`,
    },
    flags: { ...flags, isvprodid: body.isvProdId, ...attributesOf(body) },
  }
}

/** Bits of SGX ATTRIBUTES.FLAGS (Intel SDM, volume 3D, ATTRIBUTES). */
function attributesOf({ attributes }: SgxReport): Claims['flags'] {
  const first = attributes[0] as number
  // bit 3 is reserved, and a report is only made of an enclave that was initialised
  if ((first & 0x08) !== 0 || (first & 0x01) === 0) throw malformed('SGX attributes')
  return { provision_key: (first & 0x10) !== 0, einittoken_key: (first & 0x20) !== 0 }
}

function appraiseSgx(claims: Claims, policy: SgxPolicy, { now }: AppraisalContext): Appraised {
  appraiseForm(claims, policy)
  const { hardware, warnings } = appraiseTcb(claims, policy, now)
  const { mrenclave, mrsigner, isvprodid, min_isvsvn: least } = policy.reference
  const matched = matchAll(claims, { mrenclave, mrsigner }, now)
  const product = claims.flags.isvprodid
  if (mrsigner ? product !== isvprodid : isvprodid !== undefined && product !== isvprodid)
    throw new Denial('evidence.measurement_unlisted', 'isvprodid')
  if (least !== undefined && (claims.tcb.isvsvn ?? -1) < least)
    throw new Denial('evidence.measurement_unlisted', `isvsvn below ${least}`)
  return {
    trust: {
      hardware: claims.flags.debug === false ? hardware : 96,
      configuration: 2,
      executables: 2,
    },
    matched,
    warnings,
  }
}
