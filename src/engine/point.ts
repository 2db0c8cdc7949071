// What a point is to the engine: the rules its verdicts are held to. The engine knows no point by name.

/** Payload, patch and answer types of every point, keyed by its name. */
export type PointTypes = {
  [point: string]: { payload: object; patch: object; answer: unknown }
}

/** Classes of dispatch budget (docs/pipeline.md section 5, `limits.dispatch`). */
export type PointClass = 'data' | 'control' | 'admission'

/** The structured condition fields of docs/pipeline.md section 7. */
export const CONDITION_FIELDS = [
  'servers', 'tools', 'prompts', 'resources', 'tenants', 'users', 'agents', 'roles', 'methods', 'content_types',
  'tags', 'environments', 'eras', 'labels',
] as const // biome-ignore format: a table
export type ConditionField = (typeof CONDITION_FIELDS)[number]

/** One field a patch may name. */
export interface WritableField {
  /** Where it stands in the payload; a patch names it flat (docs/pipeline.md section 11). */
  readonly path: readonly string[]
  /** Whether a value has the right shape, told of the value it would replace. */
  readonly accepts: (value: unknown, current: unknown) => boolean
  /** The members of the patch are laid over those that stand there. */
  readonly merge?: boolean
}

/** The rules of one point. */
export interface PointRules {
  readonly class: PointClass
  readonly writable: Readonly<Record<string, WritableField>>
  readonly deny: boolean
  readonly respond: boolean
  readonly ask: boolean
  /** Verdicts are ignored: the point only tells. */
  readonly observe: boolean
  /** Whether a `respond` has the shape the operation is answered with. */
  readonly answer?: (value: unknown) => boolean
  /** Answers are joined, and patches still count after one: every entry is heard. Without it the first answer is the only one. */
  readonly joins?: (before: unknown, next: unknown) => unknown
  /** Whether an answer is one that only an entitled entry may give. */
  readonly entitled?: (answer: unknown) => boolean
  /** Payload fields that hold content; observers get `[withheld]` for them when a redactor had no turn. */
  readonly content: readonly string[]
  /** The payload field that names the target, when conditions can select by it. */
  readonly target?: {
    readonly field: string
    readonly condition: 'tools' | 'prompts' | 'resources'
  }
  /** Which structured condition fields can have a value here. */
  readonly conditions: readonly ConditionField[]
  /** The MCP methods it fires on, where they are few: a condition on another one can never match. */
  readonly methods?: readonly string[]
  /** Content types of what the payload carries. */
  readonly contentTypes?: (payload: never) => readonly string[]
}

export type PointTable<T extends PointTypes> = { readonly [K in keyof T & string]: PointRules }
