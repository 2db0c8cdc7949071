// The registry put together: reads and the one write path over what it is handed.
import type { RegistryDeps } from './parts.ts'
import { getEntity, listEntities, readerOf } from './read.ts'
import type { Registry, Resealer } from './registry.ts'
import { resealAll } from './reseal.ts'
import { write } from './writing/write.ts'

export function createRegistry(deps: RegistryDeps): Registry & Resealer {
  return {
    get: (kind, id, by, requestId) => getEntity(kind, id, readerOf(by, requestId, deps), deps),
    list: (query, by, requestId) => listEntities(query, readerOf(by, requestId, deps), deps),
    write: (request, context) => write(request, context, deps),
    reseal: (context) => resealAll(context, deps),
  }
}
