// One generation after another: reloads and changes of the store in turn, the old ones let go in their order.
import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { ConfigDiff } from '../../config/diff.ts'
import type { LoadedConfig } from '../../config/load.ts'
import { shownConfig } from '../../config/print.ts'
import type { Control, Made } from '../control/control.ts'
import { type BuildOptions, type Current, type Rooms, runningOf } from '../rooms.ts'
import type { GatewayConfig } from '../sections.ts'
import { type Assembly, retire } from './assemble.ts'
import { admit } from './begin.ts'
import { putInForce } from './in-force.ts'
import { applyEntities, type ReloadDeps, type ReloadResult, rehearse, reload } from './reload.ts'

export interface GenerationsParts {
  readonly rooms: Rooms
  readonly control: Control | undefined
  readonly current: Current
  readonly clock: Clock
  readonly log: Logger
  readonly read: () => Promise<LoadedConfig<GatewayConfig>>
  readonly closing: () => boolean
}

/** How long a change of the store waits for a new server; it is in force all the same when it takes longer. */
const SOON = 1000

const CLOSING: ReloadResult = {
  outcome: 'refused',
  changed: [],
  reason: 'the gateway is shutting down',
}

export class Generations {
  readonly #parts: GenerationsParts
  /** Reloads one after the other. */
  #reloading: Promise<unknown> = Promise.resolve()
  /** Waits for its turn: what is written until then comes along. */
  #applying: Promise<ReloadResult> | undefined
  /** Old generations let go one after the other: a later one may own what an earlier one still uses. */
  #retiring: Promise<void> = Promise.resolve()

  constructor(parts: GenerationsParts) {
    this.#parts = parts
  }

  /** Resolves when nothing is being built. */
  reloaded(): Promise<unknown> {
    return this.#reloading
  }

  /** Resolves when all old ones are let go. */
  retired(): Promise<void> {
    return this.#retiring
  }

  /** Reads the configuration again. `dryRun`: and puts nothing in force. Never rejects. */
  reload({ dryRun = false }: { readonly dryRun?: boolean } = {}): Promise<ReloadResult> {
    const next = this.#reloading.then(() => {
      if (this.#parts.closing()) return CLOSING
      return dryRun ? rehearse(this.#steps({})) : this.#reload()
    })
    this.#reloading = next.catch(() => {})
    return next
  }

  /** Puts what the store holds in force, once for all that is written until its turn comes. Never rejects. */
  apply(): Promise<ReloadResult> {
    if (this.#applying) return this.#applying
    const next = this.#reloading.then(async () => {
      // what is noticed now is part of this one
      await this.#parts.control?.look()
      this.#applying = undefined
      return this.#parts.closing() ? CLOSING : this.#apply()
    })
    this.#applying = next
    this.#reloading = next.catch(() => {})
    return next
  }

  async #apply(): Promise<ReloadResult> {
    const { current } = this.#parts
    const { origin } = current
    if (!origin) return CLOSING
    const result = await applyEntities(this.#steps({ patience: SOON, keepPlugins: true }), origin)
    const { changed, reason } = result
    if (result.outcome === 'refused') this.#tell(result)
    else this.#parts.log.info({ changed }, 'what was written to the store is in force')
    // roles and what operators say of tools stand in no section, and lists may be others for all that
    if (result.outcome === 'applied' && changed.length === 0) this.#parts.rooms.fanout.changed()
    if (reason !== undefined) this.#parts.control?.settled(undefined, reason)
    return result
  }

  async #reload(): Promise<ReloadResult> {
    const result = await reload(this.#steps({}))
    this.#tell(result)
    return result
  }

  #steps(how: Pick<BuildOptions, 'patience' | 'keepPlugins'>): ReloadDeps {
    const { rooms, read, current } = this.#parts
    let made: Made | undefined
    return {
      current: () => runningOf(this.#parts.current),
      read,
      effective: (base) => {
        made = this.#parts.control?.effective(base)
        return made?.loaded ?? base
      },
      admit: (base, { generation }) =>
        admit(current.origin?.base, base, current.origin?.admissions, generation),
      build: (loaded, previous, admissions) =>
        rooms.build(loaded, previous, {
          ...how,
          admit: async () => admissions,
          override: this.#parts.control?.override(loaded),
          entities: this.#parts.control?.identity,
        }),
      createId: rooms.room.createId,
      shown: shownConfig,
      swap: (next, diff, origin) => {
        this.#swap(next, diff)
        current.origin = origin
        this.#parts.control?.settled(made)
      },
    }
  }

  #swap(next: Assembly, diff: ConfigDiff): void {
    const { current, rooms } = this.#parts
    const old = putInForce(current, next, diff, rooms)
    this.#retiring = this.#retiring.then(() =>
      retire(old, next, {
        patience: (ms) => this.#wait(ms),
        observed: () => this.#parts.rooms.engine.observers.idle(),
        log: this.#parts.log,
      }),
    )
  }

  #tell({ outcome, changed, reason }: ReloadResult): void {
    const { telemetry, audit, digests } = this.#parts.rooms
    const { generation } = runningOf(this.#parts.current).runtime
    if (outcome === 'unchanged') {
      this.#parts.log.info({}, 'reload: nothing has changed')
      return
    }
    const applied = outcome === 'applied'
    telemetry.configReload(applied ? 'ok' : 'refused')
    audit.write({
      kind: applied ? 'reload' : 'reload_refused',
      generation: generation.id,
      digest: digests.configuration(generation.id),
      changed,
      ...(reason ? { reason } : {}),
    })
    if (applied)
      this.#parts.log.info(
        { changed, generation: generation.id },
        'reload: the new configuration is in force',
      )
    else this.#parts.log.error({ reason }, 'reload refused: the old configuration stays in force')
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#parts.clock.after(ms, resolve))
  }
}
