// One entry or policy loaded on trial, before it is written down: apart from everything that runs, and let go again.
import { AppError } from '../../base/errors.ts'
import type { LoadedConfig } from '../../config/load.ts'
import type { GatewayOptions } from '../gateway.ts'
import { type AssembleDeps, engineLimits } from '../generation/assemble.ts'
import type { GatewayConfig } from '../sections.ts'

/** Nobody is asked about it. Rejects with what is wrong. */
export async function probe(
  { host, engine }: Pick<AssembleDeps, 'host' | 'engine'>,
  { plugins: code }: GatewayOptions,
  loaded: LoadedConfig<GatewayConfig>,
  name: string,
): Promise<void> {
  const { plugins, policies } = loaded.config
  const limits = engineLimits(loaded.config)
  const own = (item: { readonly name: string }) => item.name === name
  const only = { ...plugins, entries: plugins.entries.filter(own) }
  const tried = await host.load(
    { plugins: only, policies: policies.filter(own), limits },
    {
      code,
      judge: async (payload) => ({ kind: 'pass', payload, changed: false }),
      observe() {},
    },
  )
  try {
    const failed = tried.entries.find(({ state }) => state === 'failed')
    if (failed) throw new AppError('PLUGIN_LOAD', failed.reason ?? `${name} is not loaded`)
    engine.generation(tried.registrations, limits)
  } finally {
    await tried.close()
  }
}
