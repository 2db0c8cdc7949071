// What a server says now beside what it said when it was last accepted: the same, something new, something worse, or another machine; it judges no signature.
import { Denial } from '../denial.ts'
import type { Claims } from '../evidence/evidence.ts'
import type { Reason } from '../reasons.ts'

/** From harmless to worst; what is found is the worst of all documents. */
export const DRIFTS = [
  'identical',
  'listed-new',
  'unlisted',
  'regressed',
  'hardware-changed',
] as const
export type DriftKind = (typeof DRIFTS)[number]

export interface Drift {
  readonly kind: DriftKind
  /** What it is found by, such as `tdx: measurement rtmr1`; names, no values. */
  readonly found: readonly string[]
}

export interface DriftOptions {
  /** Whether the policy lists every measurement of now, which the appraisal says. */
  readonly listed: boolean
  /** The operator accepts other hardware this once: what is of the hardware, its versions and counters too, begins anew. */
  readonly newHardware?: boolean
}

type Finding = readonly [kind: DriftKind, what: string]
type Pair = readonly [before: Claims, after: Claims]

/** Documents are compared by their type, of which an answer holds one each. */
export function driftOf(
  before: readonly Claims[],
  after: readonly Claims[],
  { listed, newHardware = false }: DriftOptions,
): Drift {
  const pairs = after.flatMap((now): Pair[] => {
    const then = before.find(({ type }) => type === now.type)
    return then === undefined ? [] : [[then, now]]
  })
  const findings = pairs.flatMap(([then, now]) =>
    [
      ...(newHardware ? [] : [...ofHardware(then, now), ...ofVersions(then, now)]),
      ...ofCollateral(then, now),
      ...ofMeasurements(then, now, listed),
    ].map(([kind, what]): Finding => [kind, `${now.type}: ${what}`]),
  )
  if (!newHardware) findings.push(...ofTypes(before, after, pairs.length > 0))
  const worst = DRIFTS.findLast((kind) => findings.some(([found]) => found === kind))
  const found = findings.filter(([kind]) => kind === worst).map(([, what]) => what)
  return { kind: worst ?? 'identical', found }
}

const REFUSED: Readonly<Partial<Record<DriftKind, Reason>>> = {
  unlisted: 'evidence.measurement_unlisted',
  regressed: 'evidence.regressed',
  'hardware-changed': 'evidence.identity_changed',
}

/** Throws the Denial that a drift is worth; nothing for what may be. */
export function assertNoBadDrift({ kind, found }: Drift): void {
  const reason = REFUSED[kind]
  if (reason !== undefined) throw new Denial(reason, found.join(', '))
}

/** Kinds of evidence that came or went: what is no longer given may be what had become worse. */
function ofTypes(
  before: readonly Claims[],
  after: readonly Claims[],
  anyCommon: boolean,
): Finding[] {
  const types = (claims: readonly Claims[]) => new Set(claims.map(({ type }) => type))
  const gone: DriftKind = anyCommon ? 'regressed' : 'hardware-changed'
  return [
    ...[...types(before).difference(types(after))].map(
      (type): Finding => [gone, `${type}: no longer given`],
    ),
    ...[...types(after).difference(types(before))].map(
      (type): Finding => ['listed-new', `${type}: given for the first time`],
    ),
  ]
}

// an id that was masked and is shown now is learnt; one that was shown and is masked now could be any
function ofHardware(then: Claims, now: Claims): Finding[] {
  const findings: Finding[] = []
  if (then.hardwareSha256 !== undefined && then.hardwareSha256 !== now.hardwareSha256)
    findings.push(['hardware-changed', 'id of the hardware'])
  if (then.product !== undefined && then.product !== now.product)
    findings.push(['hardware-changed', 'product'])
  return findings
}

/** Counters of a TPM: how often it was started, and resumed since. A reboot is no drift; a count that goes back is another TPM or a cleared one. */
const RESETS = 'reset_count'
const RESTARTS = 'restart_count'

function ofVersions(then: Claims, now: Claims): Finding[] {
  const findings: Finding[] = []
  for (const [name, was] of Object.entries(then.tcb)) {
    if (name === RESETS || name === RESTARTS) continue
    const is = now.tcb[name]
    if (is === undefined || is < was) findings.push(['regressed', `TCB ${name}`])
    else if (is > was) findings.push(['listed-new', `TCB ${name}`])
  }
  for (const name of Object.keys(now.tcb))
    if (!(name in then.tcb) && name !== RESETS && name !== RESTARTS)
      findings.push(['listed-new', `TCB ${name}`])
  return [...findings, ...ofCounters(then, now), ...ofFirmware(then, now)]
}

function ofCounters(then: Claims, now: Claims): Finding[] {
  const [resetsThen, resetsNow] = [counter(then, RESETS), counter(now, RESETS)]
  const [restartsThen, restartsNow] = [counter(then, RESTARTS), counter(now, RESTARTS)]
  if (resetsNow < resetsThen) return [['regressed', RESETS]]
  // a reset begins the other one anew (TPM 2.0 Library part 2, TPMS_CLOCK_INFO)
  if (resetsNow === resetsThen && restartsNow < restartsThen) return [['regressed', RESTARTS]]
  return []
}

/** One that is no longer told has gone back. */
function counter({ tcb, flags }: Claims, name: string): number {
  const value = tcb[name] ?? flags[name]
  return typeof value === 'number' ? value : -1
}

/** A number of 64 bits, as hex. */
function ofFirmware(then: Claims, now: Claims): Finding[] {
  const [was, is] = [firmware(then), firmware(now)]
  if (was === undefined || is === was) return []
  return [[is === undefined || is < was ? 'regressed' : 'listed-new', 'firmware']]
}

function firmware({ flags: { firmware } }: Claims): bigint | undefined {
  const isHex = typeof firmware === 'string' && /^[0-9a-f]{1,16}$/.test(firmware)
  if (isHex) return BigInt(`0x${firmware}`)
  return typeof firmware === 'number' && Number.isSafeInteger(firmware)
    ? BigInt(firmware)
    : undefined
}

/** Where the vendor numbers it, as Intel's tcbEvaluationDataNumber: who is shown an older one is kept from what was found out since. */
function ofCollateral(then: Claims, now: Claims): Finding[] {
  return then.collateral.flatMap(({ kind, number }): Finding[] => {
    if (number === undefined || !isOnly(kind, then) || !isOnly(kind, now)) return []
    const is = now.collateral.find((each) => each.kind === kind)?.number
    return is === undefined || is < number ? [['regressed', `collateral ${kind}`]] : []
  })
}

// several of a kind, such as lists of several issuers, have numbers that say nothing of one another
function isOnly(kind: string, { collateral }: Claims): boolean {
  return collateral.filter((each) => each.kind === kind).length === 1
}

function ofMeasurements(then: Claims, now: Claims, listed: boolean): Finding[] {
  const names = new Set([...Object.keys(then.measurements), ...Object.keys(now.measurements)])
  return [...names]
    .filter((name) => then.measurements[name] !== now.measurements[name])
    .map((name): Finding => [listed ? 'listed-new' : 'unlisted', `measurement ${name}`])
}
