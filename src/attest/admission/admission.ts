// The admission of one server as a state machine: what has happened goes in, whether it serves and when to look again comes out; it has no timer and no effect.
import { REASONS, type Reason } from '../reasons.ts'

/**
 * `none`: no policy is for it, or it was not attested yet. `due`: valid, and to be attested again. `grace`: valid, and attesting it
 * again did not come about so far. `quarantined`: no new session.
 */
export type AdmissionState = 'none' | 'valid' | 'due' | 'grace' | 'quarantined' | 'removed'

/** Of the policy that is for the server. Milliseconds. */
export interface AdmissionRules {
  /** `observe`: it is never quarantined; `wouldRefuse` says what `enforce` would have done. */
  readonly mode: 'enforce' | 'observe'
  /** How long a result holds. */
  readonly ttl: number
  /** When it is made again; below the ttl. */
  readonly interval: number
  /** Share of the interval by which it varies, 0 to 1, so that not all servers are attested at once. */
  readonly jitter: number
  /** What is answered by attesting again at once; without: everything. */
  readonly on?: readonly Change[]
}

/** What makes a result old before its time. */
export type Change =
  | 'tls-key-change'
  | 'policy-change'
  | 'reference-value-change'
  | 'collateral-revoked'
  | 'collateral-refreshed'
  | 'restart'
  | 'reconnect'

export type AdmissionEvent =
  /** An attempt begins: its number is the `attempt` of what comes out. */
  | { readonly type: 'begun' }
  /** A positive verdict, `until` when (the ttl at most). It counts only for the attempt under way: another judged what is no longer so. */
  | { readonly type: 'accepted'; readonly attempt: number; readonly until?: number }
  /** A refusal. A transient one shows nothing against the server and counts for the attempt under way alone, any other always. */
  | { readonly type: 'denied'; readonly attempt?: number; readonly reason: Reason }
  | { readonly type: 'changed'; readonly change: Exclude<Change, 'policy-change'> }
  /** Undefined: none is for it. */
  | { readonly type: 'policy'; readonly rules: AdmissionRules | undefined }
  | { readonly type: 'removed' }

/** What is known of one server; plain data. Times are milliseconds since the epoch. */
export interface Standing {
  readonly rules: AdmissionRules | undefined
  readonly verdict: 'none' | 'positive' | 'negative' | 'removed'
  /** Of the last positive verdict. */
  readonly acceptedAt: number
  readonly validUntil: number
  /** Why it is quarantined, or in grace. */
  readonly reason: Reason | undefined
  readonly attemptAt: number
  /** Of the newest attempt. */
  readonly attempt: number
  /** Until when that attempt is waited for; undefined: none is under way. */
  readonly attemptUntil: number | undefined
  /** Attempts since the last positive verdict that did not end with one. */
  readonly failures: number
}

/** What is so at one moment. */
export interface Look {
  readonly state: AdmissionState
  /** Whether new sessions may use it. */
  readonly serves: boolean
  /** Only with `observe`: `enforce` would not let it serve. */
  readonly wouldRefuse: boolean
  readonly reason: Reason | undefined
  /** An attempt is to begin now. */
  readonly attest: boolean
  /** When to look again, milliseconds since the epoch; undefined: nothing happens by itself. */
  readonly next: number | undefined
}

export interface Moment {
  readonly now: number
  /** 0 to 1. */
  random(): number
}

/** How long an attempt is waited for. */
const ATTEMPT_MS = 60_000
const BACKOFF = { first: 5000, most: 15 * 60_000 } as const
/** The next attempt is at the latest when so much of the result's time is over: what is left is for more of them. */
const LATEST = 0.8
/** Events that a server causes by itself and at will; they do not cut a back-off short. */
const BY_THE_SERVER: readonly Change[] = ['tls-key-change', 'reconnect']

/** One that was not attested yet, to be attested now. */
export function newStanding(rules: AdmissionRules | undefined, now: number): Standing {
  return {
    rules,
    verdict: 'none',
    acceptedAt: 0,
    validUntil: 0,
    reason: undefined,
    attemptAt: now,
    attempt: 0,
    attemptUntil: undefined,
    failures: 0,
  }
}

/** After a start of the gateway: what held goes on holding until it is attested again, which is at once. */
export function restoredStanding(
  kept: Pick<Standing, 'acceptedAt' | 'validUntil' | 'reason'>,
  rules: AdmissionRules,
  now: number,
): Standing {
  const { acceptedAt, validUntil, reason } = kept
  return {
    ...newStanding(rules, now),
    verdict: reason === undefined ? 'positive' : 'negative',
    acceptedAt,
    validUntil: Math.min(validUntil, acceptedAt + rules.ttl),
    reason,
  }
}

/** The same after the clock was put by `ms`: how long each thing lasts stays what it was. */
export function shiftedStanding(standing: Standing, ms: number): Standing {
  const { acceptedAt, validUntil, attemptAt, attemptUntil } = standing
  return {
    ...standing,
    acceptedAt: acceptedAt + ms,
    validUntil: validUntil + ms,
    attemptAt: attemptAt + ms,
    attemptUntil: attemptUntil === undefined ? undefined : attemptUntil + ms,
  }
}

