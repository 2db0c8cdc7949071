// What a condition costs at each request (P16): structured fields, entries that cannot match, CEL and RE2.
import { celEnv, parse, plan } from '@bufbuild/cel'
import type { ConditionSet, Predicate } from '../../src/engine/condition.ts'
import { ANONYMOUS } from '../../src/engine/context.ts'
import type { Registration } from '../../src/engine/registry.ts'
import type { BenchmarkCase, Claim, Variant } from '../case.ts'
import { cpuTime } from '../cpu.ts'
import { checked, distinct, generationOf, hits, PAYLOAD, request, SCOPE } from './engine.ts'

const ENTRIES = 50
const EXPRESSIONS = 10
const USER = 'team-payments-7'
const AGENT = 'desktop-assistant'
const counts = (index: number) => `(payload, context) => { hits[${index}]++ }`

const asks = request({
  principal: { ...ANONYMOUS, kind: 'user', id: USER },
  client: { name: AGENT, version: '1.0.0' },
})
const READ = Object.freeze({
  server: 'files',
  uri: 'file:///srv/reports/2026/a.txt',
  exposedName: 'x',
})

interface Structured {
  readonly what: string
  readonly point?: 'resource_pre_fetch'
  /** Of one entry; each has texts of its own. */
  readonly conditions: (order: number) => ConditionSet
  readonly matches: boolean
}

/** All of them fields that are known only when the request is: the others are folded away at load. */
const STRUCTURED: readonly Structured[] = [
  { what: 'users, a glob', conditions: (i) => ({ users: [`${USER.slice(0, 3 + (i % 12))}*`] }), matches: true },
  { what: 'users, two globs', conditions: (i) => ({ users: ['team-*', `x${i}-*`] }), matches: true },
  { what: 'agents, exact names', conditions: (i) => ({ agents: [AGENT, `cli-${i}`] }), matches: true },
  { what: 'users and agents', conditions: (i) => ({ users: ['team-*', `x${i}-*`], agents: [AGENT, `cli-${i}`] }), matches: true },
  { what: 'resources, a path glob', point: 'resource_pre_fetch', conditions: (i) => ({ resources: ['file:///srv/reports/**', `x${i}:///*`] }), matches: true },
  { what: 'users, a glob that does not match', conditions: (i) => ({ users: [`x${i}-*`] }), matches: false },
] // biome-ignore format: a table

const RE2: Structured = {
  what: 'users, an RE2 expression',
  conditions: (i) => ({ users: [`/^(team|x${i})-[a-z]+-[0-9]$/`] }),
  matches: true,
}

interface Expressed {
  readonly what: string
  readonly source: string
  /** What a program without the gateway would be bound to: the variables it uses, and no more. */
  readonly bind: () => NonNullable<Parameters<ReturnType<typeof plan>>[0]>
}

const CEL: readonly Expressed[] = [
  {
    what: 'CEL, a comparison',
    source: 'payload.arguments.amount > 3',
    bind: () => ({ payload: PAYLOAD as never, round: 0 }),
  },
  {
    what: 'CEL, two texts',
    source: "principal.id.startsWith('team-') && payload.arguments.path.endsWith('.txt')",
    bind: () => ({ principal: { id: USER }, payload: PAYLOAD as never, round: 0 }),
  },
  {
    what: 'CEL, four variables',
    source:
      "method == 'tools/call' && server.name == 'files' && payload.name == 'read_file' && client.name != 'cli'",
    bind: () => ({
      method: 'tools/call',
      server: { name: 'files' },
      payload: PAYLOAD as never,
      client: { name: AGENT },
      round: 0,
    }),
  },
]

export async function openConditions(): Promise<BenchmarkCase> {
  const free = entries('no conditions', {}, true)
  const freeReads = entries('no conditions, resources', { point: 'resource_pre_fetch' }, true)
  const structured = [...STRUCTURED, RE2].map((about) => structuredVariant(about))
  const structuredClaims = [...STRUCTURED, RE2].map(
    (about): Claim => ({
      id: about === RE2 ? 'P16 RE2' : 'P16',
      what: `${about.what}, per entry`,
      variant: about.what,
      reference: (about.point ? freeReads : free).name,
      measure: 'difference',
      per: ENTRIES,
      unit: ' ns',
      ...(about === RE2 ? {} : { must: 150, stretch: 60 }),
    }),
  )
  return {
    name: 'conditions',
    title: 'Conditions',
    unit: 'ns of CPU per dispatch',
    counter: cpuTime,
    notes: [
      `One dispatch with ${ENTRIES} synchronous entries, less one without conditions; each entry has texts of its own, so that nothing is shared.`,
      'Fields of the server and names of tools are decided when a runner is compiled and cost nothing afterwards; measured here are those that only the request knows.',
      'That entries for other tools are not in the runner, and that an expression that would fail is not asked, is checked as well as measured: equal work differs only by noise.',
      `CEL: ${EXPRESSIONS} conditions as the engine asks them, to the same expressions planned with @bufbuild/cel and bound to plain objects by hand.`,
    ],
    variants: [free, freeReads, ...structured, ...excluded(), ...unevaluated(), ...cel()],
    claims: [
      ...structuredClaims,
      { id: 'P16 excluded', what: `10 entries beside ${ENTRIES} for other tools, to the 10 alone`, variant: EXCLUDED, reference: ALONE, measure: 'ratio', unit: 'x', must: 1.15, stretch: 1.05 },
      { id: 'P16 order', what: 'an expression behind a structured match that fails, to no expression', variant: UNEVALUATED, reference: UNMATCHED, measure: 'ratio', unit: 'x', must: 1.15, stretch: 1.05 },
      ...CEL.map(({ what }): Claim => ({ id: 'P16 CEL', what: `${what}: to the bare program`, variant: what, reference: bare(what), measure: 'ratio', unit: 'x', must: 1.15, stretch: 1 })),
    ],
  } // biome-ignore format: a table
}

