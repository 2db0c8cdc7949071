// Keeps the collateral that admitted servers rest on fresh between their attestations, and says whose is another one; what that means is judged elsewhere.
import { createHash } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { Collateral, CollateralNeed } from '../collateral.ts'
import type { CollateralSource } from './collateral-source.ts'

/** What one server was admitted by. */
export interface Footing {
  readonly needs: readonly CollateralNeed[]
  readonly collateral: Collateral
  /** Milliseconds since the epoch: the first of its documents ends then. */
  readonly until: number | undefined
}

export interface Upkeep {
  /** In place of what it rested on before. */
  rest(server: string, footing: Footing): void
  forget(server: string): void
  close(): void
}

export interface UpkeepDeps {
  readonly source: Pick<CollateralSource, 'renew'>
  readonly clock: Clock
  readonly random: () => number
  /** Milliseconds after which a document is fetched again, however long it says itself that it is good. */
  readonly refresh: number
  /** These rest on what is another document now. Each is told of once, until it rests on something again. */
  readonly changed: (servers: ReadonlySet<string>) => void
}

/** Half of the time that a document has left: two failures in a row and it is still good. */
const SHARE = 0.5
/** Whatever policies and documents say, no document is asked for more often. */
const SHORTEST = 5000
/** How far a wait is drawn out, so that not all gateways ask at once. */
const JITTER = 0.1
/** Of documents that are looked after; servers beyond are attested at their interval only. */
const MOST = 512

interface Kept {
  need: CollateralNeed
  /** Milliseconds since the epoch. */
  due: number
  readonly servers: Map<string, string>
}

export function createUpkeep(deps: UpkeepDeps): Upkeep {
  const { clock, random, source } = deps
  /** By id of the need: who rests on which document, by its digest. */
  const kept = new Map<string, Kept>()
  const ended = new AbortController()
  let disarm = () => {}
  let isRunning = false

  function arm(): void {
    disarm()
    if (kept.size === 0 || isRunning || ended.signal.aborted) return
    const due = Math.min(...[...kept.values()].map((one) => one.due))
    disarm = clock.after(Math.max(1, due - clock.wall()), () => void run())
  }

  async function run(): Promise<void> {
    isRunning = true
    try {
      const now = clock.wall()
      const due = [...kept.values()].filter((one) => one.due <= now)
      for (const one of due) one.due = now + waitOf(one.need, undefined)
      const found = await source.renew(
        due.map(({ need }) => need),
        ended.signal,
      )
      if (!ended.signal.aborted) tell(due, found)
    } finally {
      isRunning = false
      arm()
    }
  }

  function tell(due: readonly Kept[], found: Collateral): void {
    const concerned = new Set<string>()
    for (const { need, servers } of due) {
      const document = found.get(need.id)
      if (!document) continue
      const digest = digestOf(document.bytes)
      for (const [server, before] of servers) if (before !== digest) concerned.add(server)
    }
    if (concerned.size === 0) return
    // what they rest on is said anew when they were attested
    for (const server of concerned) forget(server)
    deps.changed(concerned)
  }

  function waitOf({ maxAge }: CollateralNeed, until: number | undefined): number {
    const left = until === undefined ? Number.POSITIVE_INFINITY : until - clock.wall()
    const wait = SHARE * Math.min(maxAge ?? Number.POSITIVE_INFINITY, left)
    return Math.max(SHORTEST, Math.min(deps.refresh, wait)) * (1 + JITTER * random())
  }

  function forget(server: string): void {
    for (const [id, { servers }] of kept)
      if (servers.delete(server) && servers.size === 0) kept.delete(id)
  }

  return {
    rest(server, { needs, collateral, until }) {
      forget(server)
      for (const need of needs) {
        const document = collateral.get(need.id)
        // the certificate of a machine is what it is; what only an operator supplies changes with the configuration
        if (!document || need.urls.length === 0 || need.kind === 'certificate') continue
        const due = clock.wall() + waitOf(need, until)
        const one = kept.get(need.id) ?? { need, due, servers: new Map<string, string>() }
        if (!kept.has(need.id) && kept.size >= MOST) continue
        one.need = need
        one.due = Math.min(one.due, due)
        one.servers.set(server, digestOf(document.bytes))
        kept.set(need.id, one)
      }
      arm()
    },
    forget(server) {
      forget(server)
      arm()
    },
    close() {
      ended.abort()
      disarm()
      kept.clear()
    },
  }
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
