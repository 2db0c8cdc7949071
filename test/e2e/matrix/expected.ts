// What the coverage matrix states: how often each wired point fires in each cell, and the sentence of the contract behind each zero.
import { POINTS, type PointName, WIRED_POINTS } from '../../../src/points/table.ts'
import { KIND_TABLE, postOf } from '../../../src/registry/kinds.ts'
import type { Action, Kind, Operation, SystemEvent, Trigger } from './operations.ts'
import { streamCounts } from './streams.ts'
import type { Era, Surface } from './surfaces.ts'

export type Counts = Readonly<Partial<Record<PointName, number>>>

/** Sentences of the contract (docs/pipeline.md, by section) that say why a point does not fire. */
export const SENTENCES = {
  row: 'section 2: a point fires on what its row of the table says, and on nothing else',
  made: 'section 2: operation post-points fire for results, for upstream errors and for answers given by a plugin or the cache, not for errors the gateway made itself',
  denied:
    'section 4: deny - the operation ends; nobody denies, then the upstream is skipped and the answer passes every post-point',
  order:
    'section 3: http_pre_request -> authenticate -> scan and parse -> session_pre_open -> resolve name -> authorise -> tool_pre_invoke: an operation that has ended does not reach the points after it',
  cached:
    'section 2: modern era - every request is an opening, its verdict cached by (principal, clientInfo, capabilities, revision, generation) for 60 s',
  removed:
    'section 2: a point fires on its operation; this era does not have it and answers 404 (or 405)',
  failure:
    'section 2: error_raised fires on any failure in gateway, plugin or upstream; a refusal by policy is no fault (section 1), a wrong request is the failure of its sender, and an error a server answers is its answer',
  client:
    'section 3: a point fires once per JSON-RPC message; a stream is open already, so no HTTP request is made for this one',
  accepted:
    'section 2: http_post_request fires before the headers of a response leave; over HTTP+SSE that is before the message is carried out, and one whose acceptance was refused is not',
  parser:
    'section 2: http points fire on every HTTP request to the MCP endpoint; what express.json() in front of it refuses never comes to it',
  kept: 'section 2: a stream is closed when nothing more will be sent on it; the client of this one may come back for the rest',
  reload:
    'section 2: config_pre_reload judges a whole new configuration with the running generation; never at start',
  known:
    'section 2: what a server lists passes its points when its definition is new to the entries that judge it, and never again',
  'kept-entries':
    'section 2: plugin_pre_load fires before an entry is loaded; where no entry and no policy has changed all go on as they are',
  unread: 'section 2: config_pre_reload judges a whole new configuration; there is none',
  elsewhere:
    'section 2: each kind of entity passes exactly its points when it is created, once and where it is written',
  everybody: 'section 2: auth_pre_check fires on a permission decision; what everybody may is none',
  'api-order':
    'section 3: a request of the admin API is decided about once, then its version and body are checked, then its pre-point judges it; one that has ended reaches nothing after that',
  unended:
    'section 2: the twins observe whether it was written, vetoed or failed; of a dry run and a change that waits it is none of these',
} as const
export type SentenceId = keyof typeof SENTENCES

export interface Cell {
  readonly counts: Counts
  /** Why a point that the operation is near does not fire; for all others it is the row of the table. */
  readonly zero: Readonly<Partial<Record<PointName, SentenceId>>>
}

const HTTP: Counts = { http_pre_request: 1, http_post_request: 1 }

interface Family {
  readonly pre?: PointName
  readonly post?: PointName
}