function structuredVariant({ what, point, conditions, matches }: Structured): Variant {
  const about = (order: number) => ({
    ...(point ? { point } : {}),
    conditions: [conditions(order)],
  })
  return entries(what, about, matches)
}

/** A runner of entries that do or do not match, checked before it is measured. */
function entries(
  name: string,
  about: Partial<Registration> | ((order: number) => Partial<Registration>),
  matches: boolean,
): Variant {
  const first = typeof about === 'function' ? about(0) : about
  const point = first.point === 'resource_pre_fetch' ? first.point : 'tool_pre_invoke'
  const common = (order: number) => ({
    conditions: undefined,
    ...(typeof about === 'function' ? about(order) : about),
  })
  const runner = generationOf(distinct(ENTRIES, counts), common).runner(point, {
    server: SCOPE.server,
  })
  if (runner === null) throw new Error(`${name}: nobody would run`)
  const payload = (point === 'tool_pre_invoke' ? PAYLOAD : READ) as never
  hits.fill(0)
  const before = runner.dispatch(payload, asks)
  if (before instanceof Promise || before.kind !== 'pass' || hits[0] !== (matches ? 1 : 0))
    throw new Error(`${name}: the entries ran ${hits[0]} times`)
  return {
    name,
    run(times) {
      let passed = 0
      for (let i = 0; i < times; i++) {
        const outcome = runner.dispatch(payload, asks)
        if (!(outcome instanceof Promise) && outcome.kind === 'pass') passed++
      }
      return checked(name, passed, times)
    },
  }
}

const ALONE = '10 entries for this tool'
const EXCLUDED = `10 entries for this tool, ${ENTRIES} for others`

/** Entries for other tools are not in the runner of this one. */
function excluded(): Variant[] {
  return [
    [ALONE, 0],
    [EXCLUDED, ENTRIES],
  ].map(([name, others]): Variant => {
    const handlers = distinct(10 + Number(others), counts)
    const about = (order: number) => ({
      conditions: [{ tools: order < 10 ? ['read_*'] : ['write_*', `delete_${order}`] }],
    })
    const runner = generationOf(handlers, about).runner('tool_pre_invoke', SCOPE)
    if (runner?.plan.chain.length !== 10) throw new Error(`${name}: not 10 would run`)
    return {
      name: String(name),
      run(times) {
        let passed = 0
        for (let i = 0; i < times; i++) {
          const outcome = runner.dispatch(PAYLOAD, asks)
          if (!(outcome instanceof Promise) && outcome.kind === 'pass') passed++
        }
        return checked(String(name), passed, times)
      },
    }
  })
}

const UNMATCHED = 'structured match fails'
const UNEVALUATED = 'structured match fails, an expression behind it'

/** The expression would be a fault if anybody asked it: there is no such member. */
function unevaluated(): Variant[] {
  const conditions = (order: number) => [{ users: [`x${order}-*`] }]
  return [
    entries(UNMATCHED, (order) => ({ conditions: conditions(order) }), false),
    entries(
      UNEVALUATED,
      (order) => ({ conditions: conditions(order), when: `payload.nothing.like.it == ${order}` }),
      false,
    ),
  ]
}

const bare = (what: string): string => `${what}, bare program`

function cel(): Variant[] {
  return CEL.flatMap((about) => {
    // a constant that differs: programs of their own, as entries have
    const sources = Array.from(
      { length: EXPRESSIONS },
      (_, order) => `(${about.source}) && round != ${order + 1}`,
    )
    return [asEngine(about.what, sources), asProgram(about, sources)]
  })
}

function asEngine(name: string, sources: readonly string[]): Variant {
  const about = (order: number) => ({ conditions: undefined, when: sources[order] })
  const runner = generationOf(distinct(sources.length, counts), about).runner(
    'tool_pre_invoke',
    SCOPE,
  )
  const predicates = runner?.plan.chain.map(({ predicate }) => predicate as Predicate) ?? []
  const context = request(asks.identity)
  context.server = SCOPE.server
  return repeated(
    name,
    predicates.map((predicate) => () => predicate(PAYLOAD, context)),
  )
}

function asProgram({ what, bind }: Expressed, sources: readonly string[]): Variant {
  const env = celEnv()
  return repeated(
    bare(what),
    sources.map((source) => {
      const program = plan(env, parse(source))
      return () => program(bind()) === true
    }),
  )
}

function repeated(name: string, conditions: readonly (() => boolean)[]): Variant {
  return {
    name,
    run(times) {
      let held = 0
      for (let i = 0; i < times; i++) for (const condition of conditions) if (condition()) held++
      if (conditions.length === 0 || held !== times * conditions.length)
        throw new Error(`${name}: held ${held} times`)
      return held
    },
  }
}
