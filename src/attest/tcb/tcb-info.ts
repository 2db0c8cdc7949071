// TCB Info of Intel's PCS v4: which level the SVNs of a platform reach, and whether the TDX module is the one Intel names.

import type { Pck } from '../dcap/pck.ts'
import type { TdReport } from '../dcap/quote.ts'
import { Denial } from '../denial.ts'
import { equalBytes, hexOf } from '../format/der.ts'
import { hexBytesOf, invalid, type Json, listOf, objectOf, textOf, wholeOf } from './fields.ts'
import { readLevel, type TcbLevel, UNRECOGNIZED } from './status.ts'

const COMPONENTS = 16

/** FMSPC and PCEID are hex of either case. Throws `evidence.collateral_invalid` for TCB Info of something else. */
export function assertTcbInfoIsOf(info: Json, tee: 'sgx' | 'tdx', pck: Pck): void {
  if (info.id !== tee.toUpperCase() || info.version !== 3)
    throw invalid(`TCB info: not of ${tee.toUpperCase()}, version 3`)
  if (hexOf(hexBytesOf(info.fmspc, 6, 'fmspc')) !== pck.fmspc)
    throw invalid('TCB info: of another FMSPC')
  if (hexOf(hexBytesOf(info.pceId, 2, 'pceId')) !== pck.pceId)
    throw invalid('TCB info: of another PCEID')
  // how components compare; 0 is the only way there is
  if (info.tcbType !== 0) throw invalid('TCB info: tcbType')
}

/** The first level whose every SVN the platform reaches; `teeTcbSvn`: of a TD report. */
export function platformLevel(info: Json, pck: Pck, teeTcbSvn: Uint8Array | undefined): TcbLevel {
  for (const one of listOf(info.tcbLevels, 'tcbLevels')) {
    const tcb = objectOf(objectOf(one, 'TCB level').tcb, 'tcb')
    const isReached =
      pck.pceSvn >= wholeOf(tcb.pcesvn, 'pcesvn') &&
      reaches(pck.svns, tcb.sgxtcbcomponents, 0) &&
      // the version of the module (index 1) says that its own identity judges both: they are compared there
      (!teeTcbSvn || reaches(teeTcbSvn, tcb.tdxtcbcomponents, teeTcbSvn[1] === 0 ? 0 : 2))
    if (isReached) return readLevel(one, 'TCB level')
  }
  return UNRECOGNIZED
}

function reaches(svns: ArrayLike<number>, components: unknown, from: number): boolean {
  const list = listOf(components, 'TCB components')
  if (list.length !== COMPONENTS) throw invalid('TCB components: not 16')
  return list.every((component, at) => {
    const least = wholeOf(objectOf(component, 'TCB component').svn, 'svn')
    return at < from || (svns[at] as number) >= least
  })
}

/**
 * The level of the TDX module by its own identity (`TDX_01` and so on, by TEE_TCB_SVN[1]). Undefined: a module of version 0, which the
 * platform's level judges. Throws `evidence.platform_software` for a module that Intel does not name.
 */
export function moduleLevel(info: Json, report: TdReport): TcbLevel | undefined {
  const [svn = 0, version = 0] = report.teeTcbSvn
  if (version === 0) {
    assertModule(objectOf(info.tdxModule, 'tdxModule'), report)
    return undefined
  }
  const id = `TDX_${version.toString(16).padStart(2, '0')}`
  const identity = listOf(info.tdxModuleIdentities ?? [], 'tdxModuleIdentities')
    .map((one) => objectOf(one, 'TDX module identity'))
    .find((one) => textOf(one.id, 'TDX module identity').toLowerCase() === id.toLowerCase())
  if (!identity) throw new Denial('evidence.platform_software', `TCB info names no module ${id}`)
  assertModule(identity, report)
  return isvLevel(identity.tcbLevels, svn, 'TDX module level')
}

function assertModule(identity: Json, { mrSignerSeam, seamAttributes }: TdReport): void {
  const signer = hexBytesOf(identity.mrsigner, 48, 'TDX module mrsigner')
  if (!equalBytes(signer, mrSignerSeam))
    throw new Denial('evidence.platform_software', 'MRSIGNERSEAM')
  const wanted = hexBytesOf(identity.attributes, 8, 'TDX module attributes')
  const mask = hexBytesOf(identity.attributesMask, 8, 'TDX module attributesMask')
  if (!equalMasked(seamAttributes, wanted, mask))
    throw new Denial('evidence.platform_software', 'SEAM attributes')
}

/** The first of the levels whose isvsvn is reached. */
export function isvLevel(levels: unknown, isvSvn: number, what: string): TcbLevel {
  for (const one of listOf(levels, what)) {
    const tcb = objectOf(objectOf(one, what).tcb, what)
    if (isvSvn >= wholeOf(tcb.isvsvn, what)) return readLevel(one, what)
  }
  return UNRECOGNIZED
}

export function equalMasked(value: Uint8Array, wanted: Uint8Array, mask: Uint8Array): boolean {
  return value.every((byte, at) => (byte & (mask[at] as number)) === wanted[at])
}
