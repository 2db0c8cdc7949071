// The JSON form of a TPM quote in an envelope: its members as the structures they are; nothing is verified.
//
// application/vnd.portcullis.tpm-quote+json, binary members in base64url without padding:
//   { "v": 1,
//     "quote": TPMS_ATTEST, as the TPM signed it,
//     "signature": TPMT_SIGNATURE,
//     "pcrs": { "sha256": { "0": "<hex>", ... }, ... }  every register that the quote selects and no other,
//     "ak_public": TPMT_PUBLIC of the attestation key (without the size in front), or
//     "ak_spki": its SubjectPublicKeyInfo in DER, where the public area is not to be had }
// Endorsements: ak_cert (DER) and ak_chain (its issuers, each DER, upwards, with or without the root); ek_public (TPMT_PUBLIC),
// ek_cert and ek_chain where the key is to be activated; event_log (the binary log of measured boot).
import { malformed } from '../denial.ts'
import { hexBytes, type Members, membersOf, requiredBytes } from './members.ts'
import {
  type Attest,
  parseAttest,
  parseSignature,
  TPM_HASHES,
  type TpmHash,
  type TpmSignature,
} from './tpms.ts'

export const TPM_QUOTE_MEDIA_TYPE = 'application/vnd.portcullis.tpm-quote+json'
/** Members of every form that holds a quote. */
export const QUOTE_MEMBERS = ['v', 'quote', 'signature', 'pcrs'] as const

export type Registers = ReadonlyMap<TpmHash, ReadonlyMap<number, Uint8Array>>

export interface TpmQuote {
  /** As the TPM signed it. */
  readonly signed: Uint8Array
  readonly attest: Attest
  readonly signature: TpmSignature
  readonly registers: Registers
  /** The same by name: `sha256.pcr7` to `sha256:<hex>`. */
  readonly measurements: Readonly<Record<string, string>>
}

const LARGEST_PART = 2048
const REGISTER = /^(?:[12]?\d|3[01])$/
const SIZES: ReadonlyMap<string, { readonly name: TpmHash; readonly size: number }> = new Map(
  [...TPM_HASHES.values()].map((hash) => [hash.name, hash]),
)

/** Throws `evidence.malformed`, `evidence.unsupported`, `evidence.too_large`, `evidence.weak_algorithm`. */
export function readQuote(members: Members): TpmQuote {
  if (members.v !== 1) throw malformed('v: not 1')
  const signed = requiredBytes(members, 'quote', LARGEST_PART)
  return {
    signed,
    attest: parseAttest(signed),
    signature: parseSignature(requiredBytes(members, 'signature', LARGEST_PART)),
    ...registersIn(members.pcrs),
  }
}

function registersIn(value: unknown): Pick<TpmQuote, 'registers' | 'measurements'> {
  const banks = new Map<TpmHash, ReadonlyMap<number, Uint8Array>>()
  const measurements: Record<string, string> = {}
  for (const [bank, registers] of Object.entries(membersOf(value, 'pcrs'))) {
    const hash = SIZES.get(bank)
    if (!hash) throw malformed('pcrs: a bank that is not known')
    const values = new Map<number, Uint8Array>()
    for (const [register, digest] of Object.entries(membersOf(registers, 'pcrs'))) {
      if (!REGISTER.test(register)) throw malformed('pcrs: no number of a register')
      values.set(Number(register), hexBytes(digest, 'pcrs', hash.size))
      measurements[`${bank}.pcr${register}`] = `${bank}:${digest}`
    }
    banks.set(hash.name, values)
  }
  return { registers: banks, measurements }
}
