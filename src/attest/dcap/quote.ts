// An Intel DCAP quote (SGX v3, SGX and TDX v4 and v5) as values: what stands where, with no judgement about keys, chains or TCB.
import { Denial, malformed } from '../denial.ts'
import { hexOf, isZero } from '../format/der.ts'

/** REPORTBODY of an enclave, 384 bytes; everything is a view into the quote. */
export interface SgxReport {
  readonly bytes: Uint8Array
  readonly cpuSvn: Uint8Array
  readonly miscSelect: Uint8Array
  readonly attributes: Uint8Array
  readonly mrEnclave: Uint8Array
  readonly mrSigner: Uint8Array
  readonly configId: Uint8Array
  readonly isvProdId: number
  readonly isvSvn: number
  readonly reportData: Uint8Array
}

/** TDREPORT body of a trust domain: 584 bytes for TD 1.0, 648 for TD 1.5. */
export interface TdReport {
  readonly bytes: Uint8Array
  readonly teeTcbSvn: Uint8Array
  readonly mrSeam: Uint8Array
  readonly mrSignerSeam: Uint8Array
  readonly seamAttributes: Uint8Array
  readonly attributes: Uint8Array
  readonly xfam: Uint8Array
  readonly mrTd: Uint8Array
  readonly mrConfigId: Uint8Array
  readonly mrOwner: Uint8Array
  readonly mrOwnerConfig: Uint8Array
  readonly rtmrs: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  readonly reportData: Uint8Array
  /** TD 1.5: the measurement of the service (migration) TDs; all zero: none. */
  readonly mrServiceTd: Uint8Array | undefined
}

interface QuoteParts {
  readonly version: 3 | 4 | 5
  /** What the attestation key signed: header and body, in v5 with the descriptor between them. */
  readonly signed: Uint8Array
  /** r and s, 32 bytes each. */
  readonly signature: Uint8Array
  /** x and y, 32 bytes each. */
  readonly attestationKey: Uint8Array
  readonly qe: SgxReport
  readonly qeSignature: Uint8Array
  readonly qeAuthData: Uint8Array
  /** PEM, leaf first, as it was sent. */
  readonly pckChain: Uint8Array
  /** Bytes after the declared end that are not zero padding: up to the last one that is not zero; nobody signed them. */
  readonly trailing: number
}

export type DcapQuote = QuoteParts &
  (
    | { readonly tee: 'sgx'; readonly body: SgxReport }
    | { readonly tee: 'tdx'; readonly body: TdReport }
  )

/** Buffers of 8000 bytes are seen; a chain of three certificates takes 4 KiB. */
const LARGEST = 32 * 1024
const HEADER = 48
const ECDSA_P256 = 2
const TEE_SGX = 0
const TEE_TDX = 0x81
const INTEL_QE = '939a7233f79c4ca9940a0db3957f0607'
const SGX_REPORT = 384
const TD_1_0 = 584
const TD_1_5 = 648
/** Body types of v5 to their sizes. */
const BODIES: Readonly<Record<number, { readonly tee: number; readonly size: number }>> = {
  1: { tee: TEE_SGX, size: SGX_REPORT },
  2: { tee: TEE_TDX, size: TD_1_0 },
  3: { tee: TEE_TDX, size: TD_1_5 },
}
const PCK_PEM_CHAIN = 5
const QE_REPORT_WITH_CHAIN = 6

/**
 * The declared length rules, as the outer length is not signed: zero padding after it is tolerated, anything else is refused, or cut
 * off and counted where `trimTrailing` says so. Throws `evidence.malformed`, `evidence.unsupported`, `evidence.too_large`.
 */
export function parseQuote(
  bytes: Uint8Array,
  { trimTrailing = false }: { readonly trimTrailing?: boolean } = {},
): DcapQuote {
  if (bytes.length > LARGEST) throw new Denial('evidence.too_large', 'quote')
  const from = new Cursor(bytes)
  const { version, tee } = headerIn(from)
  const body = from.take(bodySizeIn(from, version, tee), 'quote body')
  const signed = bytes.subarray(0, from.at)
  const auth = new Cursor(from.take(from.u32('quote auth data'), 'quote auth data'))
  const trailing = trailingIn(bytes, from.at)
  if (trailing > 0 && !trimTrailing)
    throw malformed(`quote: ${trailing} bytes after its declared end that are not padding`)
  const parts = { version, signed, trailing, ...authIn(auth, version) }
  return tee === TEE_SGX
    ? { ...parts, tee: 'sgx', body: sgxReportOf(body, 'enclave report') }
    : { ...parts, tee: 'tdx', body: tdReportOf(body) }
}

class Cursor {
  readonly bytes: Uint8Array
  at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  take(size: number, what: string): Uint8Array {
    if (size > this.bytes.length - this.at) throw malformed(`${what}: ends early`)
    this.at += size
    return this.bytes.subarray(this.at - size, this.at)
  }

