// One server under watch: what its admission is, asked at its point when it is time, and what follows of it for the upstream; policies are judged elsewhere.
import {
  type AdmissionEvent,
  type AdmissionRules,
  type Look,
  lookAt,
  newStanding,
  restoredStanding,
  type Standing,
  step,
} from '../../attest/admission.ts'
import type { Admitted } from '../../attest/admitted.ts'
import { toldReason } from '../../attest/denial.ts'
import type { Reason } from '../../attest/reasons.ts'
import type { AttestedServer } from '../../attest/service/server.ts'
import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { Admission, PeerTrust, Upstream } from '../../upstream/client.ts'

/** What asking at `server_pre_admit` came to. */
export type Asked =
  | {
      readonly verdict: 'accepted'
      /** Milliseconds since the epoch; undefined: as long as the policy says. */
      readonly until: number | undefined
      /** Undefined: nothing is pinned. */
      readonly trust: PeerTrust | undefined
    }
  | { readonly verdict: 'denied'; readonly reason: Reason; readonly says: string }

export interface WatchDeps {
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  /** Asks at the point; never rejects. */
  ask(watch: Watch, attempt: Attempt): Promise<Asked>
}

/** Why a server is attested, and what whoever wants it says about this one time. */
export interface Attempt {
  readonly cause: string
  /** An operator accepts other hardware. */
  readonly newHardware?: boolean
}

export interface Watched {
  readonly server: AttestedServer
  readonly rules: AdmissionRules
  /** Of the policy; undefined: only plugins have a say. */
  readonly policySha256: string | undefined
  /** Of all that a verdict rests on besides the server: another one makes it old. */
  readonly basis: string
}

const SERVES: Readonly<Partial<Record<Look['state'], Admission>>> = {
  none: 'admitted',
  valid: 'admitted',
  due: 'due',
  grace: 'grace',
}

export class Watch {
  readonly upstream: Upstream
  readonly #deps: WatchDeps
  #watched: Watched
  #standing: Standing
  /** Why it was refused last, for people. */
  #says: string | undefined
  #disarm: () => void = () => {}
  #running: Promise<void> | undefined
  #applied: Promise<void> = Promise.resolve()
  #ended = false

  constructor(upstream: Upstream, watched: Watched, deps: WatchDeps) {
    this.upstream = upstream
    this.#watched = watched
    this.#deps = deps
    this.#standing = newStanding(watched.rules, deps.clock.wall())
  }

  get watched(): Watched {
    return this.#watched
  }

  get look(): Look {
    return lookAt(this.#standing, this.#deps.clock.wall())
  }

  get acceptedAt(): number | undefined {
    return this.#standing.verdict === 'positive' ? this.#standing.acceptedAt : undefined
  }

  /** After a start: what held under this very policy goes on holding, with the key it held for, and is attested again at once. */
  restore(kept: Admitted, trust: PeerTrust): void {
    const { rules, policySha256 } = this.#watched
    const { refused, acceptedAt, validUntil } = kept
    if (kept.policySha256 !== policySha256 && refused === undefined) return
    const standing = { acceptedAt, validUntil, reason: refused }
    this.#standing = restoredStanding(standing, rules, this.#deps.clock.wall())
    if (refused === undefined) this.upstream.secure(trust)
    else this.#says = toldReason(refused)
  }

  /** Asks for the first time. Resolves when what came of it is in force. */
  async begin(): Promise<void> {
    // what still holds serves meanwhile
    if (this.look.serves && this.#standing.verdict === 'positive') {
      await this.#apply()
      void this.attempt('restart')
      return
    }
    await this.attempt('registration')
  }

  /** One at a time; whoever comes while one is under way gets that one, unless it was made void meanwhile. Never rejects. */
  attempt(cause: string): Promise<void> {
    return this.#running ?? this.#start({ cause })
  }

  /** One of its own, after the one that is under way: that was begun without what the operator says. Never rejects. */
  async attemptAnew(attempt: Attempt): Promise<void> {
    while (this.#running) await this.#running
    await this.#start(attempt)
  }

  #start(attempt: Attempt): Promise<void> {
    if (this.#ended) return Promise.resolve()
    const running = this.#attempt(attempt).finally(() => {
      this.#running = undefined
      void this.#apply()
    })
    this.#running = running
    return running
  }

  /** What became known about it. Takes effect at once. */
  changed(event: Extract<AdmissionEvent, { type: 'changed' }>): void {
    this.#step(event)
    if (event.change === 'tls-key-change') this.#says = toldReason('tls.key_changed')
    void this.#apply()
  }

  /** Another policy, or another server under its name, from now on. */
  under(watched: Watched): void {
    const isSame = watched.basis === this.#watched.basis
    this.#watched = watched
    if (isSame) return
    this.#step({ type: 'policy', rules: watched.rules })
    void this.#apply()
  }

  /** Asks no more; what the upstream is then is whoever ends it to say. */
  end(): void {
    this.#ended = true
    this.#disarm()
  }

  async #attempt(wanted: Attempt): Promise<void> {
    this.#step({ type: 'begun' })
    const { attempt } = this.#standing
    const asked = await this.#deps.ask(this, wanted)
    if (this.#ended) return
    if (asked.verdict === 'denied') {
      this.#says = asked.says
      this.#step({ type: 'denied', attempt, reason: asked.reason })
    } else {
      const { until, trust } = asked
      this.#step({ type: 'accepted', attempt, ...(until === undefined ? {} : { until }) })
      // a verdict that no longer counts pins nothing
      if (trust && this.#standing.verdict === 'positive' && this.#standing.failures === 0)
        this.upstream.secure(trust)
    }
    await this.#apply()
  }

  #step(event: AdmissionEvent): void {
    const { clock, random } = this.#deps
    this.#standing = step(this.#standing, event, { now: clock.wall(), random })
  }

  /** Puts in force what is so now, and comes back when something will be otherwise. */
  #apply(): Promise<void> {
    this.#disarm()
    if (this.#ended) return Promise.resolve()
    const { look } = this
    this.#tell(look)
    if (look.attest && !this.#running) void this.attempt('interval')
    else if (look.next !== undefined) {
      const wait = Math.max(1, look.next - this.#deps.clock.wall())
      this.#disarm = this.#deps.clock.after(wait, () => void this.#apply())
    }
    return this.#applied
  }

  #tell({ state, serves, reason }: Look): void {
    const admission = serves ? (SERVES[state] ?? 'admitted') : 'quarantined'
    const why = admission === 'admitted' ? undefined : this.#why(reason)
    if (admission === this.upstream.admission && why === this.upstream.admissionReason) return
    const { name } = this.upstream
    const fields = { server: name, admission, ...(reason === undefined ? {} : { code: reason }) }
    if (admission === 'quarantined') this.#deps.log.warn(fields, 'a server is quarantined')
    else this.#deps.log.info(fields, `a server is ${admission}`)
    this.#applied = this.upstream.admit(admission, why)
  }

  #why(reason: Reason | undefined): string | undefined {
    if (reason === undefined) return 'it has not been admitted yet'
    return this.#says ?? toldReason(reason)
  }
}