const FAMILY: Readonly<Partial<Record<Action, Family>>> = {
  call: { pre: 'tool_pre_invoke', post: 'tool_post_invoke' },
  'call-progress': { pre: 'tool_pre_invoke', post: 'tool_post_invoke' },
  'call-failing': { pre: 'tool_pre_invoke', post: 'tool_post_invoke' },
  'call-down': { pre: 'tool_pre_invoke', post: 'tool_post_invoke' },
  'call-unknown': { pre: 'tool_pre_invoke', post: 'tool_post_invoke' },
  'get-prompt': { pre: 'prompt_pre_fetch', post: 'prompt_post_fetch' },
  'get-prompt-wrong': { pre: 'prompt_pre_fetch', post: 'prompt_post_fetch' },
  'read-resource': { pre: 'resource_pre_fetch', post: 'resource_post_fetch' },
  'read-resource-wrong': { pre: 'resource_pre_fetch', post: 'resource_post_fetch' },
  complete: { pre: 'argument_pre_complete', post: 'argument_post_complete' },
  'complete-unknown': { pre: 'argument_pre_complete', post: 'argument_post_complete' },
  subscribe: { pre: 'resource_pre_subscribe' },
  listen: { pre: 'resource_pre_subscribe' },
  'list-tools': { post: 'tool_post_list' },
  'list-prompts': { post: 'prompt_post_list' },
  'list-resources': { post: 'resource_post_list' },
  'list-templates': { post: 'resource_post_list' },
}

/** How far an operation gets, by what ends it. */
type Reach = 'http' | 'session' | 'resolved' | 'authorised' | 'pre' | 'post'

const TRIGGER_REACH: Readonly<Partial<Record<Trigger, Reach>>> = {
  'veto-enforce': 'pre',
  'veto-guard': 'pre',
  'veto-prompt': 'pre',
  'veto-resource': 'pre',
  'veto-argument': 'pre',
  'veto-subscribe': 'pre',
  'answer-vetoed': 'pre',
  'fault-pre': 'pre',
  'veto-http': 'http',
  'answer-http': 'http',
  'veto-session': 'session',
  'veto-auth': 'authorised',
  'veto-auth-post': 'authorised',
}

const ACTION_REACH: Readonly<Partial<Record<Action, Reach>>> = {
  'not-json': 'http',
  'duplicate-member': 'http',
  'bad-host': 'http',
  'unknown-method': 'session',
  'call-unknown': 'session',
  'complete-unknown': 'session',
  'call-down': 'pre',
}

/** The operations that only one era has. */
const ERA_OF: Readonly<Partial<Record<Action, Era>>> = {
  subscribe: 'legacy',
  unsubscribe: 'legacy',
  listen: 'modern',
}

/** One permission decision. */
const CHECKS: Counts = { auth_pre_check: 1, auth_post_check: 1 }
const UNCHECKED = {
  order: { auth_pre_check: 'order', auth_post_check: 'order' },
  removed: { auth_pre_check: 'removed', auth_post_check: 'removed' },
} as const satisfies Record<string, Cell['zero']>
const CHECKED: ReadonlySet<Reach> = new Set(['authorised', 'pre', 'post'])
const DENIED: ReadonlySet<Reach> = new Set(['authorised', 'pre'])

const BROKEN: ReadonlySet<string> = new Set(['fault-pre', 'fault-post', 'fault-ignored'])

