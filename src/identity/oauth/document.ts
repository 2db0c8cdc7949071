// A JSON document of an issuer, fetched with a deadline and a bound of its size; what it means is not known here.
import type { Clock } from '../../base/clock.ts'
import { isObject, type JsonObject } from '../../base/json.ts'

/** One GET over the network, guarded against reaching where it must not: the egress room, handed in. */
export type FetchDocument = (
  url: string,
  request: {
    readonly headers: Readonly<Record<string, string>>
    /** Milliseconds for everything. */
    readonly timeout: number
    readonly maxBytes: number
  },
) => Promise<{ readonly status: number; readonly body: Uint8Array }>

export const MOST_BYTES = 262_144

export interface Reach {
  readonly fetch: FetchDocument
  readonly clock: Clock
}

/** Undefined when there is no such document (404 and its like); rejects when that cannot be found out in time. */
export async function fetchJson(
  url: string,
  timeout: number,
  { fetch, clock }: Reach,
): Promise<JsonObject | undefined> {
  const headers = { accept: 'application/json' }
  const asked = fetch(url, { headers, timeout, maxBytes: MOST_BYTES })
  const { status, body } = await before(asked, timeout, clock)
  if (status >= 400 && status < 500 && status !== 429) return undefined
  if (status !== 200) throw new Error(`it answered with status ${status}`)
  if (body.byteLength > MOST_BYTES) throw new Error('its document is too large')
  const value: unknown = JSON.parse(Buffer.from(body).toString())
  if (!isObject(value)) throw new Error('its document is no JSON object')
  return value as JsonObject
}

// whoever fetches keeps to the timeout; this is for the one who does not
async function before<T>(work: Promise<T>, ms: number, clock: Clock): Promise<T> {
  const late = Promise.withResolvers<never>()
  const cancel = clock.after(ms, () => late.reject(new Error(`it did not answer within ${ms} ms`)))
  try {
    return await Promise.race([work, late.promise])
  } finally {
    cancel()
  }
}
