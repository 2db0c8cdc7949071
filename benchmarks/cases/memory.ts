// Resident memory after a million small calls, to what it was after warming up, and to that of a raw pipe (P18).
import type { BenchmarkCase, Claim, Sample } from '../case.ts'
import type { Lane } from '../load/cell.ts'
import { number } from '../markdown.ts'
import { REFERENCES } from '../references/table.ts'
import { openFleet, type Row } from './fleet.ts'
import { IN_EXPRESS } from './gateways.ts'

const CALLS = { quick: 100_000, full: 1_000_000 }
const WARM = { quick: 20_000, full: 100_000 }
const SEGMENT = 10

async function trial(lane: Lane, quick: boolean): Promise<Sample> {
  const pace = quick ? 'quick' : 'full'
  await drive(lane, WARM[pace])
  const warm = await lane.resting()
  const driven = await drive(lane, CALLS[pace])
  const after = await lane.resting()
  return { ...driven, seen: { ...driven.seen, warm, after, growth: after / warm } }
}

async function drive(lane: Lane, calls: number): Promise<Sample> {
  let times = 0
  let cpu = 0
  let others = 0
  let segments = 0
  while (times < calls) {
    const sample = await lane.measure(SEGMENT)
    times += sample.times
    cpu += sample.cost * sample.times
    others += sample.others
    segments++
  }
  return { times, cost: cpu / times, seen: {}, others: others / segments }
}

const TEN = 'gateway in Express, 10 plugins'
const PIPE = 'raw node:http pipe'
const rows: readonly Row[] = [
  { name: PIPE, start: REFERENCES['raw pipe'], trial },
  { name: TEN, start: IN_EXPRESS, trial },
]
const claims: readonly Claim[] = [
  { id: 'P18', what: 'resident memory after a million calls to after warming up', variant: TEN, measure: 'value', of: 'growth', unit: 'x', must: 1.1, stretch: 1.05 },
  { id: 'P18 total', what: 'resident memory after a million calls to that of a raw pipe', variant: TEN, reference: PIPE, measure: 'ratio', of: 'after', unit: 'x', stretch: 1.3 },
  { id: 'P18 pipe', what: 'the growth of a raw pipe', variant: PIPE, measure: 'value', of: 'growth', unit: 'x' },
] // biome-ignore format: a table

export async function openMemory(quick: boolean): Promise<BenchmarkCase> {
  const fleet = await openFleet(rows, quick)
  const pace = quick ? 'quick' : 'full'
  return {
    name: 'memory',
    title: 'Memory after a million calls',
    unit: 'us of CPU per request',
    plotted: { of: 'after', unit: 'MiB resident after a million calls, less is better' },
    shown: ['warm', 'after', 'growth'],
    notes: [
      `${number(CALLS[pace])} small calls after ${number(WARM[pace])} to warm up; MiB resident two seconds after the last one. One round: what a process keeps can be measured once.`,
      ...fleet.notes,
    ],
    claims,
    rounds: () => 1,
    ...fleet.parts,
  }
}
