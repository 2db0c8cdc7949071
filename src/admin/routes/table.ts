// The one table of routes; the pipeline, the document and the authorisation matrix are made from it.
import type { EntityKind } from '../handle.ts'
import type { Route } from '../route.ts'
import { ATTESTATION_ROUTES } from './attestation.ts'
import { AUDIT_ROUTES } from './audit.ts'
import { CHANGE_ROUTES } from './changes.ts'
import { entityRoutes } from './entities.ts'
import { GATEWAY_ROUTES } from './gateway.ts'
import { SELF_ROUTES } from './self.ts'

export function routesOf(kinds: readonly EntityKind[]): readonly Route[] {
  const changes = kinds.some(({ kind }) => kind === 'change') ? CHANGE_ROUTES : []
  return [
    ...SELF_ROUTES,
    ...GATEWAY_ROUTES,
    ...ATTESTATION_ROUTES,
    ...kinds.flatMap(entityRoutes),
    ...changes,
    ...AUDIT_ROUTES,
  ]
}
