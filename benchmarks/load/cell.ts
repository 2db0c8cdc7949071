// One measured cell of a server under load: CPU of its process per request, throughput, and a watch on everybody else.
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Sample } from '../case.ts'
import type { Target } from '../references/table.ts'
import { type Call, verify } from './call.ts'
import { busyTicks, parseStat } from './proc.ts'
import type { Service } from './process.ts'
import { type Load, load } from './wrk.ts'

/** How far the mean size of the answers may be from that of the answers that were looked into. */
const SIZE_TOLERANCE = 0.05

/** Calls of one kind to one server, verified before, sized during, verified after. */
export class Lane {
  readonly #target: Target
  readonly #upstream: Service
  readonly #call: Call
  readonly #connections: number
  #size = Number.NaN

  constructor(target: Target, upstream: Service, call: Call, connections: number) {
    this.#target = target
    this.#upstream = upstream
    this.#call = call
    this.#connections = connections
  }

  /** Looks into every answer. */
  async warmUp(seconds: number): Promise<void> {
    await verify(this.#call)
    const options = { connections: this.#connections, seconds, checked: true }
    const { bytes, requests } = await load(this.#call, options)
    this.#size = bytes / requests
  }

  async measure(seconds: number): Promise<Sample> {
    const { service } = this.#target
    const before = this.#counters()
    const loaded = await load(this.#call, { connections: this.#connections, seconds } as Load)
    const after = this.#counters()
    await this.#check(loaded)
    const cpu = after.subject - before.subject
    const elapsed = after.at - before.at
    const known = after.known - before.known
    return {
      times: loaded.requests,
      cost: cpu / loaded.requests / 1000,
      seen: {
        throughput: loaded.requests / loaded.seconds,
        // below one, it is the load that was the limit: then throughput says less than the server could do
        saturation: cpu / elapsed,
        upstream: (after.upstream - before.upstream) / loaded.requests / 1000,
        p50: loaded.p50,
        p99: loaded.p99,
        resident: service.resident() / 2 ** 20,
      },
      others: others(after.busy - before.busy - known, elapsed),
    }
  }

  async #check({ bytes, requests }: { bytes: number; requests: number }): Promise<void> {
    await verify(this.#call)
    const off = Math.abs(bytes / requests / this.#size - 1)
    if (off > SIZE_TOLERANCE)
      throw new Error(`answers of ${bytes / requests} bytes, those looked into had ${this.#size}`)
  }

  #counters() {
    const subject = this.#target.service.cpu()
    const upstream = this.#upstream.cpu()
    const { user, system } = process.cpuUsage()
    const own = (user + system) * 1000
    return {
      subject,
      upstream,
      known: subject + upstream + own + reaped(),
      busy: (busyTicks() ?? Number.NaN) * TICK,
      at: Number(process.hrtime.bigint()),
    }
  }
}

const TICK = 10_000_000

/** Nanoseconds of the children that ended: the load generator. */
function reaped(): number {
  try {
    const { children } = parseStat(readFileSync('/proc/self/stat', 'utf8'))
    return children * TICK
  } catch {
    return 0
  }
}

function others(busy: number, elapsed: number): number {
  const share = busy / elapsed
  return Number.isNaN(share) ? 0 : Math.min(availableParallelism(), Math.max(0, share))
}
