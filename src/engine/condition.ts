// Conditions compiled at load: static parts select the runner, the rest is a predicate on the current payload.
import { AppError } from '../base/errors.ts'
import { conditionVariables } from './condition-variables.ts'
import type { Era, RequestContext, ServerInfo } from './context.ts'
import type { ConditionField, PointRules } from './point.ts'

/** The fields of one object are AND-ed, the objects of a list OR-ed (docs/pipeline.md section 7). */
export type ConditionSet = { readonly [F in ConditionField]?: readonly string[] | undefined }

export interface ConditionSource {
  readonly conditions?: readonly ConditionSet[] | undefined
  /** CEL over the variables of `CONDITION_VARIABLES`. */
  readonly when?: string | undefined
}

/** What conditions are compiled with; handed in by app.ts so that the engine imports no package. */
export interface ExpressionCompiler {
  /** One matcher for a list of exact texts, globs and /RE2/; `path`: `*` stops at a slash. Throws CONFIG_INVALID. */
  anyOf(texts: readonly string[], options?: { path?: boolean }): (value: string) => boolean
  /** Parsed and checked once. Throws CONFIG_INVALID. */
  cel(source: string): CelCondition
}

export interface CelCondition {
  /** Throws if the result is no bool or cannot be had. */
  evaluateBoolean(variables: Readonly<Record<string, unknown>>): boolean
}

/** What is known before a request comes: where a runner is compiled for. */
export interface Scope {
  readonly server?: ServerInfo | undefined
  readonly target?: string | undefined
}

export type Predicate = (payload: object, request: RequestContext) => boolean

export interface CompiledCondition {
  /** `false`: can never match in this scope; `true`: always does. */
  inScope(scope: Scope): boolean | Predicate
  /** Whether the name of the target decides, so that runners differ by it. */
  readonly targeted: boolean
}

/** Attributes a caller or server may simply lack; a veto scoped by these alone is worth a warning. */
const OPTIONAL_FIELDS: ReadonlySet<ConditionField> = new Set([
  'tenants', 'users', 'agents', 'roles', 'tags', 'environments', 'labels', 'content_types',
]) // biome-ignore format: a table

interface FieldTest {
  /** The value where it is known at load. `undefined` result: has no value, does not match. */
  readonly known?: (scope: Scope) => string | readonly string[] | undefined
  /** All values it can have at the point, where they are few: a condition that matches none of them can never match. */
  readonly domain?: (point: PointRules) => readonly string[] | undefined
  readonly value: (
    payload: object,
    request: RequestContext,
    point: PointRules,
  ) => string | readonly string[] | undefined
}

const server = (pick: (info: ServerInfo) => string | readonly string[] | undefined): FieldTest => ({
  known: (scope) => (scope.server ? pick(scope.server) : undefined),
  value: (_payload, request) => (request.server ? pick(request.server) : undefined),
})

const target: FieldTest = {
  value: (payload, _request, point) => {
    const value = point.target && (payload as Record<string, unknown>)[point.target.field]
    return typeof value === 'string' ? value : undefined
  },
}

const FIELDS: Record<ConditionField, FieldTest> = {
  servers: server((info) => info.name),
  tags: server((info) => info.tags),
  environments: server((info) => info.environment),
  tools: target,
  prompts: target,
  resources: target,
  tenants: { value: (_payload, request) => request.identity.principal.tenant },
  users: { value: (_payload, request) => request.identity.principal.id },
  roles: { value: (_payload, request) => request.identity.principal.roles },
  agents: { value: (_payload, request) => request.identity.client?.name },
  methods: {
    domain: (point) => point.methods,
    value: (_payload, request) => request.identity.method,
  },
  eras: { domain: () => ERAS, value: (_payload, request) => request.identity.era },
  labels: { value: (_payload, { labels }) => (labels.size === 0 ? NONE : [...labels]) },
  content_types: { value: (payload, _request, point) => point.contentTypes?.(payload as never) },
}

const NONE: readonly string[] = []
const ERAS: readonly Era[] = ['legacy', 'modern']

interface Test {
  readonly field: ConditionField
  readonly match: (value: string) => boolean
}

/** Throws CONFIG_INVALID when no object can match at this point, or an expression does not compile. */
export function compileCondition(
  source: ConditionSource,
  point: PointRules,
  name: string,
  expression: ExpressionCompiler,
): CompiledCondition | null {
  const { conditions, when } = source
  if (!conditions && when === undefined) return null
  const objects = conditions
    ?.map((set) => compileSet(set, point, expression))
    .filter((tests) => tests !== null)
  if (objects && objects.length === 0) {
    throw new AppError(
      'CONFIG_INVALID',
      `none of the conditions can match at ${name}: it offers ${offered(point)}`,
    )
  }
  const program = when === undefined ? null : compileWhen(when, name, expression)
  const targeted = objects?.some((tests) => tests.some((test) => isNamed(test.field))) ?? false
  return { targeted, inScope: (scope) => foldScope(objects, program, scope, point) }
}

