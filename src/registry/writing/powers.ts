// What a body holds that the right to write its kind does not cover: programs, grants, other people's rights and servers; it writes nothing.
import { AppError } from '../../base/errors.ts'
import { canonicalText, isObject, type JsonObject } from '../../base/json.ts'
import { SYSTEM } from '../../engine/context.ts'
import type { Target } from '../../identity/access.ts'
import type { Kind, Right } from '../../identity/rights.ts'
import type { RegistryDeps } from '../parts.ts'
import type { WriteContext } from '../registry.ts'
import type { Draft } from './draft.ts'
import { identityOf } from './offered.ts'

type Powers = (body: JsonObject, before: JsonObject) => readonly Right[]

/** Rights of the gateway as a whole that a body needs beside the one of its kind. */
const POWERS: Readonly<Partial<Record<Kind, Powers>>> = {
  server: ({ command, attestation }, before) => [
    // it runs as the user of the gateway, and can do all that the gateway can
    ...(command === undefined ? [] : ['api:server.run' as const]),
    // it comes before what policies say they are for: whoever has to be attested must not choose by which
    ...(attestation === before.attestation ? [] : ['api:server.attest' as const]),
  ],
  plugin: ({ grants }) =>
    isObject(grants) && Object.keys(grants).length > 0 ? ['api:plugin.grant'] : [],
}

/**
 * Members that say who may what, and what runs as the gateway. A policy can refuse them, and cannot make them: whoever may write policies
 * would have them written by the next one who may.
 */
const DECISIVE: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  server: ['command', 'args', 'cwd', 'env', 'attestation', 'spiffe_id'],
  plugin: ['grants'],
  principal: ['tenant', 'disabled'],
  role: ['allow', 'deny', 'inherits'],
  grant: ['principals', 'claims', 'issuers', 'roles'],
  key: ['principal', 'kind', 'roles', 'scopes', 'revoked'],
  client: ['roles', 'enabled'],
}

/** Throws PLUGIN_PATCH_INVALID. */
export function assertDecisiveKept(kind: Kind, wanted: JsonObject, made: JsonObject): void {
  const changed = DECISIVE[kind]?.find(
    (name) => canonicalText(wanted[name] ?? null) !== canonicalText(made[name] ?? null),
  )
  if (changed !== undefined)
    throw new AppError('PLUGIN_PATCH_INVALID', `a plugin cannot change ${changed} of a ${kind}`)
}

/** Rejects with AUTH_DENIED. `body` is the whole of what would be there; of what is removed nothing is asked. */
export async function authorizeBody(
  draft: Draft,
  body: JsonObject,
  context: WriteContext,
  deps: RegistryDeps,
): Promise<void> {
  const { kind, action, tenant, current } = draft
  const { principal } = context
  if (principal === SYSTEM || action === 'remove') return
  assertOwn(draft, context, deps)
  for (const right of POWERS[kind]?.(body, current?.body ?? {}) ?? []) {
    const target: Target = { kind: 'gateway' }
    const decision = await deps.authorize(context, right, target)
    if (!decision.allowed) throw denied(decision.reason, right)
  }
  const more = deps.exceeds(principal, { kind, tenant, body })
  if (more !== undefined)
    throw denied(`it would give ${more}, which you do not have in this measure`, more)
}

/** What holds for others is not for a tenant to say. */
function assertOwn(
  { kind, id, action, tenant }: Draft,
  { principal }: WriteContext,
  deps: RegistryDeps,
): void {
  // credentials that name no tenant get the one that stands here, and are refused where it is said to be disabled
  if (kind === 'principal' && action === 'create' && principal.tenant !== undefined)
    throw denied('whose a principal is, is said by somebody of no tenant')
  const server = identityOf(kind, id)?.server
  if (server === undefined || tenant === undefined) return
  const known = deps.server(String(server))
  if (known && known.tenant !== tenant)
    throw denied(`the server ${server} does not belong to the tenant ${tenant}`)
}

function denied(reason: string, right?: string): AppError {
  return new AppError('AUTH_DENIED', reason, right === undefined ? {} : { data: { right } })
}
