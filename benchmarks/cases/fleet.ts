// The servers of an end-to-end case: started once each, verified, warmed up, measured in turns, ended whatever happens.
import type { BenchmarkCase, Claim, Sample, Trial } from '../case.ts'
import type { Call } from '../load/call.ts'
import { Lane } from '../load/cell.ts'
import { NAMESPACE } from '../load/gateway.ts'
import { busyTicks } from '../load/proc.ts'
import { has, type Service } from '../load/process.ts'
import {
  callTo,
  DIRECT,
  direct,
  type StartTarget,
  startUpstream,
  type Target,
} from '../references/table.ts'

/** One kind of cell. Rows with the same `start` share a process. */
export interface Row {
  readonly name: string
  readonly start: StartTarget
  readonly tool?: string
  readonly payload?: Call['payload']
  readonly connections?: number
  readonly marker?: string
  /** Left out, and said so, where this program is not installed. */
  readonly needs?: string
  /** Opened when the server is there; by default the stateless era. */
  readonly era?: (target: Target) => Promise<Call['era']>
  /** Replaces a cell of load at full speed. */
  readonly trial?: (lane: Lane, quick: boolean) => Promise<Sample>
}

export interface Fleet {
  readonly upstream: Target
  readonly targets: ReadonlyMap<StartTarget, Target>
  readonly lanes: ReadonlyMap<string, Lane>
  readonly notes: readonly string[]
  /** For the case. */
  readonly parts: Pick<BenchmarkCase, 'variants' | 'warmUp'> & { close(): Promise<void> }
}

export const CONNECTIONS = 32
/** Seconds in which every answer is looked into. */
const CHECKED = { quick: 2, full: 2 }
/**
 * Then each server is called this often, for that many seconds at the most. Code is compiled anew until a process has answered about a hundred
 * thousand calls: before, the gateway costs half as much again, a pipe a tenth.
 */
const WARM_UP = { quick: { calls: 60_000, seconds: 6 }, full: { calls: 120_000, seconds: 15 } }
const CELL = { quick: 1, full: 2 }

export async function openFleet(rows: readonly Row[], quick: boolean): Promise<Fleet> {
  if (busyTicks() === undefined)
    throw new Error('CPU time of other processes is read from /proc, which only Linux has')
  const there = rows.filter(({ needs }) => needs === undefined || has(needs))
  const notes = rows
    .filter((row) => !there.includes(row))
    .map(({ name, needs }) => `${name}: not measured, ${needs} is not installed.`)
  const services: Service[] = []
  const close = async () => {
    await Promise.all(services.map((service) => service.stop()))
  }
  try {
    const { upstream, targets, lanes } = await startAll(there, services)
    const trials = there.map((row): Trial => trialOf(row, lanes.get(row.name) as Lane))
    const warmUp = async () => {
      const mode = quick ? 'quick' : 'full'
      const warm = new Set<Target>()
      for (const [name, lane] of lanes) {
        await named(name, lane.warmUp(CHECKED[mode]))
        if (!warm.has(lane.target)) await named(name, lane.settle(WARM_UP[mode]))
        warm.add(lane.target)
      }
    }
    return { upstream, targets, lanes, notes, parts: { variants: trials, warmUp, close } }
  } catch (error) {
    await close()
    throw error
  }
}

/** The claims that these rows are there for, also where a row's program is not installed: then they are not measured. */
export function claimsOn(rows: readonly Row[], claims: readonly Claim[]): readonly Claim[] {
  const names = new Set(rows.map(({ name }) => name))
  return claims.filter(
    ({ variant, reference = variant }) => names.has(variant) && names.has(reference),
  )
}

/** Whatever was started is in `services`, also when one of them fails. */
async function startAll(rows: readonly Row[], services: Service[]) {
  const behind = await startUpstream()
  services.push(behind)
  const upstream = direct(behind)
  const targets = new Map<StartTarget, Target>([[DIRECT, upstream]])
  const lanes = new Map<string, Lane>()
  for (const row of rows) {
    const target = targets.get(row.start) ?? (await row.start(behind.url))
    if (!targets.has(row.start)) services.push(target.service)
    targets.set(row.start, target)
    lanes.set(row.name, await named(row.name, laneOf(row, target, behind)))
  }
  return { upstream, targets, lanes }
}

async function laneOf(row: Row, target: Target, upstream: Service): Promise<Lane> {
  const { tool = 'echo', payload = 'small', connections = CONNECTIONS, marker } = row
  const era = (await row.era?.(target)) ?? 'modern'
  const call = callTo(target, tool, { payload, era, ...(marker ? { marker } : {}) })
  return new Lane(target, upstream, call, connections)
}

function trialOf({ name, trial }: Row, lane: Lane): Trial {
  const cell = (quick: boolean) => lane.measure(CELL[quick ? 'quick' : 'full'])
  return {
    name,
    ours: lane.target.prefix === NAMESPACE,
    trial: (quick) => named(name, trial ? trial(lane, quick) : cell(quick)),
  }
}

async function named<T>(name: string, doing: Promise<T>): Promise<T> {
  try {
    return await doing
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error })
  }
}
