// Outcomes of the registry as answers of HTTP: statuses, entity tags, locations, and the entity as it is shown.
import type { Entity, WriteOutcome } from '../../registry/registry.ts'
import { Vetoed } from '../problem.ts'
import { entityTag } from '../request/etag.ts'
import type { Answer, Call } from '../route.ts'
import { namesOf } from './names.ts'

export function shownOf(entity: Entity): object {
  const { kind, id, tenant, version, source, body, createdAt, updatedAt, status } = entity
  return {
    kind,
    id,
    tenant: tenant ?? null,
    version,
    source,
    body,
    createdAt: timeOf(createdAt),
    updatedAt: timeOf(updatedAt),
    ...(status === undefined ? {} : { status }),
  }
}

function timeOf(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString()
}

export function etagOf(entity: Entity): string {
  return entityTag(entity.version, shownOf(entity))
}

/** Throws the veto of a policy. */
export function answerOf(call: Call, outcome: WriteOutcome, status: 200 | 201 | 204): Answer {
  switch (outcome.outcome) {
    case 'vetoed':
      throw new Vetoed(outcome.violation)
    case 'dry_run':
      return { status: 200, body: { ...shownOf(outcome.entity), dryRun: true } }
    case 'pending':
      return {
        status: 202,
        body: shownOf(outcome.change),
        headers: { location: locationOf(call, outcome.change) },
      }
    case 'written': {
      if (status === 204) return { status }
      const { entity, once } = outcome
      const created: Record<string, string> =
        status === 201 ? { location: locationOf(call, entity) } : {}
      return {
        status,
        body: { ...shownOf(entity), ...(once ? { once } : {}) },
        headers: { etag: etagOf(entity), ...created },
      }
    }
  }
}

function locationOf({ base }: Call, { kind, id }: Entity): string {
  return `${base}${namesOf(kind).path}/${encodeURIComponent(id.toWellFormed())}`
}
