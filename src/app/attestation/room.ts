// Attestation in a gateway: the service for the configuration in force, and a watch over every server that may not simply serve.

import { createAdmittedMemory } from '../../attest/admission/admitted.ts'
import { attestationOf, type MeasuredServer } from '../../attest/admission/measures.ts'
import type { AppraisalResult } from '../../attest/appraisal/result.ts'
import type { Attested } from '../../attest/service/service.ts'
import type { Clock } from '../../base/clock.ts'
import { AppError, messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { LoadedConfig } from '../../config/load.ts'
import type { Generation } from '../../engine/engine.ts'
import { createRecorder } from '../../engine/trace.ts'
import type { AttestationRequest, AttestationVerdict } from '../../host/api.ts'
import type { Points } from '../../points/table.ts'
import type { Store } from '../../store/store.ts'
import type { Upstream } from '../../upstream/client.ts'
import type { ServerConfig } from '../../upstream/options.ts'
import { systemRequest } from '../generation/reload.ts'
import type { GatewayConfig } from '../sections.ts'
import { type AttestationParts, type Concerns, keyOf } from './parts.ts'
import { attestedServer } from './target.ts'
import { admittedBy, deniedBy, faulted, guardOf, trustOf, verdictOf } from './verdict.ts'
import { type Asked, type Attempt, Watch, type Watched } from './watch.ts'

export interface AttestationRoomDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
  readonly createId: () => string
  /** Opened when the first configuration asks for attestation. */
  readonly store: () => Promise<Store>
  /** Reads policies and files, and makes the service. Rejects with CONFIG_INVALID. */
  readonly parts: (loaded: LoadedConfig<GatewayConfig>, store: Store) => Promise<AttestationParts>
}

/** For one generation. */
export interface Preparation {
  /** Undefined: whoever is asked, it may serve. */
  guard(server: ServerConfig): Watched | undefined
  readonly parts: AttestationParts | undefined
  readonly generation: Generation<Points>
}

type Running = ReadonlyMap<
  string,
  { readonly upstream: Upstream; readonly watched: Watched | undefined; readonly vetoed: boolean }
>

/** What API and command line show. */
export interface ToldAttestation {
  readonly server: string
  readonly admission: string
  readonly reason?: string
  readonly policy?: string
  readonly code?: string
  readonly result?: AppraisalResult
}

interface Asking {
  readonly watch: Watch
  readonly newHardware: boolean
  attested?: Attested
}

export class AttestationRoom {
  readonly #deps: AttestationRoomDeps
  readonly #watches = new Map<Upstream, Watch>()
  /** Whose admission is being asked about, by name: what a plugin asks by name is about that one. */
  readonly #asking = new Map<string, Asking>()
  readonly #turns = new Map<string, Promise<unknown>>()
  /** What each watch is asked under: that of the generation it is in force with, or is built for. */
  readonly #under = new WeakMap<Watch, Preparation>()
  /** The last result of each server, by name. */
  readonly #last = new Map<string, Attested>()
  #current: Preparation | undefined
  #newest: AttestationParts | undefined

  constructor(deps: AttestationRoomDeps) {
    this.#deps = deps
  }

  async prepare(
    loaded: LoadedConfig<GatewayConfig>,
    generation: Generation<Points>,
  ): Promise<Preparation> {
    const parts = loaded.config.attestation && (await this.#partsOf(loaded))
    return {
      parts,
      generation,
      guard: (config) => guardOf(attestedServer(config), parts, generation),
    }
  }

  /** Those that are there go on where nothing of them has changed: what they remember is of use. */
  async #partsOf(loaded: LoadedConfig<GatewayConfig>): Promise<AttestationParts> {
    const key = keyOf(loaded)
    if (this.#newest?.key !== key)
      this.#newest = await this.#deps.parts(loaded, await this.#deps.store())
    return this.#newest
  }

  /** Asks whether a new server may serve. Resolves when what came of it is in force; never rejects. */
  async begin(upstream: Upstream, watched: Watched, preparation: Preparation): Promise<void> {
    const watch = this.#watch(upstream, watched, preparation)
    const { parts } = preparation
    if (parts && watched.policySha256 !== undefined) {
      try {
        const { admitted } = await createAdmittedMemory(await this.#deps.store()).recall(
          upstream.name,
        )
        const pin = watched.rules.mode === 'enforce' ? admitted?.spkiSha256 : undefined
        if (admitted) watch.restore(admitted, trustOf(parts, watched.server, pin))
      } catch (error) {
        this.#deps.log.warn(
          { server: upstream.name, error: messageOf(error) },
          'what was known of a server could not be recalled; it is attested first',
        )
      }
    }
    await watch.begin()
  }

