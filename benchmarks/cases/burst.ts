// A hundred calls at the same moment: how long until all are answered, and what a single one waits.
import type { BenchmarkCase, Claim } from '../case.ts'
import type { Lane } from '../load/cell.ts'
import { DIRECT, REFERENCES } from '../references/table.ts'
import { openFleet, type Row } from './fleet.ts'
import { IN_EXPRESS, WITHOUT_PLUGINS } from './gateways.ts'

const SIZE = 100
const trial = (lane: Lane) =>
  lane.follow({ kind: 'bursts', size: SIZE, count: 20, every: 150 }, SIZE)

const rows: readonly Row[] = [
  { name: 'direct', start: DIRECT, trial },
  { name: 'raw node:http pipe', start: REFERENCES['raw pipe'], trial },
  { name: 'no plugins', start: WITHOUT_PLUGINS, trial },
  { name: '10 plugins', start: IN_EXPRESS, trial },
  { name: 'tutorial gateway', start: REFERENCES.tutorial, trial },
  { name: 'MCP SDK on both sides', start: REFERENCES['SDK on both sides'], trial },
  { name: '10 plugins, a tool of 20 ms', start: IN_EXPRESS, tool: 'slow', trial },
  { name: 'direct, a tool of 20 ms', start: DIRECT, tool: 'slow', trial },
]

const claims: readonly Claim[] = [
  { id: 'burst', what: 'until all are answered, with 10 plugins to a raw pipe', variant: '10 plugins', reference: 'raw node:http pipe', measure: 'ratio', of: 'total', unit: 'x' },
  { id: 'burst p99', what: '99th percentile of the same', variant: '10 plugins', reference: 'raw node:http pipe', measure: 'ratio', of: 'p99', unit: 'x' },
  { id: 'burst slow', what: 'a tool that takes 20 ms: until all are answered, to direct', variant: '10 plugins, a tool of 20 ms', reference: 'direct, a tool of 20 ms', measure: 'ratio', of: 'total', unit: 'x' },
] // biome-ignore format: a table

export async function openBurst(quick: boolean): Promise<BenchmarkCase> {
  const fleet = await openFleet(rows, quick)
  return {
    name: 'burst',
    title: `${SIZE} calls at once`,
    unit: 'us of CPU per request',
    plotted: { of: 'total', unit: 'ms until all of a burst are answered, less is better' },
    shown: ['total', 'mean', 'p99'],
    notes: [
      `A burst every 150 ms over ${SIZE} open connections; total, mean and p99 in milliseconds from the moment at which all of them should start.`,
      ...fleet.notes,
    ],
    claims,
    rounds: (quick) => (quick ? 3 : 5),
    ...fleet.parts,
  }
}