export function lookAt(standing: Standing, now: number): Look {
  const { rules, verdict, validUntil, attemptAt, attemptUntil } = standing
  const strict = strictState(standing, now)
  const would = strict === 'valid' || strict === 'due' || strict === 'grace'
  const observed = rules?.mode === 'observe' && strict !== 'removed'
  const free = strict === 'none' && rules === undefined
  const watched = rules !== undefined && strict !== 'removed'
  const tryAt = Math.max(attemptAt, attemptUntil ?? 0)
  const ahead = [tryAt, verdict === 'positive' ? validUntil : now].filter((at) => at > now)
  return {
    state: observed && strict === 'quarantined' ? 'none' : strict,
    serves: free || observed || would,
    wouldRefuse: observed && !would,
    reason: standing.reason ?? (strict === 'quarantined' ? 'evidence.result_expired' : undefined),
    attest: watched && tryAt <= now,
    next: watched && ahead.length > 0 ? Math.min(...ahead) : undefined,
  }
}

// by the time alone, so that one who looks late finds what is so, not what was so when somebody last looked
function strictState(standing: Standing, now: number): AdmissionState {
  const { rules, verdict, validUntil, attemptAt, attemptUntil, failures } = standing
  if (verdict === 'removed') return 'removed'
  if (rules === undefined || verdict === 'none') return 'none'
  if (verdict === 'negative' || now >= validUntil) return 'quarantined'
  if (failures > 0) return 'grace'
  return now >= attemptAt || attemptUntil !== undefined ? 'due' : 'valid'
}

export function step(standing: Standing, event: AdmissionEvent, moment: Moment): Standing {
  if (standing.verdict === 'removed') return standing
  switch (event.type) {
    case 'begun':
      return {
        ...standing,
        attempt: standing.attempt + 1,
        attemptUntil: moment.now + ATTEMPT_MS,
      }
    case 'accepted':
      return accepted(standing, event, moment)
    case 'denied':
      return denied(standing, event, moment)
    case 'changed':
      return changed(standing, event.change, moment.now)
    case 'policy':
      return underPolicy(standing, event.rules, moment.now)
    case 'removed':
      return { ...standing, verdict: 'removed', attemptUntil: undefined }
  }
}

function accepted(
  standing: Standing,
  { attempt, until = Number.POSITIVE_INFINITY }: { attempt: number; until?: number },
  { now, random }: Moment,
): Standing {
  const { rules } = standing
  if (rules === undefined || standing.attemptUntil === undefined || attempt !== standing.attempt)
    return standing
  const validUntil = Math.min(until, now + rules.ttl)
  const interval = rules.interval * (1 + rules.jitter * (2 * random() - 1))
  return {
    ...standing,
    verdict: 'positive',
    acceptedAt: now,
    validUntil,
    reason: undefined,
    attemptAt: now + Math.max(0, Math.min(interval, LATEST * (validUntil - now))),
    attemptUntil: undefined,
    failures: 0,
  }
}

function denied(
  standing: Standing,
  { attempt = standing.attempt, reason }: { attempt?: number; reason: Reason },
  { now, random }: Moment,
): Standing {
  const negative = !isTransient(reason)
  if (!negative && attempt !== standing.attempt) return standing
  const failures = standing.failures + 1
  const most = Math.min(BACKOFF.most, BACKOFF.first * 2 ** (failures - 1))
  return {
    ...standing,
    verdict: negative ? 'negative' : standing.verdict,
    // what was shown against it stays the reason until it is shown otherwise
    reason: !negative && standing.verdict === 'negative' ? standing.reason : reason,
    attemptAt: now + most * (0.5 + 0.5 * random()),
    attemptUntil: undefined,
    failures,
  }
}

/** What was found out so far is void: also the attempt under way, whose verdict would be of before. */
function changed(standing: Standing, change: Change, now: number): Standing {
  const against = AGAINST[change]
  // what is new may revoke: whoever wants to know of that wants it looked at
  const named = change === 'collateral-refreshed' ? 'collateral-revoked' : change
  const wanted = standing.rules?.on?.includes(named) ?? true
  const held = !wanted || (standing.failures > 0 && BY_THE_SERVER.includes(change))
  return {
    ...standing,
    ...(against === undefined ? {} : { verdict: 'negative', reason: against }),
    attemptAt: held ? standing.attemptAt : Math.min(standing.attemptAt, now),
    attemptUntil: undefined,
  }
}

/** Changes that are themselves shown against the server. */
const AGAINST: Readonly<Partial<Record<Change, Reason>>> = {
  'tls-key-change': 'tls.key_changed',
  'collateral-revoked': 'evidence.revoked',
}

function underPolicy(standing: Standing, rules: AdmissionRules | undefined, now: number): Standing {
  // who was under none has no result to go on with
  if (rules === undefined || standing.rules === undefined)
    return { ...newStanding(rules, now), attempt: standing.attempt }
  const isWanted = rules.on?.includes('policy-change') ?? true
  const validUntil = Math.min(
    standing.validUntil,
    standing.acceptedAt + rules.ttl,
    // whoever does not let itself be judged by the new one is not kept by what the old one said
    isWanted ? now + ATTEMPT_MS : Number.POSITIVE_INFINITY,
  )
  return changed({ ...standing, rules, validUntil }, 'policy-change', now)
}

export function isTransient(reason: Reason): boolean {
  return 'transient' in REASONS[reason]
}
