// What a requirement is: one sentence of the contract, and the tests that fail when it is broken. No requirement stands here.
import { POINT_NAMES, type PointName } from '../../src/points/table.ts'

interface Sentence {
  /** `H` and the number of the section, then what it is about; stable, so that other places can cite it. */
  readonly id: string
  /** Section of the contract, number first. */
  readonly section: string
  /** One behaviour. */
  readonly says: string
}

/** `path of the test file > names of its describe blocks > name of the test`, as a reporter prints them. */
export type Citation = string

export interface Proven extends Sentence {
  readonly tests: readonly Citation[]
}

export interface Waiting extends Sentence {
  readonly later: Feature
}

export type Requirement = Proven | Waiting

/** What requirements may wait for, and the points that are declared for it. When one of them fires, waiting is over. */
export const FEATURES = {
  elicitation: ['elicitation_pre_create', 'elicitation_post_response'],
  sampling: ['completion_pre_request', 'completion_post_response'],
  roots: ['roots_post_list'],
  'the result cache': [
    'cache_pre_get',
    'cache_post_get',
    'cache_pre_put',
    'cache_pre_update',
    'cache_pre_evict',
  ],
  'events and integrations': [
    'alert_raised',
    'anomaly_detected',
    'sla_breached',
    'session_opened',
    'execution_completed',
  ],
  'installed and isolated plugins': named(/^plugin_(pre|post)_(install|update|uninstall)$/),
  'virtual servers': [],
  'spans and the console': [],
} as const satisfies Record<string, readonly PointName[]>

export type Feature = keyof typeof FEATURES

function named(pattern: RegExp): readonly PointName[] {
  return POINT_NAMES.filter((name) => pattern.test(name))
}

/** The sentences of one section; ids and texts in the order of the contract. */
export function section(
  title: string,
  sentences: readonly (Omit<Proven, 'section'> | Omit<Waiting, 'section'>)[],
): readonly Requirement[] {
  return sentences.map((sentence) => ({ ...sentence, section: title }))
}

/** Cites tests of one file. */
export function within(file: string): (...names: readonly string[]) => Citation[] {
  return (...names) => names.map((name) => `${file} > ${name}`)
}

/** The number a title of a section begins with. */
export function sectionNumber(title: string): number {
  return Number.parseInt(title, 10)
}