function offered(point: PointRules): string {
  const methods = point.methods ? ` (methods: ${point.methods.join(', ')})` : ''
  return `${point.conditions.join(', ') || 'no condition fields'}${methods}`
}

function compileSet(
  set: ConditionSet,
  point: PointRules,
  expression: ExpressionCompiler,
): Test[] | null {
  const tests: Test[] = []
  for (const field of Object.keys(set) as ConditionField[]) {
    const texts = set[field]
    if (texts === undefined) continue
    if (texts.length === 0)
      throw new AppError('CONFIG_INVALID', `the condition ${field} is an empty list`)
    const match = expression.anyOf(texts, { path: field === 'resources' })
    if (!point.conditions.includes(field)) return null
    const domain = FIELDS[field].domain?.(point)
    if (domain && !domain.some(match)) return null
    tests.push({ field, match })
  }
  return tests
}

// static tests are decided here, once; what is left is asked per request
function foldScope(
  objects: readonly (readonly Test[])[] | undefined,
  program: Predicate | null,
  scope: Scope,
  point: PointRules,
): boolean | Predicate {
  const open: Predicate[] = []
  let certain = objects === undefined
  for (const tests of objects ?? []) {
    const rest = foldTests(tests, scope, point)
    if (rest === false) continue
    if (rest === true) certain = true
    else open.push(rest)
  }
  if (certain) return program ?? true
  const [first, ...others] = open
  if (!first) return false
  const any: Predicate =
    others.length === 0 ? first : (payload, request) => open.some((test) => test(payload, request))
  return program ? (payload, request) => any(payload, request) && program(payload, request) : any
}

function foldTests(tests: readonly Test[], scope: Scope, point: PointRules): boolean | Predicate {
  const rest: Test[] = []
  for (const test of tests) {
    const known = knownValue(test.field, scope)
    if (known === UNKNOWN) rest.push(test)
    else if (!matches(test, known)) return false
  }
  return rest.length === 0 ? true : allOf(rest.map((test) => predicateOf(test, point)))
}

// one or two calls that the compiler sees through where there are one or two tests, and no walk over a list
function allOf(tests: readonly Predicate[]): Predicate {
  const [first, second, ...others] = tests as [Predicate, ...Predicate[]]
  if (second === undefined) return first
  const rest = others.length === 0 ? second : allOf([second, ...others])
  return (payload, request) => first(payload, request) && rest(payload, request)
}

function predicateOf(test: Test, point: PointRules): Predicate {
  const { value } = FIELDS[test.field]
  return (payload, request) => matches(test, value(payload, request, point))
}

const UNKNOWN = Symbol('unknown before the request')

function knownValue(
  field: ConditionField,
  scope: Scope,
): string | readonly string[] | undefined | typeof UNKNOWN {
  if (isNamed(field)) return scope.target ?? UNKNOWN
  const { known } = FIELDS[field]
  return known && scope.server ? known(scope) : UNKNOWN
}

// tools and prompts are few and have runners of their own; resources are as many as the client likes, so they are asked each time
function isNamed(field: ConditionField): boolean {
  return FIELDS[field] === target && field !== 'resources'
}

// a structured field without a value does not match
function matches(test: Test, value: string | readonly string[] | undefined): boolean {
  if (value === undefined) return false
  return typeof value === 'string' ? test.match(value) : value.some(test.match)
}

function compileWhen(when: string, point: string, expression: ExpressionCompiler): Predicate {
  const program = expression.cel(when)
  return (payload, request) => program.evaluateBoolean(conditionVariables(point, payload, request))
}

/**
 * Condition objects of a vetoing entry that name only attributes a caller or server may lack: a request without them passes
 * the entry by. Worth a warning at load (docs/pipeline.md section 7). Gives place and fields of each such object.
 */
export function optionalScopes(
  mode: string,
  conditions: readonly ConditionSet[] | undefined,
): readonly { readonly index: number; readonly fields: readonly ConditionField[] }[] {
  if (mode !== 'enforce' && mode !== 'guard') return []
  return (conditions ?? [])
    .map((set, index) => ({ index, fields: Object.keys(set) as ConditionField[] }))
    .filter(
      ({ fields }) => fields.length > 0 && fields.every((field) => OPTIONAL_FIELDS.has(field)),
    )
}
