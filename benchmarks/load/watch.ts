// What a cell cost whom: CPU of the subject and of the upstream, and what others used of the machine meanwhile.
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { busyTicks, parseStat } from './proc.ts'
import type { Service } from './process.ts'

const TICK = 10_000_000

/** Nanoseconds, bytes, and the share of one core that neither of the two, nor the load, nor this process used. */
export interface Spent {
  readonly subject: number
  readonly upstream: number
  readonly elapsed: number
  readonly resident: number
  readonly others: number
}

export class Watch {
  readonly #subject: Service
  readonly #upstream: Service

  constructor(subject: Service, upstream: Service) {
    this.#subject = subject
    this.#upstream = upstream
  }

  async during<T>(work: () => Promise<T>): Promise<[T, Spent]> {
    const before = this.#counters()
    const result = await work()
    const after = this.#counters()
    const of = (name: keyof typeof before) => after[name] - before[name]
    const elapsed = of('at')
    const others = share(of('busy') - of('known'), elapsed)
    const resident = this.#subject.resident()
    return [result, { subject: of('subject'), upstream: of('upstream'), elapsed, resident, others }]
  }

  #counters() {
    const subject = this.#subject.cpu()
    const upstream = this.#upstream.cpu()
    const { user, system } = process.cpuUsage()
    const services = this.#subject.pid === this.#upstream.pid ? subject : subject + upstream
    return {
      subject,
      upstream,
      known: services + (user + system) * 1000 + reaped(),
      busy: (busyTicks() ?? Number.NaN) * TICK,
      at: Number(process.hrtime.bigint()),
    }
  }
}

/** Nanoseconds of the children that ended: the load generator. */
function reaped(): number {
  try {
    return parseStat(readFileSync('/proc/self/stat', 'utf8')).children * TICK
  } catch {
    return 0
  }
}

// ticks are coarse: one cell says little, many say much
function share(busy: number, elapsed: number): number {
  const value = busy / elapsed
  return Number.isNaN(value) ? 0 : Math.min(availableParallelism(), Math.max(0, value))
}
