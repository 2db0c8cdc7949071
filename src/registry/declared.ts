// What the configuration declares, as entities, and their points at load: new, changed and gone ones are judged; nothing is loaded here.
import { AppError, isAppError, messageOf } from '../base/errors.ts'
import { canonicalText, isObject, type JsonObject } from '../base/json.ts'
import { SYSTEM } from '../engine/context.ts'
import type { Generation } from '../engine/engine.ts'
import type { Kind } from '../identity/rights.ts'
import type { Points } from '../points/table.ts'
import { KIND_TABLE } from './kinds.ts'
import type { Checks, Declared } from './parts.ts'
import { byId } from './read.ts'
import type { Entity } from './registry.ts'
import { maskBody, unmaskBody } from './secrets.ts'
import { invalid } from './writing/draft.ts'
import { infoOf } from './writing/offered.ts'
import { type Judged, type WritePoints, writePoints } from './writing/points.ts'
import { assertDecisiveKept } from './writing/powers.ts'

/** Bodies in the form of the file, by kind and id. */
export type DeclaredBodies = ReadonlyMap<Kind, ReadonlyMap<string, JsonObject>>

const LISTS: readonly (readonly [Kind, readonly string[]])[] = [
  ['server', ['servers']],
  ['virtual_server', ['virtual_servers']],
  ['policy', ['policies']],
  ['plugin', ['plugins', 'entries']],
  ['principal', ['identity', 'principals']],
  ['role', ['identity', 'roles']],
  ['grant', ['identity', 'grants']],
  ['key', ['identity', 'keys']],
]

/** What stands in a configuration in the form of the file, whether or not its secrets are hidden. */
export function declaredBodies(form: Readonly<Record<string, unknown>>): DeclaredBodies {
  return new Map(
    LISTS.map(([kind, path]) => {
      const found = path.reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), form)
      return [kind, namedItems(kind, found)]
    }),
  )
}

function namedItems(kind: Kind, found: unknown): ReadonlyMap<string, JsonObject> {
  if (!Array.isArray(found))
    return new Map(Object.entries((found ?? {}) as Record<string, JsonObject>))
  const items = found as readonly JsonObject[]
  // grants have no names: they are told apart by their places
  const nameOf = (item: JsonObject, index: number) =>
    String(item[KIND_TABLE[kind].named ?? ''] ?? `declared-${index + 1}`)
  return new Map(items.map((item, index) => [nameOf(item, index), item]))
}

/** For readers: masked, read-only, of version 0. */
export function declaredEntities(bodies: DeclaredBodies): Declared {
  const known = new Map<Kind, ReadonlyMap<string, Entity>>()
  for (const [kind, items] of bodies) {
    const sorted = [...items].sort(([one], [other]) => byId(one, other))
    known.set(kind, new Map(sorted.map(([id, body]) => [id, entityOf(kind, id, body)])))
  }
  return {
    get: (kind, id) => known.get(kind)?.get(id),
    list: (kind) => [...(known.get(kind)?.values() ?? [])],
  }
}

function entityOf(kind: Kind, id: string, body: JsonObject): Entity {
  const spec = KIND_TABLE[kind]
  return {
    kind,
    id,
    tenant: spec.tenanted && typeof body.tenant === 'string' ? body.tenant : undefined,
    version: 0,
    source: 'declared',
    body: maskBody(spec, body),
    createdAt: undefined,
    updatedAt: undefined,
  }
}

export interface JudgeInput {
  /** Undefined at start: all is new. */
  readonly before: DeclaredBodies | undefined
  readonly after: DeclaredBodies
  /** The same with everything hidden that is secret by where it came from. */
  readonly shown: DeclaredBodies
  /** Servers that were vetoed are judged anew. */
  readonly again: ReadonlySet<string>
  readonly generation: Generation<Points>
  readonly requestId: string
  readonly shape: Checks['shape']
}

export interface Judgement {
  /** Names of servers and why they may not serve. */
  readonly quarantined: ReadonlyMap<string, string>
  /** Servers as plugins made them, in the form of the file. */
  readonly rewritten: ReadonlyMap<string, JsonObject>
  /** Tells the observers how it ended. */
  tell(applied: boolean): void
}

interface Declaration {
  readonly kind: Kind
  readonly id: string
  readonly action: 'create' | 'update' | 'remove'
  readonly body: JsonObject
  readonly previous: JsonObject | undefined
}

/**
 * Asks the points about all that is declared anew. A vetoed server is quarantined; whatever else is vetoed, and a server that is
 * required, rejects with CONFIG_RELOAD_REFUSED: a configuration is in force as a whole or not at all.
 */
