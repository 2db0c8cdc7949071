// The SGX extension of an Intel PCK certificate (1.2.840.113741.1.13.1) as values: which platform and which TCB it is of.
import { malformed } from '../denial.ts'
import type { Certificate } from '../format/certificate.ts'
import { Der, hexOf, TAG } from '../format/der.ts'
import { contentOf } from '../format/extensions.ts'

const SGX = '1.2.840.113741.1.13.1'
const COMPONENTS = 16
/** Entries of the extension, and of a sequence in it, that are read at most. */
const MOST = 32

export interface Pck {
  /** Hex, lower case: family, model, stepping, platform type and custom SKU. */
  readonly fmspc: string
  /** Hex, lower case. */
  readonly pceId: string
  /** Which chip it is: the same for all its certificates. Encrypted or all zero where the provider hides it. */
  readonly ppid: Uint8Array
  /** 16 numbers, from 0 to 255. */
  readonly svns: readonly number[]
  readonly pceSvn: number
  readonly cpuSvn: Uint8Array
  /** Certificates of the platform CA only; a platform of several sockets is known by it. */
  readonly platformInstanceId: Uint8Array | undefined
  readonly configuration: PckConfiguration | undefined
}

/** Of the platform CA; undefined: the certificate does not say. */
export interface PckConfiguration {
  readonly dynamicPlatform: boolean | undefined
  readonly cachedKeys: boolean | undefined
  readonly smtEnabled: boolean | undefined
}

/** Throws `evidence.malformed` for a certificate without the extension, or with one that lacks what every PCK certificate has. */
export function readPck(certificate: Pick<Certificate, 'extensions'>): Pck {
  const extension = certificate.extensions.get(SGX)
  if (!extension) throw malformed('PCK certificate: no SGX extension')
  const entries = entriesIn(contentOf(extension.value, 'SGX extension'), SGX)
  const tcb = entriesIn(sequence(entries, '2', 'TCB'), `${SGX}.2`)
  const configuration = entries.has('7')
    ? entriesIn(sequence(entries, '7', 'configuration'), `${SGX}.7`)
    : undefined
  return {
    ppid: octets(entries, '1', 'PPID', 16),
    pceId: hexOf(octets(entries, '3', 'PCEID', 2)),
    fmspc: hexOf(octets(entries, '4', 'FMSPC', 6)),
    svns: Array.from({ length: COMPONENTS }, (_, i) => number(tcb, i + 1, 'component SVN', 0xff)),
    pceSvn: number(tcb, 17, 'PCESVN', 0xffff),
    cpuSvn: octets(tcb, '18', 'CPUSVN', 16),
    platformInstanceId: entries.has('6')
      ? octets(entries, '6', 'platform instance id', 16)
      : undefined,
    configuration: configuration && {
      dynamicPlatform: flag(configuration, '1'),
      cachedKeys: flag(configuration, '2'),
      smtEnabled: flag(configuration, '3'),
    },
  }
}

/** Last arc to value; an arc that is not known is left unread. */
type Entries = ReadonlyMap<string, Der>

function entriesIn(list: Der, below: string): Entries {
  const found = new Map<string, Der>()
  while (!list.isDone) {
    const entry = list.enter(TAG.sequence, 'SGX extension')
    const oid = entry.oid('SGX extension')
    if (!oid.startsWith(`${below}.`)) throw malformed('SGX extension: an entry of another kind')
    const arc = oid.slice(below.length + 1)
    const value = new Der(entry.element('SGX extension'))
    entry.finish('SGX extension')
    if (found.has(arc)) throw malformed(`SGX extension: entry ${arc} twice`)
    if (found.size === MOST) throw malformed('SGX extension: too many entries')
    found.set(arc, value)
  }
  return found
}

function value(entries: Entries, arc: string, what: string): Der {
  const found = entries.get(arc)
  if (!found) throw malformed(`SGX extension: no ${what}`)
  return found
}

function sequence(entries: Entries, arc: string, what: string): Der {
  return value(entries, arc, what).enter(TAG.sequence, what)
}

function octets(entries: Entries, arc: string, what: string, size: number): Uint8Array {
  const found = value(entries, arc, what).octets(what)
  if (found.length !== size) throw malformed(`SGX extension: ${what} is not of ${size} bytes`)
  return found
}

function number(entries: Entries, arc: number, what: string, most: number): number {
  const found = value(entries, String(arc), what).small(what)
  if (found > most) throw malformed(`SGX extension: ${what} above ${most}`)
  return found
}

function flag(entries: Entries, arc: string): boolean | undefined {
  return entries.get(arc)?.boolean('configuration')
}