/** The cell of an operation on a surface. */
export function expected(
  operation: Operation,
  surface: Pick<Surface, 'era' | 'mount' | 'batch' | 'door' | 'accept' | 'reload'>,
): Cell {
  const { era, mount, batch, door } = surface
  const { action, trigger } = operation
  if (operation.asks) return asked(operation.asks, trigger, surface)
  if (action === 'confirm') return confirmed(operation, surface)
  if (door === 'sse' && action === 'end') return streamEnded
  if (door === 'sse' && trigger === 'veto-http-post') return unaccepted
  if (action === 'not-json' && mount === 'parsed') return parsedBefore
  const streams = streamCounts(operation, surface)
  if (action === 'announce' || action === 'update') return announced(action, mount, streams)
  if (action === 'stream-reload') return reloaded(era, streams)
  if (action === 'resume-call') return resumed(era, streams)
  const foreign = (ERA_OF[action] ?? era) !== era
  const reach = foreign
    ? 'session'
    : ((trigger && TRIGGER_REACH[trigger]) ?? ACTION_REACH[action] ?? 'post')
  const counts: Record<string, number> = mount === 'stdio' ? {} : { ...HTTP }
  const zero: Record<string, SentenceId> = { error_raised: 'failure' }

  // in a batch an initialize is refused before it comes to its point
  if (batch && action === 'open') zero.session_pre_open = 'order'
  else if (opens(operation, era, reach)) counts.session_pre_open = 1
  else if (era === 'modern') zero.session_pre_open = unopened(operation)

  const { pre, post } = FAMILY[action] ?? {}
  if (pre && (reach === 'pre' || reach === 'post')) counts[pre] = 1
  else if (pre) zero[pre] = foreign ? 'removed' : 'order'
  if (post && reach === 'post') counts[post] = 1
  else if (post)
    zero[post] = trigger && DENIED.has(reach) && trigger !== 'fault-pre' ? 'denied' : 'made'
  if (pre || post) {
    const checked = CHECKED.has(reach)
    // the filter of a subscription is denied before its resources are looked at
    if (checked && !(action === 'listen' && reach === 'pre')) Object.assign(counts, CHECKS)
    else Object.assign(zero, foreign ? UNCHECKED.removed : UNCHECKED.order)
  }

  // its filter and one resource, and then the acknowledgement
  if (action === 'listen' && reach === 'post') {
    counts.resource_pre_subscribe = 2
    counts.notification_pre_forward = 1
  } else if (action === 'listen') zero.notification_pre_forward = foreign ? 'removed' : 'order'
  if (action === 'notify') counts.notification_pre_forward = 1
  if (action === 'call-progress') counts.notification_pre_forward = 3
  if (action === 'end' && era === 'legacy') counts.session_post_close = 1
  if (era === 'modern' && action === 'end') zero.session_post_close = 'removed'
  if (action === 'call-down' || (trigger && BROKEN.has(trigger))) {
    counts.error_raised = 1
    delete zero.error_raised
  }
  Object.assign(counts, streams)
  if (action === 'stream-end') {
    Object.assign(counts, { http_pre_request: 2, http_post_request: 2 })
    if (era === 'legacy') counts.session_post_close = 1
  }
  if (ON_GET.has(action))
    Object.assign(zero, era === 'modern' ? NO_STREAM : { stream_pre_close: 'kept' })
  return { counts: counts as Counts, zero: zero as Cell['zero'] }
}

/** What a question passes, and who stops it where. */
const QUESTIONS: Readonly<Record<Kind, { readonly pre?: PointName; readonly post: PointName }>> = {
  sample: { pre: 'completion_pre_request', post: 'completion_post_response' },
  elicit: { pre: 'elicitation_pre_create', post: 'elicitation_post_response' },
  roots: { post: 'roots_post_list' },
}
const STOPS_QUESTION: ReadonlySet<string> = new Set(['veto-sample', 'veto-elicit'])

type Between = Pick<Surface, 'era' | 'reload' | 'accept'>

/** In the legacy era each answer is a message of its own; in the modern one the call is sent again with it. */
function asked(
  { server, rounds }: NonNullable<Operation['asks']>,
  trigger: Trigger | undefined,
  between: Between,
): Cell {
  const { era } = between
  const unasked = trigger !== undefined && STOPS_QUESTION.has(trigger)
  // a declined elicitation is an answer; of other kinds only a server of the legacy era, asked for by a client of it, is told
  const goesOn =
    trigger === undefined || rounds[0] === 'elicit' || (era === 'legacy' && server === 'legacy')
  const answered = unasked ? 0 : rounds.length
  const counts: Record<string, number> = {
    ...messages(1 + answered, between),
    ...askedOn(answered, between),
    ...checks(era === 'modern' ? 1 + answered : 1),
    tool_pre_invoke: era === 'modern' && goesOn ? 1 + answered : 1,
    ...(goesOn ? { tool_post_invoke: 1 } : {}),
  }
  const zero: Record<string, SentenceId> = { error_raised: 'failure' }
  if (!goesOn) zero.tool_post_invoke = 'denied'
  for (const kind of rounds) {
    const { pre, post } = QUESTIONS[kind]
    if (pre) counts[pre] = 1
    if (unasked) zero[post] = 'denied'
    else counts[post] = 1
  }
  return { counts: counts as Counts, zero: zero as Cell['zero'] }
}

