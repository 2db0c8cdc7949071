// Gets the collateral that verifications ask for: supplied by the operator, remembered, or fetched; it checks nothing of it.
import type { Clock } from '../../base/clock.ts'
import type { Collateral, CollateralNeed } from '../collateral.ts'

export type CollateralDocument = Collateral extends ReadonlyMap<string, infer D> ? D : never

/** One outgoing request, for whoever wants it; rejects when there is no answer with status 200 in time, which it keeps itself. */
export type CollateralFetch = (
  url: string,
  request: {
    readonly body?: Uint8Array | undefined
    readonly contentType?: string | undefined
  },
) => Promise<{ readonly bytes: Uint8Array; readonly headers: Readonly<Record<string, string>> }>

export interface CollateralSourceDeps {
  readonly fetch: CollateralFetch
  /** By id; what an operator supplies is used before anything is fetched, and checked like everything else. */
  readonly supplied: Collateral
  readonly clock: Pick<Clock, 'wall'>
  /** Milliseconds after which a document is fetched again. */
  readonly refresh: number
  /** Is told of each fetch that failed, and why, without the URL's path. */
  readonly failed: (kind: CollateralNeed['kind'], host: string) => void
}

export interface CollateralSource {
  /**
   * Everything that can be had of what is needed, by id; what cannot is missing, and whoever verifies decides what that means.
   * Never rejects.
   */
  get(needs: readonly CollateralNeed[], signal?: AbortSignal): Promise<Collateral>
  /** Fetches what is needed whatever is remembered; what is supplied, or cannot be had, is missing. Never rejects. */
  renew(needs: readonly CollateralNeed[], signal?: AbortSignal): Promise<Collateral>
  /** Milliseconds since the epoch at which the oldest remembered document of each kind was received. */
  oldest(): ReadonlyMap<CollateralNeed['kind'], number>
  /** Forgets what is remembered, such as after a revocation was announced. */
  forget(): void
}

/** Documents remembered; the one that was got first makes room. */
const MOST = 512
/** Of one verification. */
const MOST_NEEDS = 32
/** Fetches of a renewal. */
const AT_ONCE = 4

export function createCollateralSource(deps: CollateralSourceDeps): CollateralSource {
  const { supplied, clock, refresh } = deps
  /** By where it is from and what is asked for there, too: whoever names an id must not say for others what is under it. */
  const remembered = new Map<
    string,
    CollateralDocument & { readonly kind: CollateralNeed['kind'] }
  >()
  /** One fetch of a document at a time, whoever asks. */
  const running = new Map<string, Promise<CollateralDocument | undefined>>()

  async function one(need: CollateralNeed, signal: AbortSignal | undefined) {
    const given = supplied.get(need.id) ?? supplied.get(ofIssuer(need))
    if (given) return given
    const known = remembered.get(keyOf(need))
    // a request with a nonce has its own answer
    const age = Math.min(refresh, need.maxAge ?? refresh)
    if (known && clock.wall() - known.receivedAt < age) return known
    // what is older than wanted is still handed on when there is nothing newer: its own time is what counts
    return (await fetched(need, signal)) ?? known
  }

  function fetched(need: CollateralNeed, signal: AbortSignal | undefined) {
    if (signal?.aborted) return Promise.resolve(undefined)
    const key = keyOf(need)
    // whoever asked first may go: the others still want it
    const started = running.get(key) ?? fetchOne(need, deps).finally(() => running.delete(key))
    running.set(key, started)
    const kept = started.then((document) => {
      if (!document) return undefined
      remembered.delete(key)
      remembered.set(key, { ...document, kind: need.kind })
      for (const old of remembered.keys()) {
        if (remembered.size <= MOST) break
        remembered.delete(old)
      }
      return document
    })
    return unlessGone(kept, signal)
  }

  return {
    async get(needs, signal) {
      const found = new Map<string, CollateralDocument>()
      await Promise.all(
        needs.slice(0, MOST_NEEDS).map(async (need) => {
          const document = await one(need, signal)
          if (document) found.set(need.id, document)
        }),
      )
      return found
    },
    async renew(needs, signal) {
      const found = new Map<string, CollateralDocument>()
      const left = needs.filter(({ id }) => !supplied.has(id))
      const one = async (): Promise<void> => {
        for (let need = left.pop(); need; need = left.pop()) {
          const document = await fetched(need, signal)
          if (document) found.set(need.id, document)
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, one))
      return found
    },
    oldest() {
      const ages = new Map<CollateralNeed['kind'], number>()
      for (const { kind, receivedAt } of remembered.values())
        ages.set(kind, Math.min(receivedAt, ages.get(kind) ?? receivedAt))
      return ages
    },
    forget: () => remembered.clear(),
  }
}

/** Lists that authorities split have the place behind the issuer; who supplies the one list of an issuer names the issuer alone. */
function ofIssuer({ id, kind }: CollateralNeed): string {
  return kind === 'crl' ? id.split(':', 2).join(':') : id
}

function keyOf({ id, urls, body }: CollateralNeed): string {
  return JSON.stringify([id, urls, body && Buffer.from(body).toString('base64')])
}

function unlessGone<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  if (!signal) return work
  return new Promise((resolve, reject) => {
    const gone = () => resolve(undefined)
    if (signal.aborted) gone()
    signal.addEventListener('abort', gone, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', gone))
  })
}

async function fetchOne(
  { urls, kind, body, contentType }: CollateralNeed,
  { fetch, clock, failed }: CollateralSourceDeps,
): Promise<CollateralDocument | undefined> {
  for (const url of urls) {
    try {
      return { ...(await fetch(url, { body, contentType })), receivedAt: clock.wall() }
    } catch {
      failed(kind, URL.parse(url)?.hostname ?? 'unknown')
    }
  }
  return undefined
}
