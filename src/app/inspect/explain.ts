// What would happen to one request at one point, step by step: a dry run of the compiled entries; no server is asked.
import { isObject, type JsonObject } from '../../base/json.ts'
import { suggest } from '../../base/suggest.ts'
import {
  ANONYMOUS,
  type Era,
  type Principal,
  RequestContext,
  type ServerInfo,
} from '../../engine/context.ts'
import { MODES, type Mode } from '../../engine/mode.ts'
import type { Outcome } from '../../engine/outcome.ts'
import { createRecorder, type StepTrace } from '../../engine/trace.ts'
import {
  declarationOf,
  isPointName,
  POINT_ALIASES,
  POINT_NAMES,
  type PointName,
} from '../../points/table.ts'
import type { Inspection } from './inspect.ts'

/** The request to explain. */
export interface Question {
  readonly point: string
  /** A configured server; when absent, the one whose prefix `name` has. */
  readonly server?: string | undefined
  /** The tool, prompt or resource, as the server calls it or with the server's prefix. */
  readonly name?: string | undefined
  readonly arguments?: JsonObject | undefined
  /** What the server would have answered; post-points need it. */
  readonly result?: JsonObject | undefined
  /** Members of the payload, over those made from the rest. */
  readonly payload?: JsonObject | undefined
  readonly principal?: Principal | undefined
  readonly client?: { readonly name: string; readonly version: string } | undefined
  readonly era?: Era | undefined
}

export interface Explanation {
  readonly point: PointName
  readonly server: string | undefined
  readonly payload: object
  /** Every entry of the point in the order of its turn. */
  readonly steps: readonly StepTrace[]
  /** Entries that are bound to the point and not loaded. */
  readonly missing: readonly {
    readonly entry: string
    readonly state: string
    readonly reason: string | undefined
  }[]
  readonly outcome: ExplainedOutcome
}

export interface ExplainedOutcome {
  readonly kind: Outcome<object>['kind']
  readonly code?: string
  readonly reason?: string
  readonly entry?: string
  /** The payload as it would go on, when an entry changed it. */
  readonly after?: object
  readonly answer?: unknown
}

/** What is asked: loaded entries and what was compiled from them. */
export type Explained = Pick<Inspection, 'loaded' | 'generation' | 'entries'>

/** Throws a TypeError that says what is wrong with the question. */
export async function explain(
  inspection: Explained,
  question: Question,
  surface = 'cli',
): Promise<Explanation> {
  const point = pointOf(question.point)
  const { server, target } = addressOf(inspection, question, point)
  const payload = payloadOf(
    point,
    question,
    server,
    target,
    exposedName(inspection, server, target),
  )
  const missing = inspection.entries
    .filter(({ state, hooks }) => state !== 'loaded' && hooks.includes(point))
    .map(({ name, state, reason }) => ({ entry: name, state, reason }))
  const answer = { point, server: server?.name, payload, missing }
  const runner = inspection.generation.runner(point, { server, target })
  if (runner === null)
    return {
      ...answer,
      steps: inTurn(unmatched(inspection, point), inspection),
      outcome: { kind: 'pass' },
    }
  const recorder = createRecorder()
  const outcome = await runner.dispatch(
    payload as never,
    requestOf({ ...question, surface }, server, point),
    {
      recorder,
      asks: true,
      bytes: Buffer.byteLength(JSON.stringify(payload)),
    },
  )
  const steps = inTurn(
    recorder.steps.map(({ point: _, ...step }) => step),
    inspection,
  )
  return { ...answer, steps, outcome: outcomeOf(outcome) }
}

const PHASES = ['chain', 'guard', 'observe']

// the record ends with those whose conditions do not match; a reader looks for them where their turn would have been
function inTurn(steps: readonly StepTrace[], { entries }: Explained): StepTrace[] {
  const order = entries.toSorted((a, b) => a.priority - b.priority).map(({ name }) => name)
  const phase = ({ mode }: StepTrace): number => PHASES.indexOf(MODES[mode as Mode].phase)
  return steps.toSorted(
    (a, b) => phase(a) - phase(b) || order.indexOf(a.entry) - order.indexOf(b.entry),
  )
}

function pointOf(name: string): PointName {
  const point = POINT_ALIASES[name] ?? name
  if (!isPointName(point)) {
    const near = suggest(name, POINT_NAMES)
    const hint = near === undefined ? '' : ` (did you mean ${near}?)`
    throw new TypeError(`there is no point ${name}${hint}; portcullis plugin points lists them`)
  }
  const { wired } = declarationOf(point)
  if (wired !== true)
    throw new TypeError(`${point} is declared and not yet fired; it comes with ${wired}`)
  return point
}

interface Address {
  readonly server: ServerInfo | undefined
  readonly target: string | undefined
}

