// Connections kept open, a pool for every grant: one that a caller was allowed to open is never lent to another.
import type { Agent } from 'undici'
import type { Clock } from '../base/clock.ts'
import { createConnector, type Resolve } from './connect.ts'
import { createHostList, createReach, type HostList, type Reach } from './hosts.ts'
import { undici } from './undici.ts'

export interface Pool {
  readonly agent: Agent
  readonly reach: Reach
}

export interface PoolOptions {
  readonly clock: Clock
  readonly resolve?: Resolve | undefined
  readonly ca?: string | undefined
}

const MAX_POOLS = 32
const CONNECT_TIMEOUT = 5_000

export class Pools {
  readonly #pools = new Map<string, Pool>()
  readonly #gateway: HostList
  readonly #options: PoolOptions

  constructor(gateway: HostList, options: PoolOptions) {
    this.#gateway = gateway
    this.#options = options
  }

  /** Throws CONFIG_INVALID when a host of the grant is malformed. */
  for(grant: readonly string[]): Pool {
    const key = [...new Set(grant)].sort().join('\n')
    const pool = this.#pools.get(key) ?? this.#create(grant)
    // a Map keeps the order of insertion: the first is the one that was asked for longest ago
    this.#pools.delete(key)
    this.#pools.set(key, pool)
    const [oldest] = this.#pools
    if (this.#pools.size > MAX_POOLS && oldest) {
      this.#pools.delete(oldest[0])
      // what is under way ends by its own time limit
      oldest[1].agent.close().catch(() => {})
    }
    return pool
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#pools.values(), (pool) => pool.agent.destroy()))
    this.#pools.clear()
  }

  #create(grant: readonly string[]): Pool {
    const { clock, resolve = systemResolve, ca } = this.#options
    const reach = createReach(this.#gateway, createHostList(grant))
    const { Agent } = undici()
    const agent = new Agent({
      connect: createConnector(reach, { resolve, clock, timeout: CONNECT_TIMEOUT, ca }),
      connections: 16,
      pipelining: 1,
      keepAliveTimeout: 10_000,
      maxHeaderSize: 16_384,
      maxOrigins: 256,
    })
    return { agent, reach }
  }
}

const systemResolve: Resolve = async (host) => {
  const found = await process.getBuiltinModule('node:dns/promises').lookup(host, { all: true })
  return found.map(({ address }) => address)
}
