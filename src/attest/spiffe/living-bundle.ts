// The bundle of one trust domain as it is now: begun from what was kept and what the operator gave, asked for anew when it is time; whom it vouches for is judged elsewhere.
import { hash } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { Denial } from '../denial.ts'
import { newerBundle, parseSpiffeBundle, type SpiffeBundle } from './bundle.ts'
import type { BundleNeed } from './federation.ts'
import type { KeptBundles, RecalledBundle } from './kept-bundles.ts'

export interface BundleSource {
  readonly trustDomain: string
  /** What the operator gave: the bundle, or the first one to trust. */
  readonly given: Uint8Array | undefined
  /** Undefined: it has no endpoint. */
  readonly need: BundleNeed | undefined
}

export interface LivingBundleDeps {
  readonly kept: KeptBundles
  readonly clock: Clock
  readonly random: () => number
  /** Checks the endpoint as the need says before it reads a byte. Rejects when there is no bundle in time. */
  readonly fetch: (need: BundleNeed, signal: AbortSignal) => Promise<Uint8Array>
  /** Is told why an attempt to learn of a newer one came to nothing. */
  readonly failed: (trustDomain: string, error: unknown) => void
  /** Another bundle is in force. */
  readonly changed: (trustDomain: string) => void
}

/** A bundle, kept as base64 in a note, has to fit there. */
export const LARGEST_BUNDLE = 160 * 1024
const FETCH_MS = 10_000
const BACKOFF = { first: 5000, most: 15 * 60_000 } as const
/** How far an interval is drawn out, so that not all domains and gateways ask at once. */
const JITTER = 0.1
/** More gateways than that do not write about one domain in one moment. */
const MOST_TRIES = 8

interface Held {
  readonly bundle: SpiffeBundle
  readonly bytes: Uint8Array
  readonly receivedAt: number
}

export class LivingBundle {
  readonly trustDomain: string
  readonly #source: BundleSource
  readonly #deps: LivingBundleDeps
  readonly #ended = new AbortController()
  readonly #givenSha256: string | undefined
  #held: Held | undefined
  #failures = 0
  /** Whether what the operator gave was weighed against what was kept. */
  #isGivenWeighed = false
  #disarm: () => void = () => {}

  constructor(source: BundleSource, deps: LivingBundleDeps) {
    this.#source = source
    this.#deps = deps
    this.trustDomain = source.trustDomain
    this.#givenSha256 = source.given && hash('sha256', source.given)
  }

  /** Undefined: none is known yet, and nobody of the domain is trusted. */
  get bundle(): SpiffeBundle | undefined {
    return this.#held?.bundle
  }

  /** Milliseconds since the epoch. */
  get receivedAt(): number | undefined {
    return this.#held?.receivedAt
  }

  /** Resolves when there is a bundle, or none could be had; its endpoint is waited for only where there is nothing else. Never rejects. */
  async begin(): Promise<void> {
    await this.#renew(() => this.#held === undefined)
  }

  /** Asks the store and the endpoint now. Never rejects. */
  async renew(): Promise<void> {
    await this.#renew(() => true)
  }

  end(): void {
    this.#ended.abort()
    this.#disarm()
  }

