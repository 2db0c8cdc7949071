// Documents of other projects put into our JSON forms: the same signed bytes in other members. Nothing is added but headers that they leave out.

interface Coco {
  readonly ak_public?: string
  readonly hcl_report?: string
  readonly tpm_quote: {
    readonly message: string
    readonly signature: string
    readonly pcrs: readonly string[]
  }
}

interface Keylime {
  readonly ak_spki_pem: string
  readonly attest_b64: string
  readonly tpmt_signature_b64: string
  readonly pcr16_hex: string
}

interface GoAttestation {
  readonly AK: { readonly Public: string }
  readonly Quote: { readonly Quote: string; readonly Signature: string }
  readonly Log: {
    readonly Raw: string
    readonly PCRs: readonly {
      readonly Index: number
      readonly Digest: string
      readonly DigestAlg: number
    }[]
  }
}

const url = (base64: string): string => Buffer.from(base64, 'base64').toString('base64url')
const urlOfHex = (hex: string): string => Buffer.from(hex, 'hex').toString('base64url')
const numbered = (values: readonly string[]) => Object.fromEntries(values.entries())

/** By the name of the form in a table of verdicts. */
export const FORMS: Readonly<Record<string, (document: never) => object>> = {
  keylime: (of: Keylime) => ({
    v: 1,
    quote: url(of.attest_b64),
    signature: url(of.tpmt_signature_b64),
    pcrs: { sha256: { 16: of.pcr16_hex } },
    ak_spki: url(of.ak_spki_pem.replace(/-----[^-]+-----|\n/g, '')),
  }),
  'coco-tpm': ({ ak_public = '', tpm_quote: { message, signature, pcrs } }: Coco) => ({
    v: 1,
    quote: url(message),
    signature: url(signature),
    pcrs: { sha256: numbered(pcrs) },
    ak_spki: url(ak_public),
  }),
  'go-attestation': ({ AK, Quote, Log }: GoAttestation) => ({
    v: 1,
    quote: url(Quote.Quote),
    signature: url(Quote.Signature),
    pcrs: {
      sha1: Object.fromEntries(
        Log.PCRs.map(({ Index, Digest }) => [Index, Buffer.from(Digest, 'base64').toString('hex')]),
      ),
    },
    ak_public: url(AK.Public),
  }),
  // the signature comes without the header of TPMT_SIGNATURE: RSASSA, SHA-256, 256 bytes
  'coco-azure': ({ hcl_report = '', tpm_quote: { message, signature, pcrs } }: Coco) => ({
    v: 1,
    quote: urlOfHex(message),
    signature: urlOfHex(`0014000b0100${signature}`),
    pcrs: { sha256: numbered(pcrs) },
    // padded there
    hcl_report: url(hcl_report),
  }),
}
