// Digests of what decided about a request: of the configuration of its generation, and of the policy or entry in it.
import { hash } from 'node:crypto'
import type { LoadedConfig } from '../../config/load.ts'
import type { GatewayConfig } from '../sections.ts'

export interface Digests {
  add(generation: number, loaded: LoadedConfig<GatewayConfig>): void
  /** One text for all its records. */
  configuration(generation: number): string | undefined
  policy(generation: number, entry: string): string | undefined
}

type Loaded = Pick<LoadedConfig<GatewayConfig>, 'digest'> & {
  readonly config: Pick<GatewayConfig, 'plugins' | 'policies'>
}

/** 128 bits: enough to tell what is meant, and half of the room in every record. */
const LENGTH = 32
/** Requests outlive a generation by minutes at most. */
const GENERATIONS = 16

interface Known {
  readonly digest: string
  readonly config: Loaded['config']
  /** Made when one decides for the first time. */
  readonly policies: Map<string, string | undefined>
}

export function createDigests(): Digests {
  const known = new Map<number, Known>()
  return {
    add(generation, { digest, config }) {
      known.set(generation, { digest: digest.slice(0, LENGTH), config, policies: new Map() })
      for (const old of known.keys()) if (known.size > GENERATIONS) known.delete(old)
    },
    configuration: (generation) => known.get(generation)?.digest,
    policy(generation, entry) {
      const of = known.get(generation)
      if (of === undefined) return undefined
      if (!of.policies.has(entry)) of.policies.set(entry, policyDigest(of.config, entry))
      return of.policies.get(entry)
    },
  }
}

function policyDigest({ plugins, policies }: Loaded['config'], name: string): string | undefined {
  const found =
    policies.find((policy) => policy.name === name) ??
    plugins.entries.find((entry) => entry.name === name)
  return found && hash('sha256', JSON.stringify(found)).slice(0, LENGTH)
}