  async #renew(isAsked: () => boolean): Promise<void> {
    this.#disarm()
    let wait = 0
    try {
      await this.#learn()
      if (isAsked() || this.#source.need === undefined) {
        await this.#ask()
        this.#failures = 0
        wait = this.#interval
      }
    } catch (error) {
      if (this.#ended.signal.aborted) return
      this.#deps.failed(this.trustDomain, error)
      wait = this.#backOff()
    }
    if (this.#ended.signal.aborted) return
    this.#disarm = this.#deps.clock.after(Math.max(1, wait), () => void this.renew())
  }

  get #interval(): number {
    const { bundle } = this.#held ?? {}
    return (bundle?.refreshAfter ?? BACKOFF.most) * (1 + JITTER * this.#deps.random())
  }

  #backOff(): number {
    const most = Math.min(BACKOFF.most, BACKOFF.first * 2 ** Math.min(this.#failures++, 16))
    return most * (0.5 + 0.5 * this.#deps.random())
  }

  /** What other gateways, and this one before it was started, knew. Then what the operator gives, once: it is no news later. */
  async #learn(): Promise<void> {
    const recalled = await this.#recall().catch((error: unknown) => {
      // without a store nobody is admitted; the bundle that is there goes on until it can be compared
      const isAway = error instanceof Denial && error.reason === 'internal.store_unavailable'
      const { given } = this.#source
      if (isAway && this.#held === undefined && given !== undefined) this.#take(given)
      throw error
    })
    if (this.#isGivenWeighed) return
    this.#isGivenWeighed = true
    const { given } = this.#source
    const isNews = given !== undefined && recalled.kept?.givenSha256 !== this.#givenSha256
    if (!isNews) return
    this.#take(given)
    await this.#keep()
  }

  async #recall(): Promise<RecalledBundle> {
    const recalled = await this.#deps.kept.recall(this.trustDomain)
    const { kept } = recalled
    if (kept) this.#takeKept(kept.bytes, kept.receivedAt)
    return recalled
  }

  async #ask(): Promise<void> {
    const { need } = this.#source
    if (need === undefined) return
    const late = new AbortController()
    const disarm = this.#deps.clock.after(FETCH_MS, () => late.abort())
    try {
      const signal = AbortSignal.any([late.signal, this.#ended.signal])
      const bytes = await within(this.#deps.fetch(need, signal), signal)
      this.#take(bytes)
    } finally {
      disarm()
    }
    await this.#keep()
  }

  /** Throws `evidence.collateral_invalid`, `evidence.collateral_stale`, and leaves what was. */
  #take(bytes: Uint8Array): void {
    if (bytes.length > LARGEST_BUNDLE)
      throw new Denial('evidence.collateral_invalid', 'SPIFFE bundle: larger than may be kept')
    const next = parseSpiffeBundle(bytes, this.trustDomain)
    const before = this.#held?.bundle
    const holds = newerBundle(before, next)
    if (holds !== next && holds.sha256 !== next.sha256)
      throw new Denial('evidence.collateral_invalid', 'SPIFFE bundle: another one of this number')
    this.#hold({ bundle: holds, bytes, receivedAt: this.#deps.clock.wall() })
  }

  /** Of one that does not number its bundles the one that was received last counts. */
  #takeKept(bytes: Uint8Array, receivedAt: number): void {
    const kept = parseSpiffeBundle(bytes, this.trustDomain)
    const { bundle: own, receivedAt: ownAt = 0 } = this.#held ?? {}
    const isNewer =
      own === undefined ||
      (own.sequence === undefined
        ? kept.sequence !== undefined || receivedAt > ownAt
        : kept.sequence !== undefined && kept.sequence > own.sequence)
    if (isNewer) this.#hold({ bundle: kept, bytes, receivedAt })
  }

  #hold(held: Held): void {
    const before = this.#held?.bundle.sha256
    this.#held = held
    if (before !== held.bundle.sha256) this.#deps.changed(this.trustDomain)
  }

  /** Whoever has written meanwhile may know more. */
  async #keep(): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const { version } = await this.#recall()
      if (this.#held === undefined) return
      const { bytes, receivedAt } = this.#held
      const kept = { bytes, receivedAt, givenSha256: this.#givenSha256 }
      if ((await this.#deps.kept.keep(this.trustDomain, kept, version)) !== undefined) return
    }
    throw new Denial('internal.busy', 'others write about the trust domain all the time')
  }
}

function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Denial('internal.timeout', 'SPIFFE bundle endpoint'))
    if (signal.aborted) late()
    signal.addEventListener('abort', late, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', late))
  })
}
