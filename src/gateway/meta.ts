// The `_meta` members the gateway itself writes in the modern era: who it is, as server and as client.
import type { JsonObject } from '../base/json.ts'
import { META } from '../wire/revision.ts'

export interface Self {
  readonly name: string
  readonly version: string
}

/** `_meta` of a request the gateway makes on its own account: it declares no capability. */
export function ownMeta(revision: string, self: Self): JsonObject {
  return {
    [META.protocolVersion]: revision,
    [META.clientInfo]: { ...self },
    [META.clientCapabilities]: {},
  }
}

/** `_meta` of a result the gateway makes. */
export function serverMeta(self: Self): JsonObject {
  return { [META.serverInfo]: { ...self } }
}
