// SEV-SNP reports under a root of a test, in the form that processors write: for binders that no genuine report carries.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { EvidenceItem, EvidenceRoot } from '../../../src/attest/evidence/evidence.ts'
import { der } from '../../support/der-writer.ts'
import { sideBySide } from '../mutate.ts'
import { type Bytes, crlPoint, makeCertificate } from './certificate.ts'

export type Product = 'Milan' | 'Genoa' | 'Turin'

/** What a chip is; a value that is not given is one that every default of a policy takes. */
export interface ChipOptions {
  readonly product?: Product
  /** Text of the product extension; by default the product. */
  readonly productName?: string
  /** Of the certificate. */
  readonly tcb?: Bytes
  readonly hwid?: Bytes
  /** A VLEK of this provider instead of a VCEK. */
  readonly cspId?: string
  readonly notBefore?: number
  readonly notAfter?: number
  /** Another chip of the same maker. */
  readonly beside?: Chip
  /** Where the intermediate says that its list is. */
  readonly crlUrl?: string
}

export interface Chip {
  readonly root: EvidenceRoot
  /** Name and key of the root, as an issuer of lists. */
  readonly issuer: { readonly name: string; readonly key: KeyObject }
  readonly options: Required<Pick<ChipOptions, 'product' | 'tcb' | 'hwid'>> & ChipOptions
  /** Of whoever certifies chips. */
  readonly middleKey: KeyObject
  /** Of the key that signs reports. */
  readonly key: KeyObject
  readonly leaf: Bytes
  /** Intermediate, then root. */
  readonly chain: readonly Bytes[]
}

const ARC = '1.3.6.1.4.1.3704.1'
/** Last arcs of the extensions in the order of the bytes of a TCB. */
const ARCS = { Milan: [1, 2, 4, 5, 6, 7, 3, 8], Genoa: [1, 2, 4, 5, 6, 7, 3, 8], Turin: [9, 1, 2, 3, 5, 6, 7, 8] } as const // biome-ignore format: a table
const TCB = {
  Milan: [4, 0, 0, 0, 0, 0, 0x18, 219],
  Genoa: [10, 0, 0, 0, 0, 0, 0x17, 84],
  Turin: [1, 1, 1, 4, 0, 0, 0, 82],
} as const
const CPUID = { Milan: [0x19, 0x01], Genoa: [0x19, 0x11], Turin: [0x1a, 0x02] } as const
const YEARS = { notBefore: Date.UTC(2025, 0), notAfter: Date.UTC(2045, 0) }

/** A processor of its own vendor. */
export function makeChip(options: ChipOptions = {}): Chip {
  const { product = 'Milan', cspId } = options
  const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { beside } = options
  const [ark, ask] = [rsa(), rsa()]
  const middleKey = beside?.middleKey ?? ask.privateKey
  const report = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const names = {
    root: `ARK-${product}`,
    middle: `SEV-${cspId === undefined ? '' : 'VLEK-'}${product}`,
  }
  const above = { name: names.root, key: ark.privateKey }
  const root = makeCertificate({ ...YEARS, subject: names.root, publicKey: ark.publicKey, issuer: above, authority: {}, usage: 0x06 }) // biome-ignore format: one certificate
  const middle = makeCertificate({ ...YEARS, subject: names.middle, publicKey: ask.publicKey, issuer: above, authority: { pathLength: 0 }, usage: 0x04, serial: 2, extensions: options.crlUrl === undefined ? [] : [crlPoint(options.crlUrl)] }) // biome-ignore format: one certificate
  const tcb = options.tcb ?? Uint8Array.from(TCB[product])
  const hwid = options.hwid ?? Buffer.alloc(product === 'Turin' ? 8 : 64, 0xc4)
  const leaf = makeCertificate({
    notBefore: options.notBefore ?? YEARS.notBefore,
    notAfter: options.notAfter ?? YEARS.notAfter,
    subject: cspId === undefined ? 'SEV-VCEK' : 'SEV-VLEK',
    publicKey: report.publicKey,
    issuer: { name: names.middle, key: middleKey },
    serial: 3,
    extensions: [
      [`${ARC}.1`, der.integer(1)],
      [`${ARC}.2`, der.text(0x16, options.productName ?? product)],
      ...ARCS[product].map(
        (arc, at) => [`${ARC}.3.${arc}`, der.integer(tcb[at] as number)] as const,
      ),
      cspId === undefined ? [`${ARC}.4`, hwid] : [`${ARC}.5`, der.text(0x16, cspId)],
    ],
  })
  return {
    root: beside?.root ?? { id: `synthetic-ark-${product.toLowerCase()}`, der: root, synthetic: true }, // biome-ignore format: one row
    issuer: beside?.issuer ?? above,
    middleKey,
    options: { ...options, product, tcb, hwid },
    key: report.privateKey,
    leaf,
    chain: beside?.chain ?? [middle, root],
  }
}

export interface ReportOptions {
  readonly version?: 2 | 3 | 5
  readonly reportData: Bytes
  readonly measurement?: Bytes
  readonly vmpl?: number
  /** Bits over 17, which is always set. */
  readonly policy?: number
  readonly maskChip?: boolean
  /** Last word over what was written, at offsets, before it is signed. */
  readonly patch?: readonly (readonly [at: number, bytes: Bytes])[]
}

export function makeReport(chip: Chip, options: ReportOptions): Bytes {
  const { product, tcb, hwid, cspId } = chip.options
  const { version = 3, reportData, vmpl = 0, policy = 0 } = options
  const report = Buffer.alloc(1184)
  report.writeUInt32LE(version, 0)
  report.writeUInt32LE(policy | (1 << 17), 0x08)
  report.writeUInt32LE(vmpl, 0x30)
  report.writeUInt32LE(1, 0x34)
  report.writeUInt32LE(1 << 5, 0x40)
  report.writeUInt32LE(cspId === undefined ? 0 : 1 << 2, 0x48)
  report.set(reportData, 0x50)
  report.set(options.measurement ?? Buffer.alloc(48, 0x4d), 0x90)
  for (const at of [0x38, 0x180, 0x1e0, 0x1f0]) report.set(tcb, at)
  if (version > 2) report.set(CPUID[product], 0x188)
  if (!options.maskChip && cspId === undefined) report.set(hwid, 0x1a0)
  for (const [at, bytes] of options.patch ?? []) report.set(bytes, at)
  report.set(signatureOf(report.subarray(0, 0x2a0), chip.key), 0x2a0)
  return report
}

/** R and S of 72 bytes each, little endian. */
export const SNP_FORM = sideBySide(72, 'little')

function signatureOf(signed: Bytes, key: KeyObject): Bytes {
  const bytes = sign('sha384', signed, { key, dsaEncoding: 'ieee-p1363' })
  return SNP_FORM.write(sideBySide(48).read(bytes))
}

export function snpItem(chip: Chip, bytes: Bytes): EvidenceItem {
  const text = (der: Bytes) => Buffer.from(der).toString('base64url')
  const key = chip.options.cspId === undefined ? 'vcek' : 'vlek'
  return {
    type: 'sev-snp',
    bytes,
    endorsements: { [key]: text(chip.leaf), chain: chip.chain.map(text) },
  }
}
