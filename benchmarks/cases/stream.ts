// Answers that are streams of events: when the first byte comes, how long an event is under way, what it costs (P25).
import type { BenchmarkCase, Claim, Sample } from '../case.ts'
import type { Lane } from '../load/cell.ts'
import { DIRECT, REFERENCES } from '../references/table.ts'
import { openFleet, type Row } from './fleet.ts'
import { IN_EXPRESS } from './gateways.ts'

const CONNECTIONS = 16
const SECONDS = { quick: 1, full: 3 }
const trial = (lane: Lane, quick: boolean): Promise<Sample> =>
  lane.stream(CONNECTIONS, SECONDS[quick ? 'quick' : 'full'])
const call = { tool: 'stream', connections: CONNECTIONS, trial } as const

const rows: readonly Row[] = [
  { name: 'direct', start: DIRECT, ...call },
  { name: 'raw node:http pipe', start: REFERENCES['raw pipe'], ...call },
  { name: '10 plugins', start: IN_EXPRESS, ...call },
]

const against = { variant: '10 plugins', reference: 'raw node:http pipe' } as const
const claims: readonly Claim[] = [
  { id: 'P25 first byte', what: 'added to the first byte, to what a raw pipe adds', ...against, base: 'direct', measure: 'ratio', of: 'first byte', unit: 'x', must: 1.3 },
  { id: 'P25 event', what: 'added to an event, to what a raw pipe adds', ...against, base: 'direct', measure: 'ratio', of: 'event', unit: 'x', must: 1.3 },
  { id: 'P25 CPU', what: 'CPU per event to a raw pipe', ...against, measure: 'ratio', unit: 'x' },
] // biome-ignore format: a table

export async function openStream(quick: boolean): Promise<BenchmarkCase> {
  const fleet = await openFleet(rows, quick)
  return {
    name: 'stream',
    title: 'Streams of events',
    unit: 'us of CPU per event',
    plotted: { of: 'event', unit: 'ms from the upstream to the client, median, less is better' },
    shown: ['first byte', 'event', 'event p99'],
    notes: [
      `${CONNECTIONS} streams at a time, ten events of progress each, 5 ms apart, then the answer; no plugin asked for events. Times are medians in milliseconds; an event's runs from the upstream's write to the client's read, by the clock that all processes share.`,
      ...fleet.notes,
    ],
    claims,
    rounds: (quick) => (quick ? 3 : 5),
    ...fleet.parts,
  }
}
