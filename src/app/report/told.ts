// What the audit is told of people and of the process itself, in the form of its records; it decides nothing.

import type { Audit } from '../../audit/audit.ts'
import type { AuditEvent } from '../../audit/record.ts'
import type { Principal } from '../../engine/context.ts'
import type { LoginReceiver } from '../../identity/logins.ts'
import type { RegistryEvent } from '../../registry/parts.ts'
import { SELF } from '../self.ts'
import type { Digests } from './digests.ts'

type Writer = Pick<Audit, 'write'>

export const LIFE = ['start', 'ready', 'drain', 'stop'] as const

export function tellLife(
  audit: Writer,
  outcome: (typeof LIFE)[number],
  more: Pick<AuditEvent, 'generation' | 'digest'> = {},
): void {
  const details = { version: SELF.version, pid: process.pid }
  audit.write({ kind: 'lifecycle', outcome, ...more, details })
}

export function loginReceiver(audit: Writer): LoginReceiver {
  return {
    login: ({ principal, by, id, address }) =>
      audit.write({ kind: 'login', principal: who(principal), details: { by, id, address } }),
    failed: ({ code, reason, ...details }) =>
      audit.write({ kind: 'login_failed', code, reason, details }),
  }
}

/** Who did what to which entity, how it ended, and what was in force then. */
export function tellWrite(audit: Writer, digests: Digests, event: RegistryEvent): void {
  const { action, kind, id, tenant, version, revision, principal, generation, entry, author } =
    event
  const { requestId, surface, outcome, code, reason, changed } = event
  audit.write({
    kind: 'write',
    requestId,
    principal: who(principal),
    surface,
    method: `registry/${action}`,
    target: `${kind} ${id}`,
    action,
    entity: { kind, id, tenant, version, revision },
    outcome,
    code,
    reason,
    changed,
    entry,
    generation,
    digest: generation === undefined ? undefined : digests.configuration(generation),
    policy:
      generation === undefined || entry === undefined
        ? undefined
        : digests.policy(generation, entry),
    details: author === undefined ? undefined : { author },
  })
}

function who({ id, kind, tenant }: Principal) {
  return { id, kind, tenant }
}
