// What a requirement of the wire is: one duty with its place in the specification, and the tests that fail when it is not met.
import { type Citation, within } from '../../requirements/requirement.ts'

export interface WireRequirement {
  /** Letter and number of its line in the duty list, then what it is about: `N1-echo`. Stable. */
  readonly id: string
  /** One duty. */
  readonly text: string
  /** Revision and page below `docs/specification`, or the number of a proposal (SEP) or RFC. */
  readonly reference: string
  readonly era: 'legacy' | 'modern' | 'both'
  readonly tests: readonly Citation[]
  /** What has to be built before all of its tests are there; left out when they are. */
  readonly waits?: Waits
}

/** What requirements wait for, and nothing else. */
export const WAITS = ['the gateway as an OAuth client'] as const
export type Waits = (typeof WAITS)[number]

/** The lines of the duty list: how many there are under each letter. */
export const LINES = {
  N: { title: 'Negotiation', lines: 5 },
  S: { title: 'Sessions and streams of the legacy era', lines: 3 },
  M: { title: 'Streams of the modern era', lines: 3 },
  G: { title: 'Messages', lines: 12 },
  H: { title: 'HTTP and security', lines: 6 },
} as const

type Row = readonly [
  id: string,
  text: string,
  reference: string,
  tests: readonly Citation[],
  waits?: Waits,
]

export function rows(era: WireRequirement['era'], list: readonly Row[]): WireRequirement[] {
  return list.map(([id, text, reference, tests, waits]) => ({
    id,
    text,
    reference,
    era,
    tests,
    ...(waits && { waits }),
  }))
}

const gateway = (name: string) => within(`test/gateway/${name}.test.ts`)
const upstream = (name: string) => within(`test/upstream/${name}.test.ts`)
const e2e = (name: string) => within(`test/e2e/${name}.test.ts`)

/** Cites by file. */
export const cite = {
  access: gateway('access'),
  authenticate: gateway('authenticate'),
  identity: gateway('identity'),
  oauth: within('test/identity/oauth.test.ts'),
  input: gateway('input'),
  inputHostile: gateway('input-hostile'),
  bridge: gateway('bridge'),
  answers: gateway('hooks-answers'),
  chain: gateway('hooks-chain'),
  completion: gateway('completion'),
  batch: gateway('batch'),
  requestIdentity: gateway('hooks-identity'),
  listen: gateway('listen'),
  resumption: gateway('resumption'),
  session: gateway('session'),
  sessionPoints: gateway('hooks-session'),
  streamPoints: gateway('stream-points'),
  subscribe: gateway('subscribe'),
  tasks: gateway('tasks'),
  wire: gateway('hooks-wire'),
  eras: upstream('eras'),
  http: upstream('http'),
  guard: upstream('guard'),
  lane: upstream('lane'),
  stdio: upstream('stdio'),
  clients: e2e('clients-gateway'),
  clientsDefault: e2e('clients-default'),
  hostileHttp: e2e('hostile-http'),
  hostileProtocol: e2e('hostile-protocol'),
  hostileUpstream: e2e('hostile-upstream'),
  attackHeaders: e2e('attack-headers'),
  attackLeaks: e2e('attack-leaks'),
  attackPolicy: e2e('attack-policy'),
  probes: e2e('probes'),
  headers: within('test/wire/headers.test.ts'),
  message: within('test/wire/message.test.ts'),
  scan: within('test/wire/scan.test.ts'),
  stream: within('test/wire/stream.test.ts'),
  cursor: within('test/property/cursor.test.ts'),
  names: within('test/property/names.test.ts'),
  rewrite: within('test/property/upstream-rewrite.test.ts'),
  splice: within('test/property/wire-splice.test.ts'),
  messages: within('test/requirements/messages.test.ts'),
  uriForm: gateway('uri-form'),
  load: within('test/config/load.test.ts'),
  fuzz: within('test/fuzz/fuzz.test.ts'),
  guardPlugin: within('plugins/schema-guard/schema-guard.test.ts'),
} as const
