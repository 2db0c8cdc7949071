// One server under watch: what its admission is, asked at its point when it is time, and what follows of it for the upstream; policies are judged elsewhere.
import {
  type AdmissionEvent,
  type AdmissionRules,
  type Look,
  lookAt,
  newStanding,
  restoredStanding,
  type Standing,
  shiftedStanding,
  step,
} from '../../attest/admission/admission.ts'
import type { Admitted } from '../../attest/admission/admitted.ts'
import { toldReason } from '../../attest/denial.ts'
import type { Reason } from '../../attest/reasons.ts'
import type { AttestedServer } from '../../attest/service/server.ts'
import { targetSha256 } from '../../attest/service/target.ts'
import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
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

/** Clocks are put right by so much all the time. */
const SLACK_MS = 1000

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
  #said: { readonly reason: Reason; readonly says: string } | undefined
  #disarm: () => void = () => {}
  #running: Promise<void> | undefined
  #applied: Promise<void> = Promise.resolve()
  #ended = false
  /** The clock on the wall beside the one that only goes forward. */
  #ahead: number

  constructor(upstream: Upstream, watched: Watched, deps: WatchDeps) {
    this.upstream = upstream
    this.#watched = watched
    this.#deps = deps
    this.#standing = newStanding(watched.rules, deps.clock.wall())
    this.#ahead = deps.clock.wall() - deps.clock.now()
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

  /** After a start: what held for this very server under this very policy goes on holding, with the key it held for, and is attested again at once. */
  restore(kept: Admitted, trust: PeerTrust): void {
    const { rules, policySha256 } = this.#watched
    const { refused, acceptedAt, validUntil } = kept
    // another program or place under its name has shown nothing yet, and nothing was shown against it
    if (kept.target !== targetSha256(this.#watched.server)) return
    if (kept.policySha256 !== policySha256 && refused === undefined) return
    const standing = { acceptedAt, validUntil, reason: refused }
    this.#standing = restoredStanding(standing, rules, this.#deps.clock.wall())
    if (refused === undefined) this.upstream.secure(trust)
    else this.#said = { reason: refused, says: toldReason(refused) }
  }

  /** Asks for the first time. Resolves when what came of it is in force. */
  async begin(): Promise<void> {
    // what still holds serves meanwhile
    if (this.look.serves && this.#standing.verdict === 'positive') {
      // begun first: putting in force what is due would begin one for its interval
      void this.attempt('restart')
      await this.#apply()
      return
    }
    // one that ran before there was a policy for it serves no longer than that
    if (this.#watched.policySha256 !== undefined && !this.look.serves) this.#tell(this.look)
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
    void this.#apply()
  }

  /** Another policy, or another server under its name, from now on. */
  under(watched: Watched): void {
    const { server, basis, policySha256 } = this.#watched
    this.#watched = watched
    if (watched.basis === basis) return
    const isOther = targetSha256(server) !== targetSha256(watched.server)
    // what was found out about another one is nothing about this one, nor is that there was no policy
    if (isOther || (policySha256 === undefined && watched.policySha256 !== undefined))
      this.#step({ type: 'policy', rules: undefined })
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
      this.#said = { reason: asked.reason, says: asked.says }
      this.#step({ type: 'denied', attempt, reason: asked.reason })
    } else {
      this.#accept(attempt, asked)
    }
    await this.#apply()
  }

  #accept(attempt: number, { until, trust }: Extract<Asked, { verdict: 'accepted' }>): void {
    this.#keepTime()
    const before = this.#standing
    this.#step({ type: 'accepted', attempt, ...(until === undefined ? {} : { until }) })
    // a verdict that no longer counts changes nothing, and pins nothing
    if (!trust || this.#standing.attemptUntil === before.attemptUntil) return
    try {
      this.upstream.secure(trust)
    } catch (error) {
      this.#deps.log.error(
        { server: this.upstream.name, error: messageOf(error) },
        'what a server was admitted with cannot be required of its connections',
      )
      this.#standing = { ...before, attemptUntil: undefined }
      this.#step({ type: 'denied', attempt, reason: 'internal.error' })
    }
  }

  #step(event: AdmissionEvent): void {
    const { clock, random } = this.#deps
    this.#keepTime()
    this.#standing = step(this.#standing, event, { now: clock.wall(), random })
  }

  /** Where the clock on the wall is put back, what holds for an hour must not hold for a day. */
  #keepTime(): void {
    const { clock } = this.#deps
    const ahead = clock.wall() - clock.now()
    if (ahead < this.#ahead - SLACK_MS)
      this.#standing = shiftedStanding(this.#standing, ahead - this.#ahead)
    else if (ahead <= this.#ahead) return
    this.#ahead = ahead
  }

  /** Puts in force what is so now, and comes back when something will be otherwise. */
  #apply(): Promise<void> {
    this.#disarm()
    if (this.#ended) return Promise.resolve()
    this.#keepTime()
    this.#tell(this.look)
    if (this.look.attest && !this.#running) void this.attempt('interval')
    // also while it is being attested: what it was admitted with may end meanwhile
    const { next } = this.look
    if (next !== undefined) {
      const wait = Math.max(1, next - this.#deps.clock.wall())
      this.#disarm = this.#deps.clock.after(wait, () => void this.#apply())
    }
    return this.#applied
  }

  #tell({ state, serves, reason }: Look): void {
    const admission = serves ? (SERVES[state] ?? 'admitted') : 'quarantined'
    const why = admission === 'admitted' ? undefined : this.#why(reason, serves)
    if (admission === this.upstream.admission && why === this.upstream.admissionReason) return
    const { name } = this.upstream
    const fields = { server: name, admission, ...(reason === undefined ? {} : { code: reason }) }
    if (admission === 'quarantined') this.#deps.log.warn(fields, 'a server is quarantined')
    else this.#deps.log.info(fields, `a server is ${admission}`)
    this.#applied = this.upstream.admit(admission, why)
  }

  #why(reason: Reason | undefined, serves: boolean): string | undefined {
    // one that is merely due has nothing against it
    if (reason === undefined) return serves ? undefined : 'it has not been admitted yet'
    // what came about since and shows nothing does not take the place of what was shown
    return this.#said?.reason === reason ? this.#said.says : toldReason(reason)
  }
}
