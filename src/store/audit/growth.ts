// What one transaction adds to a chain: places, digests, and the records that are the chain's own; who stores it is told row by row.
import {
  CHECKPOINT,
  type ChainDetails,
  type Head,
  link,
  type PrunedDetails,
  type Signer,
} from '../../base/chain.ts'
import type { Batch } from '../audit-table.ts'
import {
  digestOfPasses,
  type KeptPass,
  numbersOf,
  passesOf,
  type Row,
  rowOf,
  SEQ,
  textOfRow,
} from './columns.ts'

/** One run of one process, whichever thread or connection writes for it. */
export interface Run {
  readonly run: string
  readonly pid: number
  readonly started: number
}

/** What a chain has come to. */
export interface Tip {
  readonly seq: number
  readonly n: number
  readonly hash: string
}

/** So many of the chains before it are named by one that begins. */
export const MOST_NAMED = 16
/** Rows that one turn of pruning removes. */
export const PRUNE_BATCH = 1000

export interface GrowthOptions {
  readonly run: Run
  readonly signer: Signer | undefined
  readonly tip: Tip
  /** Records since the last signature. */
  readonly unsigned: number
  readonly insert: (row: Row, head: Head) => void
}

export class Growth {
  readonly #options: GrowthOptions
  seq: number
  n: number
  hash: string
  unsigned: number

  constructor(options: GrowthOptions) {
    this.#options = options
    const { seq, n, hash } = options.tip
    this.seq = seq
    this.n = n
    this.hash = hash
    this.unsigned = options.unsigned
  }

  get grown(): boolean {
    return this.n > this.#options.tip.n
  }

  /** `previous`: what the chains before it had come to. */
  begin(previous: ChainDetails['previous']): void {
    const { pid, started } = this.#options.run
    this.#own('chain', { previous, pid, started })
    this.sign()
  }

  /** Those that are there already are left out. */
  add({ rows, passes }: Batch): void {
    const known = new Map(passes.map(([id, point, entries]) => [id, { point, entries }]))
    const digests = new Map<unknown, string>()
    for (const row of rows)
      if ((row[SEQ] as number) > this.seq) this.#add(row, passDigest(row, known, digests))
    if (this.unsigned >= CHECKPOINT.records) this.sign()
  }

  sign(): void {
    const { signer, run } = this.#options
    if (signer === undefined || this.unsigned === 0) return
    const { n, hash } = this
    this.#own('checkpoint', signer.checkpoint({ chain: run.run, n, hash }))
    this.unsigned = 0
  }

  /** `removed`: the oldest records of all, in order. */
  pruned(removed: readonly Head[]): void {
    const anchors = new Map(removed.map(({ chain, n, hash }) => [chain, { chain, n, hash }]))
    this.#own('pruned', { anchors: [...anchors.values()] } satisfies PrunedDetails)
  }

  // a record of ours has the number of the one before: a hole in the numbers stays a lost record
  #own(kind: 'chain' | 'checkpoint' | 'pruned', details: object): void {
    this.#add(rowOf({ time: Date.now(), seq: this.seq, kind, details }, undefined), '')
  }

  #add(row: Row, passes: string): void {
    const { run, insert } = this.#options
    const chain = run.run
    this.n++
    this.hash = link(this.hash, textOfRow({ chain, n: this.n }, row, passes))
    this.seq = row[SEQ] as number
    this.unsigned++
    insert(row, { chain, n: this.n, hash: this.hash })
  }
}

/** Batches name the same few combinations again and again. */
function passDigest(
  row: Row,
  known: ReadonlyMap<number, KeptPass>,
  digests: Map<unknown, string>,
): string {
  const named = passesOf(row)
  if (named === null) return ''
  let digest = digests.get(named)
  if (digest === undefined) {
    const passes = numbersOf(row) ?? []
    digest = digestOfPasses(passes.map((id) => known.get(id) ?? { point: '', entries: '' }))
    digests.set(named, digest)
  }
  return digest
}
