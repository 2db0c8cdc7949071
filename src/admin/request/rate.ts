// How many requests each principal and each address may make in a minute: a bounded table of arrival times; it sends nothing.
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'

export interface RateLimit {
  /** Takes one; headers of draft-ietf-httpapi-ratelimit-headers. Throws API_LIMITED with `data {retryAfter, headers}`. */
  take(key: string): Readonly<Record<string, string>>
}

export interface RateOptions {
  /** The name of the policy: `principal` or `address`. */
  readonly name: string
  readonly perMinute: number
  readonly clock: Pick<Clock, 'now'>
}

const WINDOW = 60_000
/** Keys that are remembered; who was seen longest ago is forgotten first. */
export const MOST_KEYS = 10_000

/** A generic cell rate: a whole minute's worth may come at once, then one as often as the rate says. */
export function createRateLimit({ name, perMinute, clock }: RateOptions): RateLimit {
  const step = WINDOW / perMinute
  /** When the key will have used up nothing. */
  const free = new Map<string, number>()
  const policy = `"${name}";q=${perMinute};w=60`
  return {
    take(key) {
      const now = clock.now()
      const before = Math.max(free.get(key) ?? now, now)
      const after = before + step
      const allowed = after - now <= WINDOW + 1e-6
      const used = (allowed ? after : before) - now
      const left = Math.max(0, Math.floor((WINDOW - used) / step + 1e-6))
      const wait = left > 0 ? 0 : Math.ceil((used + step - WINDOW) / 1000)
      const headers = { 'ratelimit-policy': policy, ratelimit: `"${name}";r=${left};t=${wait}` }
      if (!allowed)
        throw new AppError('API_LIMITED', `more than ${perMinute} requests a minute`, {
          data: { retryAfter: Math.max(1, wait), headers },
        })
      remember(free, key, after)
      return headers
    },
  }
}

function remember(free: Map<string, number>, key: string, until: number): void {
  free.delete(key)
  free.set(key, until)
  if (free.size <= MOST_KEYS) return
  const [oldest] = free.keys()
  if (oldest !== undefined) free.delete(oldest)
}
