// Minutes at half load with policies on: memory, failed requests, open files when nothing is under way, segment by segment.
import type { BenchmarkCase, Claim, OpenCase, Sample } from '../case.ts'
import type { Lane } from '../load/cell.ts'
import { openFleet, type Row } from './fleet.ts'
import { IN_EXPRESS } from './gateways.ts'

/** Seconds. */
const SEGMENT = 30
const CONNECTIONS = 64
const SHARE = 0.5
/** Longer than the gateway keeps an idle connection to an upstream: what is open then is open for good. Milliseconds. */
const IDLE = 15_000
/** The last quarter of the segments says how it ended. */
const END = 4

const NAME = 'gateway in Express, 10 plugins'

export const openSoak =
  (minutes: number): OpenCase =>
  async () => {
    if (!(minutes > 0)) throw new Error('--minutes takes a positive number')
    const segments = Math.max(END, Math.ceil((minutes * 60) / SEGMENT))
    const course = new Course(segments)
    const row: Row = { name: NAME, start: IN_EXPRESS, trial: (lane) => course.segment(lane) }
    const fleet = await openFleet([row], false)
    return {
      name: 'soak',
      title: `${minutes} minutes at half load`,
      unit: 'us of CPU per request',
      shown: ['p50', 'p99', 'p999', 'resident', 'failed', 'open files'],
      curve: { along: 'rounds', of: 'resident' },
      notes: [
        `An open loop at ${SHARE * 100} % of the throughput measured before, in segments of ${SEGMENT} s; 10 plugins before and after each call, audit and metrics on.`,
        'Between segments the load goes away for two seconds, and memory (MiB) is that of the idle gateway then; failed requests are counted from the beginning. Open files are compared when idle connections have been given up, before the first segment and after the last.',
        ...fleet.notes,
      ],
      claims: claimsFor(Math.ceil(segments / END)),
      rounds: () => segments,
      ...fleet.parts,
      async warmUp() {
        await fleet.parts.warmUp?.()
        await course.begin(fleet.lanes.get(NAME) as Lane)
      },
    } satisfies BenchmarkCase
  }

const claimsFor = (last: number): readonly Claim[] => [
  { id: 'soak memory', what: 'resident memory in the last quarter to after warming up', variant: NAME, measure: 'value', of: 'growth', last, unit: 'x', must: 1.1, stretch: 1.05 },
  { id: 'soak failures', what: 'failed requests', variant: NAME, measure: 'value', of: 'failed', last: 1, unit: '', must: 0 },
  { id: 'soak files', what: 'open files more than after warming up', variant: NAME, measure: 'value', of: 'more files', last: 1, unit: '', must: 0 },
] // biome-ignore format: a table

class Course {
  readonly #segments: number
  #done = 0
  #rate = 0
  #warm = 0
  #files = 0
  #failed = 0

  constructor(segments: number) {
    this.#segments = segments
  }

  async begin(lane: Lane): Promise<void> {
    const { seen } = await lane.measure(10)
    this.#rate = (seen.throughput ?? 0) * SHARE
    // the same kind of load as in the segments, so that its connections and pools are there
    await lane.follow(this.#schedule(), CONNECTIONS)
    this.#warm = await lane.resting()
    await lane.resting(IDLE)
    this.#files = lane.target.service.openFiles()
  }

  async segment(lane: Lane): Promise<Sample> {
    const sample = await lane.follow(this.#schedule(), CONNECTIONS, 'count failures')
    const resident = await lane.resting()
    if (++this.#done === this.#segments) await lane.resting(IDLE)
    const files = lane.target.service.openFiles()
    this.#failed += sample.seen.failed ?? 0
    const seen = {
      ...sample.seen,
      resident,
      growth: resident / this.#warm,
      failed: this.#failed,
      'open files': files,
      'more files': Math.max(0, files - this.#files),
    }
    return { ...sample, seen }
  }

  #schedule() {
    return { kind: 'rate', rate: this.#rate, seconds: SEGMENT } as const
  }
}
