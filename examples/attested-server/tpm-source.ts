// Evidence of a TPM 2.0: a quote over the registers of measured boot, with the key that signed it and the log behind it.
import { readFile } from 'node:fs/promises'
import type { EvidenceSource } from './attester.ts'
import type { Tpm } from './tpm.ts'

export interface TpmSourceOptions {
  /** Bank to registers; the gateway's policy wants at least some of them. */
  readonly registers?: Readonly<Record<string, readonly number[]>>
  /** Certificate of the attestation key and its issuers, DER. Without one the gateway must have the key enrolled. */
  readonly akCertificates?: readonly Buffer[]
  /** Certificate of the endorsement key and its issuers, DER: with it the gateway can have the attestation key activated. */
  readonly ekCertificates?: readonly Buffer[]
  /** Where the log of measured boot is, such as /sys/kernel/security/tpm0/binary_bios_measurements. */
  readonly eventLog?: string
}

const TYPE = 'application/vnd.portcullis.tpm-quote+json'
const FIRMWARE = { sha256: [0, 1, 2, 3, 4, 5, 6, 7] }
/** Of the binder: older TPMs have no room for all of it. */
const ROOM = 32

export function tpmSource(tpm: Tpm, options: TpmSourceOptions = {}): EvidenceSource {
  const { registers = FIRMWARE, eventLog } = options
  const keys = {
    ...certificates('ak', options.akCertificates),
    ...certificates('ek', options.ekCertificates),
    ...(options.ekCertificates && { ek_public: text(tpm.ekPublic) }),
  }
  return {
    type: TYPE,
    async collect(binder) {
      const { quote, signature, pcrs } = await tpm.quote(binder.subarray(0, ROOM), registers)
      const form = {
        v: 1,
        quote: text(quote),
        signature: text(signature),
        pcrs,
        ak_public: text(tpm.akPublic),
      }
      const log = eventLog === undefined ? {} : { event_log: text(await readFile(eventLog)) }
      return {
        cmw: [TYPE, text(Buffer.from(JSON.stringify(form))), 4],
        endorsements: { ...keys, ...log },
      }
    },
    activate: tpm.activate,
  }
}

function certificates(of: 'ak' | 'ek', list: readonly Buffer[] | undefined): object {
  const [own, ...issuers] = list ?? []
  return own ? { [`${of}_cert`]: text(own), [`${of}_chain`]: issuers.map(text) } : {}
}

const text = (bytes: Buffer): string => bytes.toString('base64url')
