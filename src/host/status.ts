// What is known of a configured entry once loading has dealt with it: for listings, /readyz and the start banner. Data only.
import type { PluginDefinition } from '../plugin.ts'
import type { PointName } from '../points/table.ts'

export type PluginSource = 'built-in' | 'directory' | 'code'

/**
 * `vetoed`: a plugin_pre_load entry refused it; `failed`: it could not be loaded; `declined`: its setup answered false;
 * `disabled`: not asked for (mode: disabled) or left out on purpose (`breakGlass`).
 */
export type EntryState = 'loaded' | 'vetoed' | 'failed' | 'declined' | 'disabled'

export interface EntryStatus {
  readonly name: string
  /** The plugin's id. */
  readonly plugin: string
  /** Empty when the plugin says none. */
  readonly version: string
  /** Undefined when no plugin was looked for. */
  readonly source: PluginSource | undefined
  /** Which section of the configuration it comes from. */
  readonly kind: 'entry' | 'policy'
  readonly mode: string
  readonly priority: number
  /** The points it runs at; of an entry that is not loaded, those it asked for. */
  readonly hooks: readonly PointName[]
  readonly state: EntryState
  /** Why it is not loaded, in one line. */
  readonly reason?: string
  readonly required: boolean
  readonly redacts: boolean
  readonly description: string
  /** Left out by `--unsafe-without`: what it protects is unprotected. */
  readonly breakGlass?: true
}

/** A plugin that could be used. */
export interface AvailablePlugin {
  readonly id: string
  readonly version: string
  readonly description: string
  readonly source: PluginSource
  /** Undefined for a plugin given in code: its setup says. */
  readonly hooks: readonly PointName[] | undefined
  readonly redacts: boolean
  readonly sideEffects: NonNullable<PluginDefinition['sideEffects']>
  /** The folder of its manifest; undefined for a plugin given in code. */
  readonly directory: string | undefined
}
