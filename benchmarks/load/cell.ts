// One measured cell of a server under load: CPU of its process per request, throughput or latency; every answer accounted for.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sample } from '../case.ts'
import type { Target } from '../references/table.ts'
import { type Call, takeIds, verify } from './call.ts'
import { openLoop, streams } from './generators.ts'
import type { Service } from './process.ts'
import type { Schedule } from './schedule.ts'
import { type Spent, Watch } from './watch.ts'
import { type Load, load } from './wrk.ts'

/** How far the mean size of the answers may be from that of the answers that were looked into. */
const SIZE_TOLERANCE = 0.05
/** Milliseconds. */
const REST = 2000
/** Seconds of one turn. */
const SETTLING = 3

/** Calls of one kind to one server, verified before, sized during, verified after. */
export class Lane {
  readonly target: Target
  readonly call: Call
  readonly #watch: Watch
  readonly #connections: number
  #size = Number.NaN

  constructor(target: Target, upstream: Service, call: Call, connections: number) {
    this.target = target
    this.call = call
    this.#watch = new Watch(target.service, upstream)
    this.#connections = connections
  }

  /** Looks into every answer. Gives back the throughput that looking allows. */
  async warmUp(seconds: number): Promise<void> {
    await verify(this.call)
    const options = { connections: this.#connections, seconds, checked: true }
    const { bytes, requests } = await load(this.call, options)
    this.#size = bytes / requests
  }

  /** As fast as it goes until the server has answered so many calls, or the time is over. */
  async settle({ calls, seconds }: { calls: number; seconds: number }): Promise<void> {
    let done = 0
    for (let spent = 0; spent < seconds && done < calls; spent += SETTLING) {
      const loaded = await load(this.call, { connections: this.#connections, seconds: SETTLING })
      done += loaded.requests
    }
  }

  /** As fast as it goes. */
  async measure(seconds: number): Promise<Sample> {
    const options: Load = { connections: this.#connections, seconds }
    const [loaded, spent] = await this.#watch.during(() => load(this.call, options))
    await this.#check(loaded)
    const { requests, p50, p99 } = loaded
    const seen = { throughput: requests / loaded.seconds, p50, p99 }
    return sampleOf(requests, spent, seen)
  }

  /** When the schedule says. Any answer that is wrong ends the case, unless failures are what is looked for. */
  async follow(
    schedule: Schedule,
    connections: number,
    wrong: 'end' | 'count failures' = 'end',
  ): Promise<Sample> {
    const [summary, spent] = await this.#watch.during(() =>
      openLoop({ call: this.call, schedule, connections, first: takeIds() }),
    )
    const { requests, failed, sample, ...micros } = summary
    if (failed > 0 && wrong === 'end')
      throw new Error(`${failed} of ${requests} answers were wrong: ${sample}`)
    return sampleOf(requests, spent, { ...milliseconds(micros), failed })
  }

  /** Streams of events, read one after the other over so many connections; the cost is per event. */
  async stream(connections: number, seconds: number): Promise<Sample> {
    const [summary, spent] = await this.#watch.during(() =>
      streams({ call: this.call, connections, seconds, first: takeIds() }),
    )
    const { events, failed, sample, firstByte, event, event99 } = summary
    if (failed > 0) throw new Error(`${failed} of ${summary.streams} streams failed: ${sample}`)
    const seen = { 'first byte': firstByte, event, 'event p99': event99 }
    return sampleOf(events, spent, milliseconds(seen))
  }

  /** MiB resident when nothing has happened for a while. */
  async resting(milliseconds = REST): Promise<number> {
    await sleep(milliseconds)
    return this.target.service.resident() / 2 ** 20
  }

  async #check({ bytes, requests }: { bytes: number; requests: number }): Promise<void> {
    await verify(this.call)
    const off = Math.abs(bytes / requests / this.#size - 1)
    if (off > SIZE_TOLERANCE)
      throw new Error(`answers of ${bytes / requests} bytes, those looked into had ${this.#size}`)
  }
}

function sampleOf(times: number, spent: Spent, seen: Readonly<Record<string, number>>): Sample {
  const { subject, upstream, elapsed, resident, others } = spent
  return {
    times,
    cost: subject / times / 1000,
    // saturation below one: the load was the limit, and throughput says less than the server could do
    seen: {
      ...seen,
      saturation: subject / elapsed,
      upstream: upstream / times / 1000,
      resident: resident / 2 ** 20,
    },
    others,
  }
}

const milliseconds = (micros: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(micros).map(([name, value]) => [name, value / 1000]))