  /** The one moment of a reload: servers that were kept are from now on under the policies of the new configuration. */
  inForce(preparation: Preparation, servers: Running): void {
    const before = this.#current?.parts
    this.#current = preparation
    if (before !== preparation.parts) void before?.close()
    const kept = new Set([...servers.values()].map(({ upstream }) => upstream))
    for (const name of this.#last.keys()) if (!servers.has(name)) this.#last.delete(name)
    for (const upstream of this.#watches.keys()) if (!kept.has(upstream)) this.drop(upstream)
    for (const { upstream, watched, vetoed } of servers.values()) {
      const watch = this.#watches.get(upstream)
      if (watched && watch) {
        this.#under.set(watch, preparation)
        watch.under(watched)
      } else if (watched) void this.begin(upstream, watched, preparation)
      else if (watch) {
        if (watch.watched.policySha256 !== undefined)
          this.#deps.log.warn(
            { server: upstream.name },
            'no appraisal policy is for a server any more: it serves without being attested',
          )
        this.drop(upstream)
        upstream.secure({})
        if (!vetoed) void upstream.admit('admitted')
      }
    }
  }

  keyChanged(upstream: Upstream): void {
    this.#watches.get(upstream)?.changed({ type: 'changed', change: 'tls-key-change' })
  }

  /** Those that were admitted under these parts and are concerned are attested again at once. */
  collateralChanged(parts: AttestationParts, concerns: Concerns): void {
    for (const watch of this.#watches.values()) {
      if (this.#under.get(watch)?.parts !== parts) continue
      const change = concerns(watch.watched.server, this.#last.get(watch.upstream.name)?.result)
      if (change !== undefined) watch.changed({ type: 'changed', change })
    }
  }

  restarted(upstream: Upstream): void {
    this.#watches.get(upstream)?.changed({ type: 'changed', change: 'reconnect' })
  }

  /** What plugins ask. */
  async appraise(
    request: AttestationRequest & { readonly dryRun: boolean },
  ): Promise<AttestationVerdict> {
    const { server, cause, entity, dryRun, signal } = request
    // what is declared is attested when it is admitted: then it is known what it is in force with
    if (cause === 'declaration') return { decision: 'none' }
    if (entity !== undefined) {
      const parts = this.#current?.parts
      if (!parts) return { decision: 'none' }
      const target = attestedServer({ ...(entity as unknown as ServerConfig), name: server })
      const purpose = dryRun ? 'try' : 'propose'
      return verdictOf(await parts.service.attest(target, { cause, purpose, signal }))
    }
    const asking = this.#asking.get(server)
    const parts = asking && this.#under.get(asking.watch)?.parts
    if (!parts) return { decision: 'none' }
    const { newHardware } = asking
    const how = { cause, purpose: dryRun ? 'try' : 'admit', newHardware, signal } as const
    const attested = await parts.service.attest(asking.watch.watched.server, how)
    asking.attested = attested
    return verdictOf(attested)
  }

  /** An operator wants it attested now. Rejects with API_NOT_FOUND. */
  async attest(
    name: string,
    { newHardware = false }: { readonly newHardware?: boolean } = {},
  ): Promise<ToldAttestation> {
    await this.#watchOf(name).attemptAnew({ cause: 'operator', newHardware })
    return this.attested(name)
  }

  /** How the last one ended. Throws API_NOT_FOUND. */
  attested(name: string): ToldAttestation {
    const { admission, admissionReason: reason } = this.#watchOf(name).upstream
    const result = this.#last.get(name)?.result
    return {
      server: name,
      admission,
      ...(reason === undefined ? {} : { reason }),
      ...(result?.policyId === undefined ? {} : { policy: result.policyId }),
      ...(result?.reason === undefined ? {} : { code: result.reason }),
      ...(result ? { result } : {}),
    }
  }

  /** The one in force: of two of a name the other is about to go. */
  #watchOf(name: string): Watch {
    const watch = [...this.#watches.values()].findLast(({ upstream }) => upstream.name === name)
    if (!watch)
      throw new AppError('API_NOT_FOUND', `the server ${name} is not there, or not attested`)
    return watch
  }

  /** How many servers hold what, for the metrics. */
  *measured(names: Iterable<string>): Iterable<MeasuredServer> {
    const byName = new Map([...this.#watches.values()].map((watch) => [watch.upstream.name, watch]))
    for (const name of names) {
      const watch = byName.get(name)
      if (!watch || watch.watched.policySha256 === undefined) yield { attestation: 'none' }
      else {
        const { level } = this.#last.get(name)?.result ?? {}
        const attestation = attestationOf(watch.look, level === 'identity')
        const { acceptedAt } = watch
        if (attestation) yield { attestation, ...(acceptedAt === undefined ? {} : { acceptedAt }) }
      }
    }
  }

  async close(): Promise<void> {
    for (const watch of this.#watches.values()) watch.end()
    this.#watches.clear()
    // after a reload that failed those in force are not the newest
    await Promise.all([this.#newest?.close(), this.#current?.parts?.close()])
  }

  #watch(upstream: Upstream, watched: Watched, preparation: Preparation): Watch {
    this.drop(upstream)
    const { clock, log, random } = this.#deps
    const ask = (watch: Watch, attempt: Attempt) => this.#inTurn(watch, attempt)
    const watch = new Watch(upstream, watched, { clock, log, random, ask })
    this.#under.set(watch, preparation)
    this.#watches.set(upstream, watch)
    return watch
  }

  /** Watches it no more; what it is then is whoever owns it to say. */
  drop(upstream: Upstream): void {
    const watch = this.#watches.get(upstream)
    watch?.end()
    this.#watches.delete(upstream)
    const { name } = upstream
    const isThere = [...this.#watches.keys()].some((other) => other.name === name)
    if (watch && !isThere) this.#under.get(watch)?.parts?.service.forget(name)
  }

  /** Two servers of one name are there while a reload is under way; they are asked about one after the other. */
  #inTurn(watch: Watch, attempt: Attempt): Promise<Asked> {
    const { name } = watch.upstream
    const before = this.#turns.get(name) ?? Promise.resolve()
    const next = before.then(() => this.#ask(watch, attempt)).catch(faulted)
    this.#turns.set(name, next)
    void next.finally(() => this.#turns.get(name) === next && this.#turns.delete(name))
    return next
  }

  async #ask(watch: Watch, { cause, newHardware = false }: Attempt): Promise<Asked> {
    const { name, info } = watch.upstream
    const preparation = this.#under.get(watch)
    const runner = preparation?.generation.runner('server_pre_admit', { server: info })
    const asking: Asking = { watch, newHardware }
    const recorder = createRecorder()
    this.#asking.set(name, asking)
    try {
      if (runner) {
        const request = systemRequest(this.#deps.createId(), 'server/admit', preparation)
        request.server = info
        const outcome = await runner.dispatch({ server: name, cause }, request, { recorder })
        if (outcome.kind === 'deny') return deniedBy(outcome.violation)
        if (outcome.kind === 'fault') return faulted(outcome.fault)
      }
    } finally {
      this.#asking.delete(name)
      if (asking.attested) this.#last.set(name, asking.attested)
    }
    return admittedBy(watch, asking.attested, { preparation, steps: recorder.steps })
  }
}