function confirmed({ declined }: Operation, between: Between): Cell {
  const counts = {
    ...messages(2, between),
    ...askedOn(1, between),
    ...checks(between.era === 'modern' ? 2 : 1),
    tool_pre_invoke: between.era === 'modern' ? 2 : 1,
    ...(declined ? {} : { tool_post_invoke: 1 }),
  }
  return {
    counts,
    zero: { error_raised: 'failure', ...(declined ? { tool_post_invoke: 'denied' } : {}) },
  }
}

/** Each message that asks for something is decided about. */
function checks(count: number): Counts {
  return { auth_pre_check: count, auth_post_check: count }
}

/** A generation that came meanwhile has not seen the client yet. */
function messages(count: number, { era, reload }: Between): Counts {
  const opened = era === 'modern' ? { session_pre_open: reload && count > 1 ? 2 : 1 } : {}
  return { http_pre_request: count, http_post_request: count, ...opened }
}

/** In the legacy era questions make a stream of the answer; in the modern one each is an answer, and a stream if the client takes nothing else. */
function askedOn(questions: number, { era, accept }: Between): Counts {
  const streams = (count: number, messages: number) => ({
    stream_pre_open: count,
    stream_message: messages,
    stream_pre_close: count,
  })
  if (era === 'legacy' && questions > 0) return streams(1, questions + 1)
  return accept === 'stream' ? streams(1 + questions, 1 + questions) : {}
}

const ON_GET: ReadonlySet<Action> = new Set(['stream', 'stream-end', 'resume'])
const NO_STREAM: Cell['zero'] = {
  stream_pre_open: 'removed',
  stream_pre_update: 'removed',
  stream_message: 'removed',
  stream_pre_close: 'removed',
}

function opens({ action, known }: Operation, era: Era, reach: Reach): boolean {
  if (era === 'legacy') return action === 'open'
  if (known || reach === 'http') return false
  return !ON_GET.has(action) && action !== 'end'
}

const parsedBefore: Cell = {
  counts: {},
  zero: { http_pre_request: 'parser', http_post_request: 'parser' },
}

// the session is as long as its stream, whose end is no request
const streamEnded: Cell = {
  counts: { session_post_close: 1, stream_pre_close: 1 },
  zero: { http_pre_request: 'client', http_post_request: 'client' },
}

const unaccepted: Cell = {
  counts: HTTP,
  zero: {
    auth_pre_check: 'accepted',
    auth_post_check: 'accepted',
    tool_pre_invoke: 'accepted',
    tool_post_invoke: 'accepted',
    error_raised: 'failure',
  },
}

function unopened({ action, known }: Operation): SentenceId {
  if (ON_GET.has(action) || action === 'end') return 'removed'
  return known ? 'cached' : 'order'
}

// a server's notification comes on its own connection: no HTTP request of a client carries it
function announced(action: Action, mount: Surface['mount'], streams: Counts): Cell {
  const zero: Cell['zero'] =
    mount === 'stdio' ? {} : { http_pre_request: 'client', http_post_request: 'client' }
  // whoever follows a resource has to have the right still
  const checked = action === 'update' ? CHECKS : {}
  return { counts: { ...checked, notification_pre_forward: 1, ...streams }, zero }
}

function reloaded(era: Era, streams: Counts): Cell {
  const zero: Cell['zero'] = { http_pre_request: 'client', http_post_request: 'client' }
  return { counts: streams, zero: era === 'legacy' ? zero : { ...zero, ...NO_STREAM } }
}

/** The call, and the GET that takes its stream up; of the modern era only that, as whoever leaves gives the call up. */
function resumed(era: Era, streams: Counts): Cell {
  if (era === 'modern') return { counts: HTTP, zero: { ...NO_STREAM, session_pre_open: 'removed' } }
  const counts = {
    http_pre_request: 2,
    http_post_request: 2,
    ...CHECKS,
    tool_pre_invoke: 1,
    tool_post_invoke: 1,
    notification_pre_forward: 3,
  }
  return { counts: { ...counts, ...streams }, zero: { error_raised: 'failure' } }
}

