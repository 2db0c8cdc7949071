// Attestation as the rest of the gateway holds it: nothing of the room is loaded until a configuration or a plugin asks for it.
import type { Audit } from '../../audit/audit.ts'
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { LoadedConfig } from '../../config/load.ts'
import type { Egress } from '../../egress/egress.ts'
import type { Generation } from '../../engine/engine.ts'
import type { HostAttestation } from '../../host/services/services.ts'
import type { Points } from '../../points/table.ts'
import type { Store } from '../../store/store.ts'
import type { Telemetry } from '../../telemetry/telemetry.ts'
import type { Upstream } from '../../upstream/client.ts'
import type { Assembly } from '../generation/assemble.ts'
import type { Current } from '../rooms.ts'
import type { GatewayConfig } from '../sections.ts'
import type { AttestationRoom, Preparation, ToldAttestation } from './room.ts'
import type { Watched } from './watch.ts'

export interface Attestation extends HostAttestation {
  /** For one generation; undefined: every server may serve. Rejects with CONFIG_INVALID. */
  prepare(
    loaded: LoadedConfig<GatewayConfig>,
    generation: Generation<Points>,
  ): Promise<Preparation | undefined>
  /** Asks whether a new server may serve. Resolves when what came of it is in force; never rejects. */
  begin(upstream: Upstream, watched: Watched, preparation: Preparation): Promise<void>
  /** It will not come into force. */
  drop(upstream: Upstream): void
  /** This is what runs now: policies that are others are followed at once. */
  inForce(assembly: Pick<Assembly, 'preparation' | 'servers'>): void
  keyChanged(upstream: Upstream): void
  restarted(upstream: Upstream): void
  /** Rejects with API_NOT_FOUND when no policy is for it. */
  attest(name: string, how: { readonly newHardware: boolean }): Promise<ToldAttestation>
  /** Throws likewise. */
  attested(name: string): ToldAttestation
  /** Where challenges, accepted evidence and admitted servers are kept; without: in memory. */
  keepIn(store: Store): void
  close(): Promise<void>
}

export interface AttestationDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly telemetry: Telemetry
  readonly audit: Pick<Audit, 'write'>
  readonly egress: Egress
  readonly current: Current
  readonly env: Readonly<Record<string, string | undefined>>
}

export function createAttestation(deps: AttestationDeps): Attestation {
  let room: AttestationRoom | undefined
  let store: Store | undefined
  const open = async () => {
    const { openRoom } = await import('./open.ts')
    room ??= openRoom(deps, async () => {
      if (store) return store
      const { createMemoryStore } = await import('../../store/memory.ts')
      store = createMemoryStore({ clock: deps.clock })
      await store.start()
      return store
    })
    return room
  }
  const opened = (): AttestationRoom => {
    if (room) return room
    throw new AppError('API_NOT_FOUND', 'no server is attested here')
  }
  return {
    async prepare(loaded, generation) {
      const isWanted = loaded.config.attestation !== undefined
      if (!isWanted && !room && !generation.points.has('server_pre_admit')) return undefined
      return (await open()).prepare(loaded, generation)
    },
    begin: async (...asked) => room?.begin(...asked),
    drop: (upstream) => room?.drop(upstream),
    inForce({ preparation, servers }) {
      if (preparation) room?.inForce(preparation, servers)
    },
    keyChanged: (upstream) => room?.keyChanged(upstream),
    restarted: (upstream) => room?.restarted(upstream),
    appraise: async (request) => (await room?.appraise(request)) ?? { decision: 'none' },
    attest: async (name, how) => opened().attest(name, how),
    attested: (name) => opened().attested(name),
    keepIn(kept) {
      store = kept
    },
    close: async () => room?.close(),
  }
}