  u16(what: string): number {
    return u16(this.take(2, what), 0)
  }

  u32(what: string): number {
    const low = this.u16(what)
    return low + this.u16(what) * 0x10000
  }
}

const u16 = (bytes: Uint8Array, at: number): number =>
  (bytes[at] as number) + (bytes[at + 1] as number) * 256

function headerIn(from: Cursor): { readonly version: 3 | 4 | 5; readonly tee: number } {
  const header = new Cursor(from.take(HEADER, 'quote header'))
  const version = header.u16('quote version')
  if (version !== 3 && version !== 4 && version !== 5)
    throw new Denial('evidence.unsupported', 'quote version')
  if (header.u16('attestation key type') !== ECDSA_P256)
    throw new Denial('evidence.unsupported', 'quote attestation key that is not of P-256')
  // reserved in v3, which is of enclaves only
  const tee = header.u32('TEE type')
  if (tee !== TEE_SGX && (tee !== TEE_TDX || version === 3))
    throw new Denial('evidence.unsupported', 'quote TEE type')
  header.take(4, 'QE and PCE SVN')
  if (hexOf(header.take(16, 'QE vendor')) !== INTEL_QE)
    throw new Denial('evidence.unsupported', 'quote of a QE that is not of Intel')
  return { version, tee }
}

function bodySizeIn(from: Cursor, version: number, tee: number): number {
  if (version !== 5) return tee === TEE_SGX ? SGX_REPORT : TD_1_0
  const body = BODIES[from.u16('body type')]
  const size = from.u32('body size')
  if (!body) throw new Denial('evidence.unsupported', 'quote body type')
  if (body.tee !== tee || body.size !== size)
    throw malformed('quote body: type, size and TEE type do not agree')
  return size
}

type AuthParts = Omit<QuoteParts, 'version' | 'signed' | 'trailing'>

function authIn(auth: Cursor, version: number): AuthParts {
  const signature = auth.take(64, 'quote signature')
  const attestationKey = auth.take(64, 'attestation key')
  let inner = auth
  if (version !== 3) {
    if (auth.u16('certification data type') !== QE_REPORT_WITH_CHAIN)
      throw new Denial('evidence.unsupported', 'quote certification data without a QE report')
    inner = new Cursor(auth.take(auth.u32('certification data'), 'certification data'))
  }
  const qe = sgxReportOf(inner.take(SGX_REPORT, 'QE report'), 'QE report')
  const qeSignature = inner.take(64, 'QE report signature')
  const qeAuthData = inner.take(inner.u16('QE auth data'), 'QE auth data')
  if (inner.u16('certification data type') !== PCK_PEM_CHAIN)
    throw new Denial('evidence.unsupported', 'quote certification data that is no PCK chain')
  const pckChain = inner.take(inner.u32('PCK chain'), 'PCK chain')
  for (const { at, bytes } of [inner, auth])
    if (at !== bytes.length) throw malformed('quote auth data: more than belongs to it')
  return { signature, attestationKey, qe, qeSignature, qeAuthData, pckChain }
}

/** How many bytes from `at` to the last one that is not zero. */
function trailingIn(bytes: Uint8Array, at: number): number {
  let end = bytes.length
  while (end > at && bytes[end - 1] === 0) end--
  return end - at
}

/** Offset and length of what must be zero in an enclave report. */
const RESERVED: readonly (readonly [number, number])[] = [
  [20, 12],
  [96, 32],
  [160, 32],
  [262, 42],
]

function sgxReportOf(bytes: Uint8Array, what: string): SgxReport {
  for (const [at, size] of RESERVED)
    if (!isZero(bytes, at, at + size)) throw malformed(`${what}: reserved bytes are set`)
  return {
    bytes,
    cpuSvn: bytes.subarray(0, 16),
    miscSelect: bytes.subarray(16, 20),
    attributes: bytes.subarray(48, 64),
    mrEnclave: bytes.subarray(64, 96),
    mrSigner: bytes.subarray(128, 160),
    configId: bytes.subarray(192, 256),
    isvProdId: u16(bytes, 256),
    isvSvn: u16(bytes, 258),
    reportData: bytes.subarray(320, 384),
  }
}

function tdReportOf(bytes: Uint8Array): TdReport {
  const part = (at: number, size: number): Uint8Array => bytes.subarray(at, at + size)
  return {
    bytes,
    teeTcbSvn: part(0, 16),
    mrSeam: part(16, 48),
    mrSignerSeam: part(64, 48),
    seamAttributes: part(112, 8),
    attributes: part(120, 8),
    xfam: part(128, 8),
    mrTd: part(136, 48),
    mrConfigId: part(184, 48),
    mrOwner: part(232, 48),
    mrOwnerConfig: part(280, 48),
    rtmrs: [part(328, 48), part(376, 48), part(424, 48), part(472, 48)],
    reportData: part(520, 64),
    mrServiceTd: bytes.length === TD_1_5 ? part(600, 48) : undefined,
  }
}