type Change = 'register' | 'update' | 'unregister' | 'create' | 'delete'

/** One tool and one prompt, one resource and one template, each once before and once after. */
function synced(named: Change, resource: Change): Counts {
  const phases = ['pre', 'post'] as const
  return Object.fromEntries(
    phases.flatMap((phase) => [
      [`tool_${phase}_${named}`, 1],
      [`prompt_${phase}_${named}`, 1],
      [`resource_${phase}_${resource}`, 2],
    ]),
  )
}

const twice = (counts: Counts): Counts =>
  Object.fromEntries(Object.entries(counts).map(([point, count]) => [point, 2 * count]))

const knownAll: Cell['zero'] = Object.fromEntries(
  WIRED_POINTS.filter((point) =>
    /^(tool|prompt|resource)_p(re|ost)_(register|update|unregister|create|delete)$/.test(point),
  ).map((point) => [point, 'known' as const]),
)

const pair = (domain: string, verb: string): Counts => ({
  [`${domain}_pre_${verb}`]: 1,
  [`${domain}_post_${verb}`]: 1,
})

/** Each of them is decided about by the rules, too. */
const written = (server: string, other: string): Counts => ({
  ...pair('server', server),
  ...pair('auth', other),
  ...pair('federation', other),
  auth_pre_check: 3,
  auth_post_check: 3,
})

const STATES = (transitions: number): Counts => ({ server_status_changed: transitions })
/** A server that starts, or starts as another one, is asked about once. */
const ADMITTED: Counts = { server_pre_admit: 1 }

const RELOADED: Counts = {
  config_pre_reload: 1,
  config_post_reload: 1,
  plugin_pre_load: 3,
  plugin_post_load: 3,
}

const WRITTEN: Cell['zero'] = {
  config_pre_reload: 'unread',
  config_post_reload: 'unread',
  plugin_pre_load: 'kept-entries',
  plugin_post_load: 'kept-entries',
}

/** Kinds that the configuration can declare: one of each. */
export const DECLARABLE = [
  'server',
  'virtual_server',
  'policy',
  'plugin',
  'principal',
  'role',
  'grant',
  'key',
] as const

function declaredAll(action: 'create' | 'update' | 'remove'): Counts {
  return sum(
    ...DECLARABLE.flatMap((kind) => {
      const point = KIND_TABLE[kind].points?.[action]
      return point ? [{ [point]: 1, [postOf(point)]: 1 }] : []
    }),
  )
}

function sum(...all: readonly Counts[]): Counts {
  const counts: Record<string, number> = {}
  for (const each of all)
    for (const [point, count] of Object.entries(each)) counts[point] = (counts[point] ?? 0) + count
  return counts
}

/** The policy and the entry that are declared. */
const LOADED: Counts = { plugin_pre_load: 2, plugin_post_load: 2 }

/** Entries of the configuration that loads and reloads are counted with: two that count, and one more. */
export const ENTRIES = 3

