// What a plugin author imports, and nothing else of ours: definePlugin, the verdicts, and the types that follow from a point's name.
export type { ClientInfo, PluginContext, Principal, ServerInfo, Shared } from './engine/context.ts'
export {
  ask,
  deny,
  type PatchVerdict,
  patch,
  type Question,
  respond,
  type Verdict,
  type Violation,
} from './engine/verdict.ts'
export type { Answer, Patch, Payload, PointName, Points } from './points/table.ts'

import type { PluginContext } from './engine/context.ts'
import type { PatchVerdict, Question, Verdict, Violation } from './engine/verdict.ts'
import type { PluginHost } from './host/api.ts'
import type { Answer, Patch, Payload, POINTS, PointName } from './points/table.ts'

export type {
  AttestationRequest,
  AttestationVerdict,
  EgressResponse,
  PluginHost,
  PluginLogger,
  PluginRegex,
  PluginStorage,
  PluginText,
  TextOptions,
} from './host/api.ts'

type Declared = typeof POINTS
type Deny<K extends PointName> = Declared[K]['observe'] extends true
  ? never
  : Verdict<'deny', Violation>
type Respond<K extends PointName> = [Answer<K>] extends [never]
  ? never
  : Verdict<'respond', Answer<K>>
type Ask<K extends PointName> = Declared[K]['ask'] extends false ? never : Verdict<'ask', Question>

// biome-ignore lint/suspicious/noConfusingVoidType: a handler that answers nothing returns void
type Nothing = void | undefined

/** What a handler at this point may answer; nothing means pass. */
export type VerdictAt<K extends PointName> =
  | Nothing
  | PatchVerdict<Patch<K>>
  | Deny<K>
  | Respond<K>
  | Ask<K>

export type HandlerAt<K extends PointName> = (
  payload: Payload<K>,
  context: PluginContext,
) => VerdictAt<K> | Promise<VerdictAt<K>>

/** Handlers by point; a name that is no point does not compile. */
export type Hooks = { readonly [K in PointName]?: HandlerAt<K> }

/** What `setup` hands back. `false` declines: the entry is left out and listed with that reason. */
export interface PluginInstance {
  readonly hooks: Hooks
  /** Called once when the entry's generation has drained; may be async. */
  close?(): void | Promise<void>
}

/** Same shape in manifests (`permissions`) and in the configuration (`grants`); a plugin gets the intersection. */
export interface Permissions {
  readonly network?: readonly string[]
  readonly filesystem_read?: readonly string[]
  readonly filesystem_write?: readonly string[]
  readonly shell?: boolean
  readonly env?: readonly string[]
  readonly api?: readonly string[]
  readonly authorize?: boolean
  /** Whether it may have servers attested: `host.attestation`. */
  readonly attestation?: boolean
}

/** A plugin. Those from a directory have a `plugin.yaml` beside them; those given in code may say the same here. */
export interface PluginDefinition<C = Readonly<Record<string, unknown>>> {
  readonly id: string
  readonly version?: string
  readonly description?: string
  readonly permissions?: Permissions
  /** JSON Schema of `config`. */
  readonly configSchema?: Readonly<Record<string, unknown>>
  readonly sideEffects?: 'none' | 'external'
  readonly redacts?: boolean
  /** Called once per entry and generation; `config` is validated already. */
  setup(config: C, host: PluginHost): PluginInstance | false | Promise<PluginInstance | false>
}

/** Gives a plugin its types. */
export function definePlugin<C = Readonly<Record<string, unknown>>>(
  definition: PluginDefinition<C>,
): PluginDefinition<C> {
  return Object.freeze(definition)
}
