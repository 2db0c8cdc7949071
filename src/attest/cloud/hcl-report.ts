// The report that Azure's paravisor leaves in its vTPM (HCL report): a report of the hardware, and the JSON whose digest that report carries.
import { createHash, type KeyObject } from 'node:crypto'
import { Denial, malformed } from '../denial.ts'
import { base64urlBytes, type Members, membersOf, readMembers } from '../tpm/members.ts'
import { strongKeyOf } from '../tpm/public.ts'
import { rsaSpki } from '../tpm/spki.ts'

export interface HclReport {
  readonly tee: 'sev-snp' | 'tdx'
  /** What the hardware reported: an SNP report, or a TD report that only its own processor can check. */
  readonly hardware: Uint8Array
  /** SHA-256 of the JSON, behind which the other half of the report data is zero. */
  readonly reportData: Uint8Array
  /** The key that signs quotes of this vTPM. */
  readonly ak: { readonly spki: Uint8Array; readonly key: KeyObject }
  readonly secureBoot: boolean
}

const LARGEST = 8192
const HEADER = 32
const HARDWARE = 1184
const RUNTIME = 20
const SIGNATURE = 0x414c4348 // "HCLA", little endian
const TEES: ReadonlyMap<number, HclReport['tee']> = new Map([
  [2, 'sev-snp'],
  [4, 'tdx'],
])
const SHA256 = 1
const REPORT_DATA = 64
const AK = 'HCLAkPub'

/** Throws `evidence.malformed`, `evidence.too_large`, `evidence.unsupported`, `evidence.weak_algorithm`. */
export function readHclReport(bytes: Uint8Array): HclReport {
  if (bytes.length > LARGEST) throw new Denial('evidence.too_large', 'HCL report')
  const start = HEADER + HARDWARE + RUNTIME
  if (bytes.length < start) throw malformed('HCL report: ends early')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint32(0, true) !== SIGNATURE) throw malformed('HCL report: signature')
  const word = (at: number): number => view.getUint32(HEADER + HARDWARE + at, true)
  const [version, type, hash, length] = [word(4), word(8), word(12), word(16)]
  const tee = TEES.get(type)
  if (version !== 1 || !tee) throw new Denial('evidence.unsupported', 'HCL report: runtime data')
  if (hash !== SHA256) throw new Denial('evidence.weak_algorithm', 'HCL report: not SHA-256')
  if (length > bytes.length - start) throw malformed('HCL report: ends early')
  // it is read from an index of the TPM, which is longer
  if (bytes.subarray(start + length).some((octet) => octet !== 0))
    throw malformed('HCL report: more than belongs to it')
  const json = bytes.subarray(start, start + length)
  const reportData = new Uint8Array(REPORT_DATA)
  reportData.set(createHash('sha256').update(json).digest())
  return {
    tee,
    hardware: bytes.subarray(HEADER, HEADER + HARDWARE),
    reportData,
    ...claimsIn(readMembers(json, undefined, { what: 'HCL runtime data', limit: LARGEST })),
  }
}

function claimsIn(members: Members): Pick<HclReport, 'ak' | 'secureBoot'> {
  const { keys, 'vm-configuration': configuration = {} } = members
  if (!Array.isArray(keys)) throw malformed('HCL runtime data: no keys')
  const named = keys
    .map((key: unknown) => membersOf(key, 'HCL runtime data'))
    .filter(({ kid }) => kid === AK)
  const [jwk] = named
  if (!jwk || named.length !== 1) throw malformed(`HCL runtime data: not one ${AK}`)
  const { kty, n, e } = jwk
  if (kty !== 'RSA' || typeof n !== 'string' || typeof e !== 'string')
    throw malformed(`HCL runtime data: ${AK}`)
  const number = (text: string) => base64urlBytes(text, AK, LARGEST)
  const spki = rsaSpki(number(n), number(e))
  const isSecure = membersOf(configuration, 'vm-configuration')['secure-boot']
  return { ak: { spki, key: strongKeyOf(spki, AK) }, secureBoot: isSecure === true }
}
