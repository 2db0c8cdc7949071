// What a fuzz target is: a parser of foreign bytes, the properties that hold for every input, and what its figures must reach.
import type { Random } from './random.ts'

/** What one input did. */
export interface Reading {
  /** The parser took it; for sealed formats: what was sealed again after its plaintext was changed was opened. */
  readonly accepted: boolean
  /** The way it went, without values; an input with a new trait joins the pool that later inputs are made from. */
  readonly trait: string
}

export interface Target {
  readonly name: string
  /** Sources whose branches are counted, relative to the root. */
  readonly files: readonly string[]
  /** Pieces to put in, over those that every target gets. */
  readonly tokens: readonly string[]
  /** Executions in `npm test`; a slow parser takes fewer. */
  readonly runs: number
  /** Least percentage of branches. */
  readonly branches: number
  /** An input made from parts, where changes of known ones are seldom accepted; every second input. */
  generate?(random: Random): Buffer
  /** Throws when a property does not hold. */
  run(bytes: Buffer, random: Random): Reading
}

/** Least share of the inputs that a target must accept, so that it is not only its first refusals that are tried. */
export const ACCEPTED = 0.2
/** Most milliseconds for one input. */
export const SLOWEST = 250