export async function judgeDeclared(input: JudgeInput): Promise<Judgement> {
  const quarantined = new Map<string, string>()
  const rewritten = new Map<string, JsonObject>()
  const passed: { readonly points: WritePoints; readonly entity: JsonObject }[] = []
  const tell = (applied: boolean) => {
    for (const { points, entity } of passed.splice(0))
      points.tell(
        applied ? { outcome: 'written', entity } : { outcome: 'failed', reason: 'not applied' },
      )
  }
  try {
    for (const declaration of declarations(input)) {
      const { kind, id } = declaration
      const points = pointsOf(declaration, input)
      const judged = await points.judge()
      const refused = refusalOf(judged)
      if (refused === undefined) {
        const made = madeOf(declaration, judged, input)
        if (made) rewritten.set(id, made)
        passed.push({ points, entity: maskBody(KIND_TABLE[kind], made ?? declaration.body) })
        continue
      }
      points.tell({ outcome: judged.verdict === 'veto' ? 'vetoed' : 'failed', reason: refused })
      if (!isQuarantine(declaration)) throw refusal(declaration, refused)
      quarantined.set(id, refused)
    }
  } catch (error) {
    tell(false)
    throw error
  }
  return { quarantined, rewritten, tell }
}

function declarations({ before, after, again }: JudgeInput): Declaration[] {
  return [...after].flatMap(([kind, items]) => {
    const old = before?.get(kind) ?? new Map<string, JsonObject>()
    const gone = [...old].filter(([id]) => !items.has(id))
    const found: Declaration[] = gone.map(([id, body]) => ({
      kind,
      id,
      action: 'remove',
      body,
      previous: undefined,
    }))
    for (const [id, body] of items) {
      const previous = old.get(id)
      if (previous === undefined || (kind === 'server' && again.has(id)))
        found.push({ kind, id, action: 'create', body, previous: undefined })
      else if (canonicalText(previous) !== canonicalText(body))
        found.push({ kind, id, action: 'update', body, previous })
    }
    return found
  })
}

function pointsOf(
  { kind, id, action, body, previous }: Declaration,
  { generation, requestId, shown }: JudgeInput,
): WritePoints {
  const spec = KIND_TABLE[kind]
  // masks of a server can be taken back; of others nothing is written, and what is substituted stays hidden
  const seen = kind === 'server' ? body : (shown.get(kind)?.get(id) ?? {})
  const point = spec.points?.[action]
  if (!point)
    return writePoints(undefined, { principal: SYSTEM, requestId, surface: 'config' }, generation)
  const asked = {
    point,
    kind,
    id,
    entity: maskBody(spec, seen),
    previous: previous && kind === 'server' ? maskBody(spec, previous) : undefined,
    server: infoOf(kind, body),
  }
  return writePoints(asked, { principal: SYSTEM, requestId, surface: 'config' }, generation)
}

function refusalOf(judged: Judged): string | undefined {
  if (judged.verdict === 'fault') return judged.fault.message
  if (judged.verdict === 'pass') return undefined
  const { entry, reason, code } = judged.violation
  return `${entry}: ${reason} (${code})`
}

const isQuarantine = ({ kind, action, body }: Declaration): boolean =>
  kind === 'server' && action !== 'remove' && body.required !== true

function refusal({ kind, id, action }: Declaration, reason: string): AppError {
  const what =
    action === 'remove' ? `that the ${kind} ${id} goes` : `the ${kind} ${id} of the configuration`
  return new AppError('CONFIG_RELOAD_REFUSED', `${what} was refused by ${reason}`, {
    data: { kind, id },
  })
}

/** What a plugin made of a server. The others are what they were loaded from. */
function madeOf(
  declaration: Declaration,
  judged: Judged,
  { shape }: JudgeInput,
): JsonObject | undefined {
  if (judged.verdict !== 'pass' || !judged.changed || declaration.action === 'remove')
    return undefined
  const { kind, id, body } = declaration
  try {
    if (kind !== 'server')
      throw new AppError('PLUGIN_PATCH_INVALID', 'only servers can be changed at load')
    const made = unmaskBody(KIND_TABLE.server, judged.entity, body)
    const problems = [...made.problems, ...shape(kind, made.body)]
    if (made.body.name !== id) problems.push({ path: 'name', message: 'it cannot change' })
    if (problems.length > 0) throw invalid(problems)
    assertDecisiveKept(kind, body, made.body)
    return made.body
  } catch (error) {
    if (isAppError(error, 'PLUGIN_PATCH_INVALID')) throw error
    throw new AppError(
      'PLUGIN_PATCH_INVALID',
      `${kind} ${id}: what a plugin made of it is not valid: ${messageOf(error)}`,
      { cause: error },
    )
  }
}
