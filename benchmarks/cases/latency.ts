// How much later answers come: one at a time beside nginx (P11), and in an open loop at shares of what the gateway can do (P12).
import type { BenchmarkCase, Claim, Sample } from '../case.ts'
import type { Lane } from '../load/cell.ts'
import { DIRECT, REFERENCES } from '../references/table.ts'
import { openFleet, type Row } from './fleet.ts'
import { IN_EXPRESS, WITHOUT_PLUGINS } from './gateways.ts'

const SHARES = [25, 50, 75] as const
/** As many as a busy client opens; a request that finds none free waits, and that counts. */
const OPEN_CONNECTIONS = 64
const SECONDS = { quick: 2, full: 3 }

/** One connection, one call at a time. */
const alone: readonly Row[] = [
  { name: 'alone: direct', start: DIRECT, connections: 1 },
  { name: 'alone: nginx', start: REFERENCES.nginx, connections: 1, needs: 'nginx' },
  { name: 'alone: raw pipe', start: REFERENCES['raw pipe'], connections: 1 },
  { name: 'alone: no plugins', start: WITHOUT_PLUGINS, connections: 1 },
  { name: 'alone: 10 plugins', start: IN_EXPRESS, connections: 1 },
]

/** Both at the same rate, so that what differs is the plugins. */
function openRows(capacity: () => number): Row[] {
  return SHARES.flatMap((share) =>
    [
      { name: `${share} %: no plugins`, start: WITHOUT_PLUGINS },
      { name: `${share} %: 10 plugins`, start: IN_EXPRESS },
    ].map((row) => ({
      ...row,
      trial: (lane: Lane, quick: boolean): Promise<Sample> => {
        const rate = (capacity() * share) / 100
        const seconds = SECONDS[quick ? 'quick' : 'full']
        return lane.follow({ kind: 'rate', rate, seconds }, OPEN_CONNECTIONS)
      },
    })),
  )
}

const claims: readonly Claim[] = [
  { id: 'P11', what: 'p50 that 10 plugins add to direct, to what nginx adds', variant: 'alone: 10 plugins', reference: 'alone: nginx', base: 'alone: direct', measure: 'ratio', of: 'p50', unit: 'x', must: 2.5, stretch: 2 },
  { id: 'P11 pipe', what: 'the same to what a raw pipe adds', variant: 'alone: 10 plugins', reference: 'alone: raw pipe', base: 'alone: direct', measure: 'ratio', of: 'p50', unit: 'x' },
  { id: 'P12', what: 'p99 that 10 plugins add to none at 50 % load', variant: '50 %: 10 plugins', reference: '50 %: no plugins', measure: 'difference', of: 'p99', unit: ' ms', must: 0.25, stretch: 0.1 },
  { id: 'P12 at 25 %', what: 'the same at 25 % load', variant: '25 %: 10 plugins', reference: '25 %: no plugins', measure: 'difference', of: 'p99', unit: ' ms' },
  { id: 'P12 at 75 %', what: 'the same at 75 % load', variant: '75 %: 10 plugins', reference: '75 %: no plugins', measure: 'difference', of: 'p99', unit: ' ms' },
] // biome-ignore format: a table

export async function openLatency(quick: boolean): Promise<BenchmarkCase> {
  let capacity = 0
  const fleet = await openFleet([...alone, ...openRows(() => capacity)], quick)
  const busy = fleet.lanes.get('50 %: 10 plugins') as Lane
  return {
    name: 'latency',
    title: 'Added latency',
    unit: 'us of CPU per request',
    plotted: { of: 'p50', unit: 'ms, median, less is better' },
    shown: ['p50', 'p99', 'late'],
    notes: [
      'Alone: one connection in a closed loop, so that nothing waits; p50 in milliseconds.',
      `Open loop: requests start on a fixed schedule over ${OPEN_CONNECTIONS} connections, at shares of the throughput that the gateway with 10 plugins had before; latency counts from the intended start, so a stall is seen by all that should have started in it. "late" is the 99th percentile of how late the generator was itself; it is part of the latency of both.`,
      ...fleet.notes,
    ],
    claims,
    rounds: (quick) => (quick ? 3 : 5),
    ...fleet.parts,
    async warmUp() {
      await fleet.parts.warmUp?.()
      const { seen } = await busy.measure(SECONDS[quick ? 'quick' : 'full'])
      capacity = seen.throughput ?? 0
    },
  }
}
