// docs/pipeline.md sections 4, 5 and 7 read as simply as possible, one entry after the other: what the compiled runner must equal.

export type Behaviour =
  | {
      readonly kind:
        | 'pass'
        | 'deny'
        | 'respond'
        | 'ask'
        | 'throw'
        | 'nonsense'
        | 'unwritable'
        | 'redact'
    }
  | { readonly kind: 'add'; readonly amount: number }
  | { readonly kind: 'rename'; readonly name: string }

export interface ModelEntry {
  readonly entry: string
  readonly mode: 'enforce' | 'permissive' | 'guard' | 'audit' | 'background'
  readonly priority: number
  readonly order: number
  readonly onError: 'fail' | 'ignore' | 'disable'
  readonly redacts: boolean
  readonly async: boolean
  readonly behaviour: Behaviour
  readonly tools: readonly string[] | null
  readonly when: 'even' | 'error' | null
}

export interface ModelPayload {
  readonly name: string
  readonly arguments: Readonly<Record<string, number | string>>
}

export interface ModelEnd {
  readonly kind: 'pass' | 'deny' | 'respond' | 'fault'
  /** Who denied, answered or broke. */
  readonly by: string | null
  readonly payload: ModelPayload
  readonly changed: boolean
  /** Chain and guards, in the order in which they were called. */
  readonly called: readonly string[]
  /** What each observer was shown. */
  readonly observed: readonly string[]
}

/** Faults in a row of each entry; an entry with `disable` is left out once there are `BREAKER`. */
export type Memory = Map<string, number>
export const BREAKER = 2

type Turn = 'skip' | 'fault' | 'call'

export function reference(
  entries: readonly ModelEntry[],
  start: ModelPayload,
  memory: Memory,
): ModelEnd {
  const ordered = [...entries].sort((a, b) => a.priority - b.priority || a.order - b.order)
  const chain = ordered.filter(({ mode }) => mode === 'enforce' || mode === 'permissive')
  const guards = ordered.filter(({ mode }) => mode === 'guard')
  const called: string[] = []
  let payload = start
  let changed = false
  let leaky = false
  let answeredBy: string | null = null
  let askedBy: string | null = null
  let end: { kind: 'deny' | 'fault'; by: string } | null = null

  function turn(entry: ModelEntry): Turn {
    if (entry.tools && !entry.tools.includes(payload.name)) return 'skip'
    if (entry.when === 'error') return 'fault'
    if (entry.when === 'even' && Number(payload.arguments.n) % 2 !== 0) return 'skip'
    if (entry.onError === 'disable' && (memory.get(entry.entry) ?? 0) >= BREAKER) {
      if (entry.redacts) leaky = true
      return 'skip'
    }
    return 'call'
  }
  function fault(entry: ModelEntry): boolean {
    memory.set(entry.entry, (memory.get(entry.entry) ?? 0) + 1)
    if (entry.redacts) leaky = true
    return entry.onError === 'fail'
  }

  let at = 0
  for (; at < chain.length && end === null; at++) {
    const entry = chain[at] as ModelEntry
    const has = turn(entry)
    if (has === 'skip') continue
    if (has === 'call') called.push(entry.entry)
    const { kind } = entry.behaviour
    if (has === 'fault' || kind === 'throw' || kind === 'nonsense' || kind === 'unwritable') {
      if (fault(entry)) end = { kind: 'fault', by: entry.entry }
      continue
    }
    memory.set(entry.entry, 0)
    const patched = patchOf(entry.behaviour, payload)
    if (patched) {
      if (answeredBy === null) {
        payload = patched
        changed = true
      } else if (entry.redacts) leaky = true
      continue
    }
    if (kind === 'pass') continue
    if (entry.redacts) leaky = true
    if (entry.mode === 'permissive') continue
    if (kind === 'deny') end = { kind: 'deny', by: entry.entry }
    if (kind === 'respond') answeredBy ??= entry.entry
    if (kind === 'ask') askedBy ??= entry.entry
  }
  for (const entry of chain.slice(at))
    if (entry.redacts && matchesLate(entry, payload)) leaky = true

  if (end !== null)
    for (const entry of guards) if (entry.redacts && matchesLate(entry, payload)) leaky = true
  if (end === null) {
    const denials: ModelEntry[] = []
    const faults: ModelEntry[] = []
    for (const entry of [
      ...guards.filter((one) => !one.async),
      ...guards.filter((one) => one.async),
    ]) {
      // once a synchronous one has denied, the others are aborted
      if (denials.some((one) => !one.async)) {
        if (entry.redacts && matchesLate(entry, payload)) leaky = true
        continue
      }
      const has = turn(entry)
      if (has === 'skip') continue
      if (has === 'call') called.push(entry.entry)
      const { kind } = entry.behaviour
      if (has === 'call' && (kind === 'pass' || kind === 'deny')) {
        memory.set(entry.entry, 0)
        if (kind === 'deny') denials.push(entry)
        if (kind === 'deny' && entry.redacts) leaky = true
      } else if (fault(entry)) faults.push(entry)
    }
    const first = (found: ModelEntry[]) =>
      found.sort((a, b) => guards.indexOf(a) - guards.indexOf(b))[0]
    const denial = first(denials)
    const broken = first(faults)
    if (denial) end = { kind: 'deny', by: denial.entry }
    else if (broken) end = { kind: 'fault', by: broken.entry }
  }
  if (end === null && askedBy !== null) end = { kind: 'deny', by: askedBy }

  const shown = leaky ? '[withheld]' : JSON.stringify(payload.arguments)
  const observed = ordered
    .filter(({ mode }) => mode === 'audit' || mode === 'background')
    .filter((entry) => entry.when !== 'error' && matchesLate(entry, payload))
    .map(({ entry }) => `${entry}: ${shown}`)
  const outcome =
    end ??
    (answeredBy === null
      ? { kind: 'pass' as const, by: null }
      : { kind: 'respond' as const, by: answeredBy })
  return { ...outcome, payload, changed, called, observed: observed.sort() }
}

function matchesLate(entry: ModelEntry, payload: ModelPayload): boolean {
  if (entry.tools && !entry.tools.includes(payload.name)) return false
  return entry.when === 'error' || entry.when === null || Number(payload.arguments.n) % 2 === 0
}

function patchOf(behaviour: Behaviour, payload: ModelPayload): ModelPayload | null {
  if (behaviour.kind === 'rename') return { ...payload, name: behaviour.name }
  if (behaviour.kind === 'redact')
    return { ...payload, arguments: { ...payload.arguments, secret: '***' } }
  if (behaviour.kind !== 'add') return null
  return {
    ...payload,
    arguments: { ...payload.arguments, n: Number(payload.arguments.n) + behaviour.amount },
  }
}