/** Before the first generation, entries judge those that load after them; each is told how all loads ended. */
export const SYSTEM_CELLS: Readonly<Record<SystemEvent['id'], Cell>> = {
  start: {
    // the three entries are declared: nobody has judged them before
    counts: { plugin_pre_load: 2, plugin_post_load: 3, auth_pre_create: 3, auth_post_create: 3 },
    zero: { config_pre_reload: 'reload', config_post_reload: 'reload' },
  },
  applied: {
    counts: {
      config_pre_reload: 1,
      config_post_reload: 1,
      plugin_pre_load: 3,
      plugin_post_load: 3,
    },
    zero: {},
  },
  unchanged: { counts: {}, zero: { config_pre_reload: 'unread', config_post_reload: 'unread' } },
  invalid: {
    counts: { config_post_reload: 1 },
    zero: { config_pre_reload: 'unread', plugin_pre_load: 'order' },
  },
  vetoed: {
    counts: { config_pre_reload: 1, config_post_reload: 1 },
    zero: { plugin_pre_load: 'order', plugin_post_load: 'order' },
  },
  'vetoed-load': {
    counts: {
      config_pre_reload: 1,
      config_post_reload: 1,
      plugin_pre_load: 3,
      plugin_post_load: 3,
    },
    zero: {},
  },
  shutdown: { counts: { session_post_close: 2 }, zero: {} },
  // the resource and the template
  'sync-new': { counts: synced('register', 'create'), zero: {} },
  'sync-same': { counts: {}, zero: knownAll },
  'sync-reload': {
    counts: {
      config_pre_reload: 1,
      config_post_reload: 1,
      plugin_pre_load: 3,
      plugin_post_load: 3,
    },
    zero: knownAll,
  },
  'sync-changed': { counts: synced('update', 'update'), zero: {} },
  'sync-vanished': { counts: synced('unregister', 'delete'), zero: {} },
  'sync-vetoed': { counts: synced('register', 'create'), zero: { error_raised: 'failure' } },
  // each definition is asked about again by whoever lists it next, here the other era
  'sync-broken': {
    counts: { ...twice(synced('register', 'create')), error_raised: 8 },
    zero: {},
  },
  'declared-new': {
    counts: { ...RELOADED, ...pair('server', 'register'), ...STATES(2), ...ADMITTED },
    zero: {},
  },
  // it is started with its new settings, and the one with the old ones ends
  'declared-changed': {
    counts: { ...RELOADED, ...pair('server', 'update'), ...STATES(3), ...ADMITTED },
    zero: {},
  },
  'declared-gone': {
    counts: { ...RELOADED, ...pair('server', 'unregister'), ...STATES(1) },
    zero: {},
  },
  // the three entries are declared, too, and each judges those that load after it
  'declared-start': {
    counts: sum(declaredAll('create'), STATES(2), ADMITTED, {
      auth_pre_create: 3,
      auth_post_create: 3,
      plugin_pre_load: 4,
      plugin_post_load: 5,
    }),
    zero: { config_pre_reload: 'reload', config_post_reload: 'reload' },
  },
  'declared-all': {
    counts: sum(declaredAll('create'), RELOADED, LOADED, STATES(2), ADMITTED),
    zero: {},
  },
  'declared-otherwise': {
    counts: sum(declaredAll('update'), RELOADED, LOADED, STATES(3), ADMITTED),
    zero: {},
  },
  'declared-none': { counts: sum(declaredAll('remove'), RELOADED, STATES(1)), zero: {} },
  // it is not started
  'declared-quarantined': { counts: sum(pair('server', 'register'), RELOADED), zero: {} },
  'declared-refused': {
    counts: { ...pair('auth', 'create'), config_pre_reload: 1, config_post_reload: 1 },
    zero: { plugin_pre_load: 'order', plugin_post_load: 'order' },
  },
  'followed-new': {
    counts: sum(STATES(2), ADMITTED),
    zero: {
      ...WRITTEN,
      ...Object.fromEntries(
        Object.keys(written('register', 'create')).map((point) => [point, 'elsewhere' as const]),
      ),
    },
  },
  'written-new': {
    counts: { ...written('register', 'create'), ...STATES(2), ...ADMITTED },
    zero: WRITTEN,
  },
  'written-changed': {
    counts: { ...written('update', 'update'), ...STATES(3), ...ADMITTED },
    zero: WRITTEN,
  },
  'written-gone': { counts: { ...written('unregister', 'delete'), ...STATES(1) }, zero: WRITTEN },
}

export function countOf(cell: Cell, point: PointName): number {
  return cell.counts[point] ?? 0
}

/** The sentence behind a zero. */
export function reasonOf(cell: Cell, point: PointName): string {
  const id = cell.zero[point] ?? 'row'
  return id === 'row' ? `${SENTENCES.row}: ${point} fires ${POINTS[point].fires}` : SENTENCES[id]
}

export const COUNTED: readonly PointName[] = WIRED_POINTS
