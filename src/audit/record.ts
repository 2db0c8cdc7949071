// What the audit writes down: one shape for every kind of event; it stamps nothing and goes nowhere by itself.

/**
 * `execution`: a request passed its points. `refusal`: an entry denied. `would_deny`: it would have, in a mode that only
 * records. `patch`: an entry changed the payload. `respond`, `ask`: it answered or asked. `fault`: a plugin broke and the
 * operation was refused. `failed_open`: it broke, or its breaker is open, and the operation went on. `load`, `load_refused`: a plugin
 * entry. `reload`, `reload_refused`: a configuration. `break_glass`: a gate was bypassed. `alert`: a policy or plugin raised one. `server`: a change of
 * admission or health. `lifecycle`: start, drain, stop. `gap`: records were lost here. `write`: somebody created, changed or removed an
 * entity, or would have. `login`, `login_failed`: somebody proved who they are, or could not. `decision`: a right was refused (what was allowed is in
 * the record of the request). `permission`: a plugin used what it was not granted. `attestation`: a server was appraised. `chain`, `checkpoint`, `pruned`: what makes the records
 * of a sink a chain (base/chain.ts): its beginning, a signature, what was removed because it was old.
 */
export type AuditKind =
  | 'execution'
  | 'refusal'
  | 'would_deny'
  | 'patch'
  | 'respond'
  | 'ask'
  | 'fault'
  | 'failed_open'
  | 'load'
  | 'load_refused'
  | 'reload'
  | 'reload_refused'
  | 'break_glass'
  | 'alert'
  | 'server'
  | 'lifecycle'
  | 'gap'
  | 'write'
  | 'login'
  | 'login_failed'
  | 'decision'
  | 'permission'
  | 'attestation'
  | 'chain'
  | 'checkpoint'
  | 'pruned'

export interface AuditPrincipal {
  readonly id: string
  readonly kind: string
  readonly tenant?: string | undefined
}

/** What was written, or what somebody may not use. */
export interface AuditEntity {
  readonly kind: string
  readonly id: string
  readonly tenant?: string | undefined
  readonly version?: number | undefined
  /** Of the store after the write. */
  readonly revision?: number | undefined
}

/** What a room reports. No payload bodies; what a caller may not learn (plugin, description, details) belongs here. */
export interface AuditEvent {
  readonly kind: AuditKind
  readonly requestId?: string | undefined
  readonly traceId?: string | undefined
  readonly generation?: number | undefined
  readonly principal?: AuditPrincipal | undefined
  readonly client?: string | undefined
  readonly surface?: string | undefined
  readonly virtualServer?: string | undefined
  readonly era?: string | undefined
  readonly method?: string | undefined
  readonly server?: string | undefined
  /** The upstream's own name of the tool or prompt, or the URI. */
  readonly target?: string | undefined
  readonly point?: string | undefined
  readonly entry?: string | undefined
  readonly plugin?: string | undefined
  readonly mode?: string | undefined
  readonly verdict?: string | undefined
  /** False: the verdict was recorded only. */
  readonly effective?: boolean | undefined
  readonly code?: string | undefined
  readonly reason?: string | undefined
  readonly description?: string | undefined
  readonly details?: unknown
  /** Names of the fields a patch changed, never their values. */
  readonly changed?: readonly string[] | undefined
  readonly outcome?: string | undefined
  readonly durationMs?: number | undefined
  /** Entries that passed, folded into the record of the request. */
  readonly passes?:
    | readonly { readonly point: string; readonly entries: readonly string[] }[]
    | undefined
  /** What was asked for: the operation of a write, the right of a decision. */
  readonly action?: string | undefined
  readonly entity?: AuditEntity | undefined
  /** Rights that were asked about and allowed, folded into the record of the request. */
  readonly allowed?: readonly string[] | undefined
  /** Of the configuration in force: the first 32 hexadecimal digits of its SHA-256. */
  readonly digest?: string | undefined
  /** Of the policy or entry that decided, likewise. */
  readonly policy?: string | undefined
  /** As the client gave them. What of them is kept, the redactor decides. */
  readonly arguments?: unknown
}

export interface AuditRecord extends AuditEvent {
  /** Milliseconds since the Unix epoch; written out as RFC 3339. */
  readonly time: number
  /** Counts the records of this process: a hole is a lost record. */
  readonly seq: number
}

/** The record as it stands in a file: one line of JSON without its end. */
export function lineOf(record: AuditRecord): string {
  return JSON.stringify({ ...record, time: new Date(record.time).toISOString() })
}

/** Says that records are missing up to `seq`. */
export function gapRecord(time: number, seq: number, dropped: number): AuditRecord {
  return { time, seq, kind: 'gap', reason: `records dropped: ${dropped}` }
}
