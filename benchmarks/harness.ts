// Interleaved measuring: calibrated batches or cells that measure themselves, rounds over all variants, a watch on what else the machine does.
import { availableParallelism } from 'node:os'
import type { BenchmarkCase, Sample, Trial, Variant } from './case.ts'
import { busyTicks } from './load/proc.ts'

export interface Cell extends Sample {
  readonly variant: string
  readonly round: number
  readonly dirty: boolean
}

export interface Measured {
  readonly cells: readonly Cell[]
  readonly sink: number
}

export interface MeasureOptions {
  readonly rounds: number
  /** Milliseconds of one cell. */
  readonly cell: number
}

/** More of a core than this, used by others, marks a cell as dirty; it is counted and kept, never dropped. */
const DIRTY = 0.25

export async function measure(
  about: BenchmarkCase,
  options: MeasureOptions,
  quick: boolean,
): Promise<Measured> {
  const work = new Work(about)
  for (const variant of about.variants)
    if ('run' in variant) await work.prepare(variant, quick, options)
  await about.warmUp?.()
  const cells: Cell[] = []
  const rounds = about.rounds?.(quick) ?? options.rounds
  for (let round = 0; round < rounds; round++) {
    // another one begins each round, so that nobody always follows the same
    const shift = round % about.variants.length
    for (const variant of [...about.variants.slice(shift), ...about.variants.slice(0, shift)]) {
      const sample = await ('run' in variant ? work.sample(variant) : tried(variant, quick))
      cells.push({ variant: variant.name, round, ...sample, dirty: sample.others > DIRTY })
    }
  }
  return { cells, sink: work.sink }
}

async function tried(variant: Trial, quick: boolean): Promise<Sample> {
  const sample = await variant.trial(quick)
  if (!(sample.times > 0 && Number.isFinite(sample.cost)))
    throw new Error(`${variant.name} did no work: ${JSON.stringify(sample)}`)
  return sample
}

/** Work in this process, or in one whose counter the case reads. */
export class Work {
  sink = 0
  readonly #about: BenchmarkCase
  readonly #times = new Map<string, number>()

  constructor(about: BenchmarkCase) {
    this.#about = about
  }

  async prepare(variant: Variant, quick: boolean, { cell }: MeasureOptions): Promise<void> {
    const { times, cell: own } = this.#about
    this.#times.set(variant.name, times?.(quick) ?? (await calibrate(variant, own ?? cell)))
  }

  async sample({ name, run }: Variant): Promise<Sample> {
    const { counter } = this.#about
    const times = this.#times.get(name) ?? 1
    const before = machine()
    const counted = counter?.(name) ?? 0
    const start = process.hrtime.bigint()
    this.sink += await run(times)
    const elapsed = Number(process.hrtime.bigint() - start)
    const cost = (counter ? counter(name) - counted : elapsed) / times
    return { times, cost, seen: {}, others: counter ? 0 : otherShare(before, machine(), elapsed) }
  }
}

/** Milliseconds. */
const WARM_UP = 400

/** Warms up and finds how often fits into a cell. */
async function calibrate(variant: Variant, cell: number): Promise<number> {
  let times = 1
  for (;;) {
    const ms = await shortest(variant, times)
    if (ms >= cell / 4) {
      const warm = Math.max(1, Math.round((times * cell) / ms))
      // long enough for the optimising compiler to have seen all of it before the first round
      const until = performance.now() + WARM_UP
      while (performance.now() < until) await variant.run(warm)
      return Math.max(1, Math.round((warm * cell) / (await shortest(variant, warm))))
    }
    times *= 2
  }
}

/** Milliseconds; one run alone may have waited for its core. */
async function shortest(variant: Variant, times: number): Promise<number> {
  let ms = Number.POSITIVE_INFINITY
  for (let i = 0; i < 2; i++) {
    const start = process.hrtime.bigint()
    await variant.run(times)
    ms = Math.min(ms, Number(process.hrtime.bigint() - start) / 1e6)
  }
  return ms
}

interface Ticks {
  /** Hundredths of a second, all cores, not idle; undefined where there is no /proc. */
  readonly busy: number | undefined
  /** Microseconds of this process. */
  readonly own: number
}

function machine(): Ticks {
  const { user, system } = process.cpuUsage()
  return { busy: busyTicks(), own: user + system }
}

// ticks are coarse: one cell says little, many say much
function otherShare(before: Ticks, after: Ticks, elapsedNs: number): number {
  if (before.busy === undefined || after.busy === undefined) return 0
  const busyMs = (after.busy - before.busy) * 10
  const ownMs = (after.own - before.own) / 1000
  const share = (busyMs - ownMs) / (elapsedNs / 1e6)
  return Math.min(availableParallelism(), Math.max(0, share))
}
