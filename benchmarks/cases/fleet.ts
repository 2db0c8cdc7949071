// The servers of an end-to-end case: started once each, verified, warmed up, measured in turns, ended whatever happens.
import type { Trial } from '../case.ts'
import type { Call } from '../load/call.ts'
import { Lane } from '../load/cell.ts'
import type { Service } from '../load/process.ts'
import { callTo, type StartTarget, startUpstream, type Target } from '../references/table.ts'

/** One kind of cell. Rows with the same `start` share a process. */
export interface Row {
  readonly name: string
  readonly start: StartTarget
  readonly tool?: string
  readonly payload?: Call['payload']
  readonly connections?: number
  readonly marker?: string
  /** Opened when the server is there; by default the stateless era. */
  readonly era?: (target: Target) => Promise<Call['era']>
}

export interface Fleet {
  readonly variants: readonly Trial[]
  readonly targets: ReadonlyMap<StartTarget, Target>
  warmUp(): Promise<void>
  close(): Promise<void>
}

export const CONNECTIONS = 32
const WARM_UP = { quick: 1, full: 3 }
const CELL = { quick: 1, full: 2 }

export async function openFleet(rows: readonly Row[], quick: boolean): Promise<Fleet> {
  const pace = quick ? 'quick' : 'full'
  const services: Service[] = []
  const targets = new Map<StartTarget, Target>()
  const close = async () => {
    await Promise.all(services.map((service) => service.stop()))
  }
  try {
    const upstream = await startUpstream()
    services.push(upstream)
    const lanes = new Map<string, Lane>()
    for (const row of rows) {
      const target = targets.get(row.start) ?? (await row.start(upstream.url))
      if (!targets.has(row.start)) services.push(target.service)
      targets.set(row.start, target)
      lanes.set(row.name, await laneOf(row, target, upstream))
    }
    return {
      variants: [...lanes].map(([name, lane]) => ({
        name,
        trial: () => named(name, lane.measure(CELL[pace])),
      })),
      targets,
      async warmUp() {
        for (const [name, lane] of lanes) await named(name, lane.warmUp(WARM_UP[pace]))
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function laneOf(row: Row, target: Target, upstream: Service): Promise<Lane> {
  const { tool = 'echo', payload = 'small', connections = CONNECTIONS, marker } = row
  const era = (await row.era?.(target)) ?? 'modern'
  const call = callTo(target, tool, { payload, era, ...(marker ? { marker } : {}) })
  return new Lane(target, upstream, call, connections)
}

async function named<T>(name: string, doing: Promise<T>): Promise<T> {
  try {
    return await doing
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error })
  }
}
