// What a verification needs besides the document: who asks for it and how it is handed in; nothing here fetches or checks.

/** One document to get before verifying. Equal ids are the same document. */
export interface CollateralNeed {
  /** Under which the verifier finds it again, such as `crl:<sha256 of issuer name>` or `tdx-tcb:<fmspc>`. */
  readonly id: string
  readonly kind: 'crl' | 'ocsp' | 'certificate' | 'tdx-tcb' | 'tdx-qe' | 'jwks' | 'bundle'
  /** Where it may be had, in order; empty: only from what the operator supplied. */
  readonly urls: readonly string[]
  /** Sent with POST, such as an OCSP request. */
  readonly body?: Uint8Array
  readonly contentType?: string
  /** Milliseconds: one that was received longer ago is of no use. */
  readonly maxAge?: number
  /** False: verification may go on without it, and says so. */
  readonly required: boolean
}

/** What was received, by id: the bytes as they came, and the headers that carry part of the document (issuer chains). */
export type Collateral = ReadonlyMap<
  string,
  {
    readonly bytes: Uint8Array
    readonly headers?: Readonly<Record<string, string>>
    /** Milliseconds since the epoch. */
    readonly receivedAt: number
  }
>
