// Audit records as lines of a chain: what a line looks like, how one is made, how it is taken apart; it touches no file.
import {
  CHECKPOINT,
  type ChainDetails,
  type Head,
  link,
  type PrunedDetails,
  type Signer,
} from '../base/chain.ts'
import { type AuditRecord, lineOf } from './record.ts'

/** Bytes that a line has besides the record, from above. */
export const TAIL = 128

/** The members of the chain are the last ones, and the digest the very last: it covers every byte before `,"hash":`. */
const CHAINED = /,"chain":"([\w-]{1,64})","n":(\d{1,15}),"hash":"([\w-]{43})"\}$/
/** Longer than what CHAINED may match. */
const CHAINED_MOST = 256
/** Of `,"hash":"…"}`. */
const HASH_PART = 9 + 43 + 2

export interface Line {
  readonly head: Head
  /** What the digest covers besides the one before. */
  readonly body: Uint8Array
  /** The record with the members of its chain. */
  readonly record: Readonly<Record<string, unknown>>
}

/** Undefined: it is no line of a chain. */
export function readLine(bytes: Uint8Array): Line | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [, chain = '', n = '', hash = ''] =
    CHAINED.exec(buffer.toString('latin1', Math.max(0, buffer.length - CHAINED_MOST))) ?? []
  if (hash === '') return undefined
  try {
    const record = JSON.parse(buffer.toString()) as Line['record']
    const body = buffer.subarray(0, buffer.length - HASH_PART)
    return { head: { chain, n: Number(n), hash }, body, record }
  } catch {
    return undefined
  }
}

export interface LineChainOptions {
  readonly id: string
  readonly signer: Signer | undefined
  readonly wall: () => number
}

/** One chain of lines, from the moment its writer begins. Each line ends with a line feed. */
export class LineChain {
  readonly id: string
  readonly #options: LineChainOptions
  #n = 0
  #hash = ''
  #seq = 0
  /** Records since the last signature, which is none of them. */
  #unsigned = 0

  constructor(options: LineChainOptions) {
    this.id = options.id
    this.#options = options
  }

  get begun(): boolean {
    return this.#n > 0
  }

  /** Something waits for a signature. */
  get unsigned(): boolean {
    return this.#options.signer !== undefined && this.#unsigned > 0
  }

  begin(details: ChainDetails): string {
    const pid = process.pid
    return this.#own('chain', { ...details, pid }) + this.checkpoint()
  }

  /** `record`: as `lineOf` makes it. */
  line(record: string, seq: number): string {
    this.#seq = seq
    const text = this.#add(record)
    return this.#unsigned < CHECKPOINT.records ? text : text + this.checkpoint()
  }

  /** Signs what there is; empty when nobody signs or nothing is new. */
  checkpoint(): string {
    const { signer } = this.#options
    if (signer === undefined || this.#unsigned === 0) return ''
    const { id: chain } = this
    const text = this.#own('checkpoint', signer.checkpoint({ chain, n: this.#n, hash: this.#hash }))
    this.#unsigned = 0
    return text
  }

  pruned(details: PrunedDetails): string {
    return this.#own('pruned', details)
  }

  // a record of ours has the number of the one before: a hole in the numbers stays a lost record
  #own(kind: AuditRecord['kind'], details: object): string {
    return this.#add(lineOf({ time: this.#options.wall(), seq: this.#seq, kind, details }))
  }

  #add(record: string): string {
    const body = `${record.slice(0, -1)},"chain":"${this.id}","n":${++this.#n}`
    this.#hash = link(this.#hash, body)
    this.#unsigned++
    return `${body},"hash":"${this.#hash}"}\n`
  }
}