function addressOf({ loaded }: Explained, question: Question, point: PointName): Address {
  const { servers, namespacing } = loaded.config
  const { separator } = namespacing
  const names = servers.map(({ name }) => name).join(' ')
  const exposed = servers.find(({ name }) => question.name?.startsWith(`${name}${separator}`))
  const wanted = question.server ?? exposed?.name
  const config = servers.find(({ name }) => name === wanted)
  if (wanted !== undefined && config === undefined)
    throw new TypeError(`no server ${wanted} is configured; there are: ${names}`)
  if (config === undefined && declarationOf(point).target !== undefined)
    throw new TypeError(
      `${point} belongs to a server; give --server, or --name with its prefix; there are: ${names}`,
    )
  const prefix = `${wanted}${separator}`
  const target = question.name?.startsWith(prefix)
    ? question.name.slice(prefix.length)
    : question.name
  if (config === undefined) return { server: undefined, target }
  const { name, tags = [], environment, tenant } = config
  return { server: { name, tags, environment, tenant }, target }
}

/** What a client would call it, where no digest is needed to tell it apart. */
function exposedName(
  { loaded }: Explained,
  server: ServerInfo | undefined,
  target: string | undefined,
): string | undefined {
  const { mode, separator } = loaded.config.namespacing
  return server && target !== undefined && mode === 'always' && !target.includes('://')
    ? `${server.name}${separator}${target}`
    : target
}

function payloadOf(
  point: PointName,
  question: Question,
  server: ServerInfo | undefined,
  target: string | undefined,
  exposed: string | undefined,
): object {
  const { payload: shape, target: declared } = declarationOf(point)
  const { properties = {}, required = [] } = shape.schema as {
    properties?: object
    required?: string[]
  }
  const has = (member: string): boolean => Object.hasOwn(properties, member)
  const payload: Record<string, unknown> = {
    ...(server && has('server') ? { server: server.name } : {}),
    ...(declared && target !== undefined
      ? { [declared.field]: target, ...(has('exposedName') ? { exposedName: exposed } : {}) }
      : {}),
    ...(question.arguments && has('arguments') ? { arguments: question.arguments } : {}),
    ...(question.result && has('result') ? { result: question.result } : {}),
    ...(has('headers') ? { headers: {} } : {}),
    ...question.payload,
  }
  const absent = required.filter((member) => payload[member] === undefined)
  if (absent.length > 0)
    throw new TypeError(`the payload of ${point} lacks ${absent.join(', ')}; ${GIVE}`)
  if (has('result') && payload.result === undefined && payload.error === undefined)
    throw new TypeError(
      `${point} comes after the server has answered; give the answer with --result`,
    )
  if (!shape.is(payload))
    throw new TypeError(`the payload does not have the shape of ${point}; see docs/hooks.md`)
  return payload
}

const GIVE = 'give it with --name, --arguments, --result or --payload'

function requestOf(
  question: Question & { readonly surface: string },
  server: ServerInfo | undefined,
  point: PointName,
): RequestContext {
  const request = new RequestContext({
    requestId: 'explain',
    trace: undefined,
    era: question.era ?? 'modern',
    surface: question.surface,
    method: METHODS.find(([start]) => point.startsWith(start))?.[1] ?? point,
    principal: question.principal ?? ANONYMOUS,
    client: question.client,
    session: undefined,
    generation: 1,
    dryRun: true,
  })
  request.server = server
  if (question.result !== undefined) request.origin = 'upstream'
  return request
}

const METHODS: readonly (readonly [start: string, method: string])[] = [
  ['tool_post_list', 'tools/list'],
  ['prompt_post_list', 'prompts/list'],
  ['resource_post_list', 'resources/list'],
  ['tool_', 'tools/call'],
  ['prompt_', 'prompts/get'],
  ['resource_', 'resources/read'],
  ['session_', 'initialize'],
]

// their conditions are known not to match here, so they were not even compiled
function unmatched({ entries }: Explained, point: PointName): StepTrace[] {
  return entries
    .filter(({ state, hooks }) => state === 'loaded' && hooks.includes(point))
    .map(({ name, plugin, mode }) => ({
      entry: name,
      plugin,
      mode,
      matched: false,
      verdict: 'skipped',
      skipped: 'condition',
    }))
}

function outcomeOf(outcome: Outcome<object>): ExplainedOutcome {
  const { kind } = outcome
  const after = outcome.changed ? { after: outcome.payload } : {}
  switch (outcome.kind) {
    case 'pass':
      return { kind, ...after }
    case 'deny': {
      const { code, reason, entry } = outcome.violation
      return { kind, code, reason, entry }
    }
    case 'respond':
      return { kind, entry: outcome.entry, answer: outcome.answer, ...after }
    case 'ask':
      return { kind, entry: outcome.entry, reason: outcome.question.message, ...after }
    case 'fault': {
      const { code, message, data } = outcome.fault
      const entry = isObject(data) && typeof data.entry === 'string' ? { entry: data.entry } : {}
      return { kind, code, reason: message, ...entry }
    }
  }
}
