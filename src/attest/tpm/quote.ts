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
const REGISTERS = 32

interface Bank {
  readonly name: TpmHash
  readonly size: number
  /** Names of its registers in measurements, by the text of their number: made once, not for every quote. */
  readonly names: ReadonlyMap<string, { readonly register: number; readonly name: string }>
}

const BANKS: ReadonlyMap<string, Bank> = new Map(
  [...TPM_HASHES.values()].map(({ name, size }) => [name, { name, size, names: namesIn(name) }]),
)

function namesIn(bank: TpmHash): Bank['names'] {
  const numbers = Array.from({ length: REGISTERS }, (_, register) => register)
  return new Map(numbers.map((register) => [`${register}`, { register, name: `${bank}.pcr${register}` }])) // biome-ignore format: a row
}

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
  const registers = new Map<TpmHash, ReadonlyMap<number, Uint8Array>>()
  const measurements: Record<string, string> = {}
  const given = membersOf(value, 'pcrs')
  for (const bank of Object.keys(given)) {
    const known = BANKS.get(bank)
    if (!known) throw malformed('pcrs: a bank that is not known')
    const digests = membersOf(given[bank], 'pcrs')
    const values = new Map<number, Uint8Array>()
    for (const number of Object.keys(digests)) {
      const found = known.names.get(number)
      if (!found) throw malformed('pcrs: no number of a register')
      values.set(found.register, hexBytes(digests[number], 'pcrs', known.size))
      measurements[found.name] = `${bank}:${digests[number]}`
    }
    registers.set(known.name, values)
  }
  return { registers, measurements }
}
