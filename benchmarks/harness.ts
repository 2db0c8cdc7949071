// Interleaved measuring in one process: calibrated batches, rounds over all variants, a watch on what else the machine does.
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { BenchmarkCase, Variant } from './case.ts'

export interface Cell {
  readonly variant: string
  readonly round: number
  readonly times: number
  /** Nanoseconds per unit of work. */
  readonly ns: number
  /** Share of one core that others used meanwhile. */
  readonly others: number
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
  let sink = 0
  const times = new Map<string, number>()
  for (const variant of about.variants) {
    const fixed = about.times?.(quick)
    times.set(variant.name, fixed ?? (await calibrate(variant, about.cell ?? options.cell)))
  }
  await about.warmUp?.()
  const cells: Cell[] = []
  const rounds = about.rounds?.(quick) ?? options.rounds
  for (let round = 0; round < rounds; round++) {
    // another one begins each round, so that nobody always follows the same
    const shift = round % about.variants.length
    for (const variant of [...about.variants.slice(shift), ...about.variants.slice(0, shift)]) {
      const count = times.get(variant.name) ?? 1
      const before = machine()
      const counted = about.counter?.(variant.name) ?? 0
      const start = process.hrtime.bigint()
      sink += await variant.run(count)
      const elapsed = Number(process.hrtime.bigint() - start)
      const cost = about.counter ? about.counter(variant.name) - counted : elapsed
      const others = about.counter ? 0 : otherShare(before, machine(), elapsed)
      cells.push({
        variant: variant.name,
        round,
        times: count,
        ns: cost / count,
        others,
        dirty: others > DIRTY,
      })
    }
  }
  return { cells, sink }
}

/** Milliseconds. */
const WARM_UP = 400

/** Warms up and finds how often fits into a cell. */
async function calibrate(variant: Variant, cell: number): Promise<number> {
  let times = 1
  for (;;) {
    const start = process.hrtime.bigint()
    await variant.run(times)
    const ms = Number(process.hrtime.bigint() - start) / 1e6
    if (ms >= cell / 4) {
      const warm = Math.max(1, Math.round((times * cell) / ms))
      // long enough for the optimising compiler to have seen all of it before the first round
      const until = performance.now() + WARM_UP
      while (performance.now() < until) await variant.run(warm)
      return warm
    }
    times *= 2
  }
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

function busyTicks(): number | undefined {
  try {
    const [first = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1)
    const [, user = 0, nice = 0, system = 0, , , irq = 0, soft = 0, steal = 0] = first
      .split(/\s+/)
      .map(Number)
    return user + nice + system + irq + soft + steal
  } catch {
    return undefined
  }
}

// ticks are coarse: one cell says little, many say much
function otherShare(before: Ticks, after: Ticks, elapsedNs: number): number {
  if (before.busy === undefined || after.busy === undefined) return 0
  const busyMs = (after.busy - before.busy) * 10
  const ownMs = (after.own - before.own) / 1000
  const share = (busyMs - ownMs) / (elapsedNs / 1e6)
  return Math.min(availableParallelism(), Math.max(0, share))
}
