// The declared part of a configuration at its points: at start by the first generation, at a reload by the running one.
import { randomUUID } from 'node:crypto'
import type { LoadedConfig } from '../../config/load.ts'
import { shownForm } from '../../config/print.ts'
import type { Generation } from '../../engine/engine.ts'
import type { Points } from '../../points/table.ts'
import { declaredBodies, judgeDeclared } from '../../registry/declared.ts'
import type { ServerConfig } from '../../upstream/options.ts'
import { createShapeCheck, resolvedBody } from '../admin/entity-checks.ts'
import type { Admissions } from '../generation/assemble.ts'
import type { GatewayConfig } from '../sections.ts'
import { declaredIn } from './effective.ts'

export interface Admitting {
  readonly admissions: Admissions
  tell(applied: boolean): void
}

/** Rejects with CONFIG_RELOAD_REFUSED when something may not be declared so. */
export async function admitDeclared(
  before: LoadedConfig<GatewayConfig> | undefined,
  after: LoadedConfig<GatewayConfig>,
  last: Admissions,
  generation: Generation<Points>,
): Promise<Admitting> {
  const { quarantined, rewritten, tell } = await judgeDeclared({
    before: before && declaredIn(before),
    after: declaredIn(after),
    shown: declaredBodies(shownForm(after)),
    again: new Set(last.quarantined.keys()),
    generation,
    requestId: randomUUID(),
    shape: createShapeCheck(),
  })
  const names = new Set(after.config.servers.map(({ name }) => name))
  const made = [...rewritten].map(
    ([name, body]) => [name, resolvedBody('server', body) as unknown as ServerConfig] as const,
  )
  // what was made of a server that is as it was is still what was made of it
  const kept = [...last.rewritten].filter(
    ([name]) => names.has(name) && isSame(name, before, after),
  )
  return { admissions: { quarantined, rewritten: new Map([...kept, ...made]) }, tell }
}

function isSame(
  name: string,
  before: LoadedConfig<GatewayConfig> | undefined,
  after: LoadedConfig<GatewayConfig>,
): boolean {
  const of = (loaded: LoadedConfig<GatewayConfig> | undefined) =>
    JSON.stringify(loaded?.config.servers.find((server) => server.name === name))
  return of(before) === of(after)
}
