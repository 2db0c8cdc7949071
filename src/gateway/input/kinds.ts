// The table of what a server may ask its client: sampling, elicitation, roots; which points each passes and what those may change.
import { isObject, type JsonObject } from '../../base/json.ts'
import { POINTS, type PointName } from '../../points/table.ts'

type Payload = Record<string, unknown>

export interface InputKind {
  readonly method: string
  /** Before the client sees it; roots have none, for there is nothing to see. */
  readonly pre: PointName | undefined
  /** The client's answer, before the server sees it. */
  readonly post: PointName
  /** Whether the client has said that it can be asked this. */
  declared(capabilities: JsonObject, params: JsonObject): boolean
  /** What the pre-point is shown. */
  asked(server: string, params: JsonObject): Payload
  /** What policies changed in it, as members of params. */
  changes(before: Payload, after: Payload): readonly (readonly [string, unknown])[]
  /** Whether a client's answer has the shape the protocol gives it. */
  valid(result: unknown): boolean
  /** What the post-point is shown. */
  answered(server: string, result: JsonObject): Payload
  /** The answer as policies left it. */
  settled(result: JsonObject, before: Payload, after: Payload): JsonObject
  /** What the server is told when a policy says no; undefined: an error. */
  readonly declined: JsonObject | undefined
}

/** Members by the names that payload and message have for them. */
type Names = readonly (readonly [payload: string, wire: string])[]

const SAMPLING: Names = [
  ['messages', 'messages'],
  ['modelPreferences', 'modelPreferences'],
  ['systemPrompt', 'systemPrompt'],
  ['tools', 'tools'],
  ['maxTokens', 'maxTokens'],
]
const ELICITATION: Names = [
  ['message', 'message'],
  ['schema', 'requestedSchema'],
  ['url', 'url'],
]

const pick = (names: Names, server: string, from: JsonObject): Payload => {
  const payload: Payload = { server }
  for (const [name, wire] of names) if (from[wire] !== undefined) payload[name] = from[wire]
  return payload
}

const changed = (names: Names) => (before: Payload, after: Payload) =>
  names
    .filter(([name]) => before[name] !== after[name])
    .map(([name, wire]) => [wire, after[name]] as const)

const sampling: InputKind = {
  method: 'sampling/createMessage',
  pre: 'completion_pre_request',
  post: 'completion_post_response',
  declared({ sampling: able }, params) {
    if (!isObject(able)) return false
    const uses = params.tools !== undefined || params.toolChoice !== undefined
    return !uses || isObject(able.tools)
  },
  asked: (server, params) => pick(SAMPLING, server, params),
  changes: changed(SAMPLING),
  valid: POINTS.completion_pre_request.answer as (value: unknown) => boolean,
  answered: (server, { role, content, model }) => ({ server, role, content, model }),
  settled: (result, _before, { content }) => ({ ...result, content }) as JsonObject,
  declined: undefined,
}

const elicitation: InputKind = {
  method: 'elicitation/create',
  pre: 'elicitation_pre_create',
  post: 'elicitation_post_response',
  declared({ elicitation: able }, params) {
    if (!isObject(able)) return false
    // an empty object stands for forms, which were there first (2025-11-25 client/elicitation#capabilities)
    return params.mode === 'url' ? isObject(able.url) : able.form !== undefined || !able.url
  },
  asked: (server, params) => pick(ELICITATION, server, params),
  changes: changed(ELICITATION),
  valid: POINTS.elicitation_pre_create.answer as (value: unknown) => boolean,
  answered: (server, { action, content }) => ({
    server,
    action,
    ...(content === undefined ? {} : { content }),
  }),
  settled: (result, _before, { content }) => ({ ...result, content }) as JsonObject,
  declined: { action: 'decline' },
}

const roots: InputKind = {
  method: 'roots/list',
  pre: undefined,
  post: 'roots_post_list',
  declared: ({ roots: able }) => isObject(able),
  asked: (server) => ({ server }),
  changes: () => [],
  valid: (result) =>
    isObject(result) && Array.isArray(result.roots) && result.roots.every((root) => isObject(root)),
  answered: (server, result) => ({
    items: (result.roots as JsonObject[]).map((item) => ({ server, item })),
  }),
  settled: (result, _before, { items }) =>
    ({ ...result, roots: (items as { item: JsonObject }[]).map(({ item }) => item) }) as JsonObject,
  declined: undefined,
}

export const INPUT_KINDS: ReadonlyMap<string, InputKind> = new Map(
  [sampling, elicitation, roots].map((kind) => [kind.method, kind]),
)

/** An answer that nobody said the kind of: of the three kinds no two have the members of another. */
export function kindOfAnswer(answer: unknown): InputKind | undefined {
  if (!isObject(answer)) return undefined
  if ('action' in answer) return elicitation
  if ('roots' in answer) return roots
  return 'role' in answer && 'content' in answer ? sampling : undefined
}

/** The capabilities of a client that let servers ask it something; undefined: it has none. */
export function askable(capabilities: JsonObject): JsonObject | undefined {
  const { sampling: model, elicitation: person, roots: files } = capabilities
  if (model === undefined && person === undefined && files === undefined) return undefined
  return {
    ...(model === undefined ? {} : { sampling: model }),
    ...(person === undefined ? {} : { elicitation: person }),
    ...(files === undefined ? {} : { roots: files }),
  }
}
