// One rule of a role as a test of a target: its patterns compiled once; what follows from a match is not decided here.
import type { Target } from '../access.ts'
import { rightsMatching } from '../rights.ts'

/** Compiles patterns: `Expression.anyOf`. Throws CONFIG_INVALID with the reason. */
export type AnyOf = (
  texts: readonly string[],
  options?: { readonly path?: boolean },
) => (value: string) => boolean

/** A rule as the configuration or the store has it. A field that is absent asks for nothing. */
export interface RuleSpec {
  readonly actions: readonly string[]
  readonly servers?: readonly string[] | undefined
  readonly tools?: readonly string[] | undefined
  readonly prompts?: readonly string[] | undefined
  readonly resources?: readonly string[] | undefined
  readonly tenants?: readonly string[] | undefined
  readonly entities?: readonly string[] | undefined
}

export type TargetTest = (target: Target) => boolean

export interface Rule {
  readonly actions: ReadonlySet<string>
  /** Null: every target. */
  readonly matches: TargetTest | null
  /** It says `tenants: ['*']` and so reaches into all of them. */
  readonly crosses: boolean
}

/** Throws CONFIG_INVALID for a pattern that is none. */
export function compileRule(spec: RuleSpec, anyOf: AnyOf): Rule {
  const tests = FIELDS.flatMap(([field, compile]) => {
    const texts = spec[field]
    return texts === undefined ? [] : [compile(texts, anyOf)]
  }).filter((test) => test !== null)
  return {
    actions: new Set(spec.actions.flatMap(rightsMatching)),
    matches: all(tests),
    crosses: spec.tenants?.includes('*') ?? false,
  }
}

type Compile = (texts: readonly string[], anyOf: AnyOf) => TargetTest | null

const named =
  (kind: Target['kind']): Compile =>
  (texts, anyOf) => {
    const matches = anyOf(texts)
    return (target) => target.kind === kind && target.name !== undefined && matches(target.name)
  }

// a field for which the target has no value does not match, as in conditions
const FIELDS: readonly (readonly [Exclude<keyof RuleSpec, 'actions'>, Compile])[] = [
  [
    'tenants',
    (texts, anyOf) => {
      if (texts.includes('*')) return null
      const matches = anyOf(texts)
      return ({ tenant }) => tenant !== undefined && matches(tenant)
    },
  ],
  [
    'servers',
    (texts, anyOf) => {
      const matches = anyOf(texts)
      return (target) => {
        const server = target.server ?? (isServer(target) ? target.name : undefined)
        return server !== undefined && matches(server)
      }
    },
  ],
  ['tools', named('tool')],
  ['prompts', named('prompt')],
  [
    'resources',
    (texts, anyOf) => {
      // one star alone is every URI, as in virtual servers
      const matches = anyOf(
        texts.map((text) => (text === '*' ? '**' : text)),
        { path: true },
      )
      return ({ kind, name }) => kind === 'resource' && name !== undefined && matches(name)
    },
  ],
  [
    'entities',
    (texts, anyOf) => {
      const matches = anyOf(texts)
      return ({ kind, entity, name }) =>
        kind === 'entity' &&
        entity !== undefined &&
        (matches(entity) || (name !== undefined && matches(`${entity}/${name}`)))
    },
  ],
]

function isServer({ kind, entity }: Target): boolean {
  return kind === 'server' || (kind === 'entity' && entity === 'server')
}

function all(tests: readonly TargetTest[]): TargetTest | null {
  const [first, second, ...more] = tests
  if (first === undefined) return null
  if (second === undefined) return first
  if (more.length === 0) return (target) => first(target) && second(target)
  return (target) => tests.every((test) => test(target))
}
