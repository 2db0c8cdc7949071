// What AMD writes into the certificates of report keys (AMD 57230, section 3): product, TCB and chip; and how products differ in it.
import { Denial, malformed } from '../denial.ts'
import type { Certificate } from '../format/certificate.ts'
import { Der, hexOf, latin1, TAG } from '../format/der.ts'

export const SNP_PRODUCTS = ['Milan', 'Genoa', 'Turin'] as const
export type SnpProduct = (typeof SNP_PRODUCTS)[number]

/** Components of a TCB that have a name; the others are reserved, and only have to agree. */
export const TCB_COMPONENTS = ['fmc', 'bl', 'tee', 'snp', 'ucode'] as const
export type TcbComponent = (typeof TCB_COMPONENTS)[number]
export type SnpTcb = Readonly<Partial<Record<TcbComponent, number>>>

interface Product {
  /** The eight bytes of a TCB in their order: last arc of the extension, and the name if it has one. */
  readonly tcb: readonly (readonly [arc: number, name?: TcbComponent])[]
  readonly hwidBytes: number
  /** Family to ranges of models, as CPUID has them. */
  readonly family: number
  readonly models: readonly (readonly [first: number, last: number])[]
}

const ZEN3_TCB: Product['tcb'] = [[1, 'bl'], [2, 'tee'], [4], [5], [6], [7], [3, 'snp'], [8, 'ucode']] // biome-ignore format: the bytes in their order
const ZEN5_TCB: Product['tcb'] = [[9, 'fmc'], [1, 'bl'], [2, 'tee'], [3, 'snp'], [5], [6], [7], [8, 'ucode']] // biome-ignore format: the bytes in their order

const PRODUCTS: Readonly<Record<SnpProduct, Product>> = {
  Milan: { tcb: ZEN3_TCB, hwidBytes: 64, family: 0x19, models: [[0x00, 0x0f]] },
  // with Bergamo and Siena, which have its keys
  Genoa: { tcb: ZEN3_TCB, hwidBytes: 64, family: 0x19, models: [[0x10, 0x1f], [0xa0, 0xaf]] },
  Turin: { tcb: ZEN5_TCB, hwidBytes: 8, family: 0x1a, models: [[0x00, 0x1f]] },
} // biome-ignore format: a row is a product

const ARC = '1.3.6.1.4.1.3704.1'
const WHAT = 'AMD certificate'

export interface SnpCertificate {
  readonly product: SnpProduct
  /** As a report of this product has it. */
  readonly tcb: Uint8Array
  /** Of a VCEK: 64 bytes, or 8 of Turin. */
  readonly hwid: Uint8Array | undefined
  /** Of a VLEK: to which provider it is leased. */
  readonly cspId: string | undefined
}

/** Throws `evidence.unsupported` for a product that is not known, `evidence.malformed` for an extension that is missing or wrong. */
export function readSnpCertificate({ extensions }: Certificate): SnpCertificate {
  const value = (arc: string) => extensions.get(`${ARC}.${arc}`)?.value
  const product = productIn(value('2'))
  const { tcb, hwidBytes } = PRODUCTS[product]
  const hwid = value('4')
  if (hwid && hwid.length !== hwidBytes) throw malformed(`${WHAT}: length of the hardware id`)
  const cspId = value('5')
  return {
    product,
    tcb: Uint8Array.from(tcb, ([arc]) => byteIn(value(`3.${arc}`))),
    hwid,
    cspId: cspId && textIn(cspId),
  }
}

/** The components of eight bytes by name. */
export function tcbOf(product: SnpProduct, bytes: Uint8Array): SnpTcb {
  const named = PRODUCTS[product].tcb.flatMap(([, name], at) => (name ? [[name, bytes[at]]] : []))
  return Object.fromEntries(named)
}

/** The product that a processor of this CPUID is; undefined: none that is known. */
export function productOfCpuid(cpuid: {
  readonly family: number
  readonly model: number
}): SnpProduct | undefined {
  return SNP_PRODUCTS.find((name) => {
    const { family, models } = PRODUCTS[name]
    return (
      family === cpuid.family &&
      models.some(([first, last]) => cpuid.model >= first && cpuid.model <= last)
    )
  })
}

/** Where AMD gives out the key of a chip at a TCB; undefined: the chip is not named as those of the product are. */
export function vcekUrl(
  product: SnpProduct,
  chipId: Uint8Array,
  reported: Uint8Array,
): string | undefined {
  const { hwidBytes } = PRODUCTS[product]
  if (chipId.subarray(hwidBytes).some((byte) => byte !== 0)) return undefined
  const levels = Object.entries(tcbOf(product, reported)).map(([name, spl]) => `${name}SPL=${spl}`)
  const chip = hexOf(chipId.subarray(0, hwidBytes))
  return `https://kdsintf.amd.com/vcek/v1/${product}/${chip}?${levels.join('&')}`
}

/** `Milan-B0`: the name before the stepping. */
function productIn(value: Uint8Array | undefined): SnpProduct {
  if (!value) throw malformed(`${WHAT}: no product`)
  const [name] = textIn(value).split('-', 1)
  const product = SNP_PRODUCTS.find((known) => known === name)
  if (!product) throw new Denial('evidence.unsupported', `${WHAT}: product`)
  return product
}

function textIn(value: Uint8Array): string {
  const whole = new Der(value)
  const text = latin1(whole.enter(TAG.ia5, WHAT).rest())
  whole.finish(WHAT)
  return text
}

function byteIn(value: Uint8Array | undefined): number {
  if (!value) throw malformed(`${WHAT}: a component of the TCB is missing`)
  const whole = new Der(value)
  const level = whole.small(WHAT)
  whole.finish(WHAT)
  if (level > 0xff) throw malformed(`${WHAT}: a component of the TCB is no byte`)
  return level
}
