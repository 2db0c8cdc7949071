// What protects what: for each server the entries that would run at each point, as compiled. It starts and asks nothing.
import type { Generation } from '../../engine/engine.ts'
import type { EntryStatus } from '../../host/status.ts'
import { declarationOf, type PointName, type Points } from '../../points/table.ts'
import type { Upstream } from '../../upstream/client.ts'

/** One entry at one point. */
export interface Protector {
  readonly entry: string
  readonly mode: string
  /** It runs only for some requests. */
  readonly conditional: boolean
}

/** Entries by point, in the order in which they run. */
export type Protection = Readonly<Partial<Record<PointName, readonly Protector[]>>>

export interface ServerProtection {
  readonly name: string
  readonly state: string
  readonly reason?: string
  readonly eras: readonly string[]
  readonly points: Protection
}

export interface ProtectionReport {
  readonly servers: readonly ServerProtection[]
  /** Points that do not belong to one server: requests, sessions, lists, errors. */
  readonly gateway: Protection
  readonly notLoaded: readonly Pick<EntryStatus, 'name' | 'state' | 'reason' | 'breakGlass'>[]
}

export interface ProtectionInput {
  readonly generation: Generation<Points>
  readonly servers: readonly Upstream[]
  readonly entries: readonly EntryStatus[]
}

export function reportProtection({
  generation,
  servers,
  entries,
}: ProtectionInput): ProtectionReport {
  const points = [...generation.points] as PointName[]
  const ofServer = points.filter((point) => declarationOf(point).conditions.includes('servers'))
  const others = points.filter((point) => !ofServer.includes(point))
  return {
    servers: servers.map((server) => ({
      name: server.name,
      state: server.status.state,
      ...(server.status.error === undefined ? {} : { reason: server.status.error }),
      eras: server.status.eras,
      points: protection(generation, ofServer, server),
    })),
    gateway: protection(generation, others, undefined),
    notLoaded: entries
      .filter(({ state }) => state !== 'loaded')
      .map(({ name, state, reason, breakGlass }) => ({
        name,
        state,
        ...(reason === undefined ? {} : { reason }),
        ...(breakGlass === undefined ? {} : { breakGlass }),
      })),
  }
}

function protection(
  generation: Generation<Points>,
  points: readonly PointName[],
  server: Upstream | undefined,
): Protection {
  const found: Partial<Record<PointName, Protector[]>> = {}
  for (const point of points) {
    const plan = generation.runner(point, { server })?.plan
    if (plan === undefined) continue
    found[point] = [...plan.chain, ...plan.guards, ...plan.observers].map((step) => ({
      entry: step.entry,
      mode: step.modeName,
      conditional: step.predicate !== null,
    }))
  }
  return found
}
