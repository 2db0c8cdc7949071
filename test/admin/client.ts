// Clients of an admin API over a registry in memory: who sends what, with as little written as possible.
import type { ApiHandle } from '../../src/admin/handle.ts'
import { createMemoryWorld, type MemoryWorld } from './memory-world.ts'
import { type Answered, type Asked, type Served, serveApi, type Who } from './world.ts'

export interface Client {
  readonly world: MemoryWorld
  readonly served: Served
  as(who: Who, asked: Asked): Promise<Answered>
  send(
    who: Who,
    method: string,
    path: string,
    body: unknown,
    headers?: Asked['headers'],
  ): Promise<Answered>
}

export interface Clients {
  start(more?: Partial<ApiHandle>, path?: string): Promise<Client>
  close(): Promise<void>
}

export function clients(): Clients {
  const open: Served[] = []
  const start = async (more: Partial<ApiHandle> = {}, path = '/'): Promise<Client> => {
    const world = createMemoryWorld(more)
    const served = await serveApi(world.api, path)
    open.push(served)
    const as: Client['as'] = (who, asked) =>
      served.ask({ ...asked, headers: { authorization: world.token(who), ...asked.headers } })
    return {
      world,
      served,
      as,
      send(who, method, path, body, headers = {}) {
        const kind = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
        const text = typeof body === 'string' ? body : JSON.stringify(body)
        return as(who, { method, path, body: text, headers: { 'content-type': kind, ...headers } })
      },
    }
  }
  return {
    start,
    async close() {
      for (const served of open.splice(0)) await served[Symbol.asyncDispose]()
    },
  }
}
