// The certificate table that comes with an extended report (GHCB 4.1.8.1): which certificates it holds, none of them looked at.
import { Denial, malformed } from '../denial.ts'
import { hexOf, isZero } from '../format/der.ts'

export type SnpTableName = 'vcek' | 'vlek' | 'ask' | 'ark' | 'crl'

/** GUIDs in the order in which their bytes stand. */
const NAMES: Readonly<Record<string, SnpTableName>> = {
  '63da758de6644564adc5f4b93be8accd': 'vcek',
  a8074bc2a25a483eaae639c045a0b8a1: 'vlek',
  '4ab7b379bbac4fe4a02f05aef327c782': 'ask',
  c0b406a4a803495297433fb6014cd0ae: 'ark',
  '92f81bc358114d3d97ffd19f88dc67ea': 'crl',
}
const GUID_BYTES = 16
const ENTRY_BYTES = 24
const MOST_ENTRIES = 16
const LARGEST = 64 * 1024
const WHAT = 'certificate table'

/** Certificates by name; entries of other GUIDs are not looked at. Throws `evidence.malformed`, `evidence.too_large`. */
export function readSnpTable(bytes: Uint8Array): ReadonlyMap<SnpTableName, Uint8Array> {
  if (bytes.length > LARGEST) throw new Denial('evidence.too_large', WHAT)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const found = new Map<SnpTableName, Uint8Array>()
  for (let at = 0; ; at += ENTRY_BYTES) {
    if (at + ENTRY_BYTES > bytes.length) throw malformed(`${WHAT}: does not end`)
    if (isZero(bytes, at, at + GUID_BYTES)) return found
    if (at === MOST_ENTRIES * ENTRY_BYTES) throw new Denial('evidence.too_large', WHAT)
    const guid = hexOf(bytes.subarray(at, at + GUID_BYTES))
    const from = view.getUint32(at + GUID_BYTES, true)
    const length = view.getUint32(at + GUID_BYTES + 4, true)
    if (from + length > bytes.length) throw malformed(`${WHAT}: an entry out of bounds`)
    const name = Object.hasOwn(NAMES, guid) ? NAMES[guid] : undefined
    if (!name) continue
    if (found.has(name)) throw malformed(`${WHAT}: an entry twice`)
    found.set(name, bytes.subarray(from, from + length))
  }
}
