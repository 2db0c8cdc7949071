// Attestation in a gateway: the service for the configuration in force, and a watch over every server that may not simply serve.

import type { AdmissionRules } from '../../attest/admission.ts'
import { createAdmittedMemory } from '../../attest/admitted.ts'
import type { AppraisalResult } from '../../attest/appraisal/result.ts'
import { attestationOf, type MeasuredServer } from '../../attest/measures.ts'
import type { AppraisalPolicy } from '../../attest/policy/policy.ts'
import { REASONS, type Reason } from '../../attest/reasons.ts'
import type { AttestedServer } from '../../attest/service/server.ts'
import type { Attested } from '../../attest/service/service.ts'
import type { Clock } from '../../base/clock.ts'
import { AppError, isAppError, messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { LoadedConfig } from '../../config/load.ts'
import type { Generation } from '../../engine/engine.ts'
import type { AttestationRequest, AttestationVerdict } from '../../host/api.ts'
import type { Points } from '../../points/table.ts'
import type { Store } from '../../store/store.ts'
import type { PeerTrust, Upstream } from '../../upstream/client.ts'
import type { ServerConfig } from '../../upstream/options.ts'
import { systemRequest } from '../reload.ts'
import type { GatewayConfig } from '../sections.ts'
import { type AttestationParts, type Concerns, keyOf } from './parts.ts'
import { attestedServer } from './target.ts'
import { type Asked, Watch, type Watched } from './watch.ts'

export interface AttestationRoomDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
  readonly createId: () => string
  /** Opened when the first configuration asks for attestation. */
  readonly store: () => Promise<Pick<Store, keyof Store>>
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

/** As long as it was said for good: where no policy limits it, only a new configuration asks again. */
const LASTING: AdmissionRules = { mode: 'enforce', ttl: 3e12, interval: 1.5e12, jitter: 0 }

interface Asking {
  readonly watch: Watch
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
  #current: Preparation | undefined
  #newest: AttestationParts | undefined
  #operators: { readonly name: string; readonly newHardware: boolean } | undefined

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
        if (admitted) watch.restore(admitted, trustOf(parts, watched.server, admitted.spkiSha256))
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
    for (const upstream of this.#watches.keys()) if (!kept.has(upstream)) this.drop(upstream)
    for (const { upstream, watched, vetoed } of servers.values()) {
      const watch = this.#watches.get(upstream)
      if (watched && watch) {
        this.#under.set(watch, preparation)
        watch.under(watched)
      } else if (watched) void this.begin(upstream, watched, preparation)
      else if (watch) {
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
    const newHardware = this.#operators?.name === server && this.#operators.newHardware
    const how = { cause, purpose: dryRun ? 'try' : 'admit', newHardware, signal } as const
    const attested = await parts.service.attest(asking.watch.watched.server, how)
    asking.attested = attested
    return verdictOf(attested)
  }

  /** An operator wants it attested now. Rejects with API_NOT_FOUND. */
  async attest(
    name: string,
    { newHardware = false }: { readonly newHardware?: boolean } = {},
  ): Promise<{
    readonly admission: string
    readonly reason?: string
    readonly result?: AppraisalResult
  }> {
    const watch = [...this.#watches.values()].find(({ upstream }) => upstream.name === name)
    if (!watch) throw new AppError('API_NOT_FOUND', `no appraisal policy is for the server ${name}`)
    this.#operators = { name, newHardware }
    try {
      // one that is under way was begun without what the operator says
      if (newHardware) await watch.attempt('operator')
      await watch.attempt('operator')
    } finally {
      this.#operators = undefined
    }
    const { admission, admissionReason: reason } = watch.upstream
    const last = this.#last.get(name)
    return {
      admission,
      ...(reason === undefined ? {} : { reason }),
      ...(last ? { result: last.result } : {}),
    }
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
    await this.#newest?.close()
  }

  /** The last result of each server, by name. */
  readonly #last = new Map<string, Attested>()

  lastOf(name: string): Attested | undefined {
    return this.#last.get(name)
  }

  #watch(upstream: Upstream, watched: Watched, preparation: Preparation): Watch {
    this.drop(upstream)
    const { clock, log, random } = this.#deps
    const ask = (watch: Watch, cause: string) => this.#inTurn(watch, cause)
    const watch = new Watch(upstream, watched, { clock, log, random, ask })
    this.#under.set(watch, preparation)
    this.#watches.set(upstream, watch)
    return watch
  }

  /** Watches it no more; what it is then is whoever owns it to say. */
  drop(upstream: Upstream): void {
    this.#watches.get(upstream)?.end()
    this.#watches.delete(upstream)
  }

  /** Two servers of one name are there while a reload is under way; they are asked about one after the other. */
  #inTurn(watch: Watch, cause: string): Promise<Asked> {
    const { name } = watch.upstream
    const before = this.#turns.get(name) ?? Promise.resolve()
    const next = before.then(() => this.#ask(watch, cause)).catch(faulted)
    this.#turns.set(name, next)
    void next.finally(() => this.#turns.get(name) === next && this.#turns.delete(name))
    return next
  }

  async #ask(watch: Watch, cause: string): Promise<Asked> {
    const { name, info } = watch.upstream
    const preparation = this.#under.get(watch)
    const runner = preparation?.generation.runner('server_pre_admit', { server: info })
    const asking: Asking = { watch }
    this.#asking.set(name, asking)
    try {
      if (runner) {
        const request = systemRequest(this.#deps.createId(), 'server/admit', preparation)
        request.server = info
        const outcome = await runner.dispatch({ server: name, cause }, request)
        if (outcome.kind === 'deny') return deniedBy(outcome.violation)
        if (outcome.kind === 'fault') return faulted(outcome.fault)
      }
    } finally {
      this.#asking.delete(name)
      if (asking.attested) this.#last.set(name, asking.attested)
    }
    return admittedBy(watch, asking.attested, preparation)
  }
}

function guardOf(
  server: AttestedServer,
  parts: AttestationParts | undefined,
  generation: Generation<Points>,
): Watched | undefined {
  const selection = parts?.service.selectionFor(server)
  const policy = selection && 'policy' in selection ? selection.policy : undefined
  if (policy && parts) {
    const { sha256 } = policy
    return { server, rules: rulesOf(policy), policySha256: sha256, basis: `${sha256} ${parts.key}` }
  }
  const isRefused = selection !== undefined && 'reason' in selection
  if (!isRefused && !generation.points.has('server_pre_admit')) return undefined
  // one that no policy may be for is watched all the same: it is told why it does not serve
  const basis = `${isRefused} ${generation.id}`
  return { server, rules: LASTING, policySha256: isRefused ? 'none' : undefined, basis }
}

function rulesOf({ mode, result: { ttl, interval, jitter, on } }: AppraisalPolicy): AdmissionRules {
  return { mode, ttl, interval, jitter, on }
}

/** Whatever was asked or not asked: where there is a policy, only a verdict lets a server serve. */
function admittedBy(
  watch: Watch,
  attested: Attested | undefined,
  preparation: Preparation | undefined,
): Asked {
  const { server, policySha256 } = watch.watched
  if (policySha256 === undefined) return { verdict: 'accepted', until: undefined, trust: undefined }
  const parts = preparation?.parts
  if (!attested || !parts) return denied('policy.unasked')
  const { result } = attested
  // it was refused and the point let it pass: its policy or entry only observes
  if (result.decision !== 'accept')
    return { verdict: 'accepted', until: undefined, trust: trustOf(parts, server, undefined) }
  const trust = result.tls && trustOf(parts, server, result.tls.spkiSha256)
  return { verdict: 'accepted', until: result.expires, trust }
}

function trustOf(
  parts: AttestationParts,
  server: AttestedServer,
  pin: string | undefined,
): PeerTrust {
  if (server.transport !== 'tls') return {}
  const selection = parts.service.selectionFor(server)
  const policy = 'policy' in selection ? selection.policy : undefined
  return { pin, tls: parts.tlsOf(policy, pin !== undefined) }
}

function deniedBy(violation: {
  readonly code: string
  readonly reason: string
  readonly details?: Readonly<Record<string, unknown>> | undefined
}): Asked {
  const { code, reason: says, details } = violation
  const reason = details?.reason
  if (code === 'ATTESTATION_DENIED' && typeof reason === 'string' && Object.hasOwn(REASONS, reason))
    return { verdict: 'denied', reason: reason as Reason, says }
  return { verdict: 'denied', reason: 'policy.vetoed', says: `${says} (${code})` }
}

function faulted(error: unknown): Asked {
  const says = isAppError(error) ? error.message : REASONS['internal.error'].says
  return { verdict: 'denied', reason: 'internal.error', says }
}

function denied(reason: Reason): Asked {
  return { verdict: 'denied', reason, says: REASONS[reason].says }
}

export function verdictOf({ result }: Attested): AttestationVerdict {
  const { decision, mode, policyId, reason, says, stage } = result
  const policy = policyId === undefined ? {} : { policy: policyId }
  if (decision === 'none') return { decision: 'none', ...policy }
  if (decision === 'accept' || mode === 'observe') return { decision: 'admit', ...policy }
  const code = reason ?? 'internal.error'
  const row = REASONS[code]
  return {
    decision: 'deny',
    ...policy,
    reason: code,
    stage: stage ?? row.stage,
    says: says ?? row.says,
    next: row.next,
  }
}
