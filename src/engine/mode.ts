// The modes of docs/pipeline.md section 5 as a table: what an entry's verdict may do and when it runs.

export type Phase = 'chain' | 'guard' | 'observe'

export interface ModeRules {
  readonly phase: Phase
  /** `apply`: takes effect; `record`: noted as what would have happened; `fault`: not allowed; `ignore`: not even noted. */
  readonly deny: 'apply' | 'record' | 'ignore'
  readonly patch: 'apply' | 'record' | 'fault' | 'ignore'
  readonly answer: 'apply' | 'record' | 'fault' | 'ignore'
  /** Whether a fault takes the operation down unless `on_error` says otherwise. */
  readonly failsClosed: boolean
}

export const MODES = {
  enforce: { phase: 'chain', deny: 'apply', patch: 'apply', answer: 'apply', failsClosed: true },
  permissive: {
    phase: 'chain',
    deny: 'record',
    patch: 'apply',
    answer: 'record',
    failsClosed: true,
  },
  guard: { phase: 'guard', deny: 'apply', patch: 'fault', answer: 'fault', failsClosed: true },
  audit: {
    phase: 'observe',
    deny: 'record',
    patch: 'record',
    answer: 'record',
    failsClosed: false,
  },
  background: {
    phase: 'observe',
    deny: 'ignore',
    patch: 'ignore',
    answer: 'ignore',
    failsClosed: false,
  },
} as const satisfies Record<string, ModeRules>

/** A mode an entry can run in; `disabled` entries are never instantiated and so never reach the engine. */
export type Mode = keyof typeof MODES

export type OnError = 'fail' | 'ignore' | 'disable'
