// What a configuration comes to without starting it: its entries loaded and compiled, no server, no listener, no audit.
import { systemClock } from '../../base/clock.ts'
import { createDisposer } from '../../base/dispose.ts'
import { silentLogger } from '../../base/log.ts'
import type { LoadedConfig } from '../../config/load.ts'
import { createEngine, type Generation } from '../../engine/engine.ts'
import type { Registration } from '../../engine/registry.ts'
import { conditionCompiler, createExpression } from '../../expression/expression.ts'
import { createHost } from '../../host/host.ts'
import type { LoadProblem } from '../../host/problem.ts'
import type { AvailablePlugin, EntryStatus } from '../../host/status.ts'
import { POINTS, type Points } from '../../points/table.ts'
import { BUILT_IN, type GatewayOptions, readConfig } from '../gateway.ts'
import { engineLimits } from '../generation/assemble.ts'
import { configLoader, type GatewayConfig } from '../sections.ts'

export interface Inspection {
  readonly loaded: LoadedConfig<GatewayConfig>
  readonly generation: Generation<Points>
  /** What the entries registered, and runners for any of it. */
  readonly registrations: readonly Registration[]
  compile(registrations: readonly Registration[]): Generation<Points>
  readonly entries: readonly EntryStatus[]
  /** Every plugin that could be used. */
  readonly available: readonly AvailablePlugin[]
  readonly warnings: readonly LoadProblem[]
  close(): Promise<void>
}

/** Loads the configuration and its plugins as a start would. Rejects as `createGateway` does, with nothing left running. */
export async function inspectGateway(options: GatewayOptions): Promise<Inspection> {
  const loaded = await readConfig(configLoader(), options)
  const { config } = loaded
  const owned = createDisposer()
  try {
    const expression = createExpression()
    const host = createHost({
      clock: systemClock,
      log: silentLogger,
      expression,
      builtInDir: BUILT_IN,
      audit() {},
      toolDefinition: async () => undefined,
      ...(options.env ? { env: options.env } : {}),
    })
    owned.defer(() => host.close())
    const limits = engineLimits(config)
    const plugins = await host.load(
      { plugins: config.plugins, policies: config.policies, limits },
      {
        locate: (path) => loaded.locate(path),
        ...(options.plugins ? { code: options.plugins } : {}),
        ...(options.unsafeWithout ? { unsafeWithout: options.unsafeWithout } : {}),
      },
    )
    owned.defer(() => plugins.close())
    const engine = createEngine<Points>(POINTS, {
      clock: systemClock,
      expression: conditionCompiler(expression),
      sink: { verdict() {}, fault() {}, dispatched() {}, observerDropped() {} },
      defer: setImmediate,
    })
    const { registrations } = plugins
    return {
      loaded,
      generation: engine.generation(registrations, limits),
      registrations,
      compile: (some) => engine.generation(some, limits),
      entries: plugins.entries,
      available: await host.available(config.plugins, options.plugins),
      warnings: [...loaded.warnings, ...plugins.warnings],
      close: () => owned.dispose(),
    }
  } catch (error) {
    await owned.dispose().catch(() => {})
    throw error
  }
}
