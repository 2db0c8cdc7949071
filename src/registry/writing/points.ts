// The points around a write: asks the plugins of the running generation before it, and tells them after; it writes nothing.
import { AppError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { RequestContext, type ServerInfo } from '../../engine/context.ts'
import type { Generation } from '../../engine/engine.ts'
import type { Outcome } from '../../engine/outcome.ts'
import type { StampedViolation } from '../../engine/verdict.ts'
import type { PointName, Points } from '../../points/table.ts'
import { postOf } from '../kinds.ts'
import type { WriteContext } from '../registry.ts'

/** What is asked about, secrets masked. */
export interface AskedWrite {
  readonly point: PointName
  readonly kind: string
  readonly id: string
  readonly entity: JsonObject
  readonly previous: JsonObject | undefined
  /** Whose it is, where conditions can select by it. */
  readonly server?: ServerInfo | undefined
}

export type Judged =
  | { readonly verdict: 'pass'; readonly entity: JsonObject; readonly changed: boolean }
  | { readonly verdict: 'veto'; readonly violation: StampedViolation }
  | { readonly verdict: 'fault'; readonly fault: AppError }

export interface Ended {
  readonly outcome: 'written' | 'vetoed' | 'failed'
  readonly entity?: JsonObject | undefined
  readonly reason?: string | undefined
}

/** One write and its two points, on one generation and one request context. */
export interface WritePoints {
  judge(): Promise<Judged>
  tell(ended: Ended): void
}

type Caller = Pick<WriteContext, 'principal' | 'requestId' | 'surface' | 'dryRun'>

const NOBODY: WritePoints = {
  judge: async () => ({ verdict: 'pass', entity: {}, changed: false }),
  tell() {},
}

/** Without a point to ask at, everybody agrees. */
export function writePoints(
  asked: AskedWrite | undefined,
  by: Caller,
  generation: Generation<Points> | undefined,
): WritePoints {
  if (!asked || !generation) return NOBODY
  const { point, kind, id, entity, previous } = asked
  const post = postOf(point)
  if (!generation.points.has(point) && !generation.points.has(post)) return NOBODY
  const request = requestOf(asked, by, generation.id)
  const scope = { server: asked.server }
  return {
    async judge() {
      const runner = generation.runner(point as 'server_pre_register', scope)
      if (!runner) return { verdict: 'pass', entity, changed: false }
      const payload = { kind, id, entity, ...(previous ? { previous } : {}) }
      const bytes = Buffer.byteLength(JSON.stringify(payload))
      return judgedOf(await runner.dispatch(payload, request, { bytes }))
    },
    tell({ outcome, entity: written, reason }) {
      const payload = {
        kind,
        id,
        outcome,
        ...(written ? { entity: written } : {}),
        ...(reason === undefined ? {} : { reason }),
      }
      void generation.runner(post as 'server_post_register', scope)?.dispatch(payload, request)
    },
  }
}

function judgedOf(outcome: Outcome<{ readonly entity: unknown }>): Judged {
  switch (outcome.kind) {
    case 'pass':
      return {
        verdict: 'pass',
        entity: outcome.payload.entity as JsonObject,
        changed: outcome.changed,
      }
    case 'deny':
      return { verdict: 'veto', violation: outcome.violation }
    case 'fault':
      return { verdict: 'fault', fault: outcome.fault }
    default: {
      // the engine refuses these at a point that does not allow them; if it did not, nothing may be written
      const fault = new AppError(
        'PLUGIN_VERDICT_NOT_ALLOWED',
        `a write cannot end in ${outcome.kind}`,
      )
      return { verdict: 'fault', fault }
    }
  }
}

function requestOf(asked: AskedWrite, by: Caller, generation: number): RequestContext {
  const request = new RequestContext({
    requestId: by.requestId,
    trace: undefined,
    era: 'modern',
    surface: by.surface,
    method: `registry/${asked.point.split('_').at(-1)}`,
    principal: by.principal,
    client: undefined,
    session: undefined,
    generation,
    ...(by.dryRun ? { dryRun: true } : {}),
  })
  request.target = asked.id
  request.server = asked.server
  return request
}
