// Compares what the suite found behind the gateway with what it found directly, check by check, under the checked-in list.
import type { Check, Results, Status } from './suite.ts'

/** What `wired.json` says about one revision. */
export interface Expectation {
  /** What the fixture alone must reach; a weaker fixture would make equality worthless. */
  direct: { passed: number; failed: number }
  /** Scenarios that must give equal results. */
  wired: readonly string[]
  /** Single checks of wired scenarios that may have another status behind the gateway, and why. */
  except: Readonly<Record<string, Readonly<Record<string, { status: Status; why: string }>>>>
  /** Scenarios whose operations the gateway does not carry yet, and why. */
  left_out: Readonly<Record<string, string>>
}

export type Verdict = 'equal' | 'excepted' | 'differs' | 'left out' | 'unlisted'

export interface Row {
  scenario: string
  verdict: Verdict
  direct: Count
  gateway: Count
  differences: readonly string[]
}

export interface Count {
  passed: number
  failed: number
}

export function compare(expectation: Expectation, direct: Results, gateway: Results): Row[] {
  const scenarios = new Set([...expectation.wired, ...direct.keys(), ...gateway.keys()])
  return [...scenarios].map((scenario) => {
    const excepted = expectation.except[scenario] ?? {}
    const [before, behind] = [direct.get(scenario) ?? [], gateway.get(scenario) ?? []]
    const { differences, used } = compareChecks(before, behind, excepted)
    const verdict = judge(expectation, scenario, before, differences, used)
    return { scenario, verdict, direct: count(before), gateway: count(behind), differences }
  })
}

/** Why the fixture alone is not what the list demands; empty when it is. */
export function directFaults(expectation: Expectation, direct: Results): string[] {
  const faults: string[] = []
  const { passed, failed } = count([...direct.values()].flat())
  const floor = expectation.direct
  if (passed !== floor.passed || failed !== floor.failed) {
    faults.push(
      `${passed} passed and ${failed} failed, expected ${floor.passed} and ${floor.failed}`,
    )
  }
  for (const scenario of expectation.wired) {
    const checks = direct.get(scenario) ?? []
    if (checks.length === 0) faults.push(`${scenario}: the suite did not run it`)
    for (const check of checks.filter(({ status }) => status === 'FAILURE')) {
      faults.push(`${scenario}: ${check.name}: ${check.errorMessage ?? 'failed'}`)
    }
  }
  for (const scenario of direct.keys()) {
    const listed = expectation.wired.includes(scenario) || scenario in expectation.left_out
    if (!listed) faults.push(`${scenario}: neither wired nor left out`)
  }
  return faults
}

export const count = (checks: readonly Check[]): Count => ({
  passed: checks.filter(({ status }) => status === 'SUCCESS').length,
  failed: checks.filter(({ status }) => status === 'FAILURE').length,
})

function judge(
  expectation: Expectation,
  scenario: string,
  direct: readonly Check[],
  differences: readonly string[],
  excepted: boolean,
): Verdict {
  if (scenario in expectation.left_out) return 'left out'
  if (!expectation.wired.includes(scenario)) return 'unlisted'
  // Two empty runs are equal and prove nothing.
  if (direct.length === 0 || differences.length > 0) return 'differs'
  return excepted ? 'excepted' : 'equal'
}

function compareChecks(
  direct: readonly Check[],
  gateway: readonly Check[],
  excepted: Readonly<Record<string, { status: Status }>>,
): { differences: string[]; used: boolean } {
  const [before, behind] = [keyed(direct), keyed(gateway)]
  const differences: string[] = []
  let used = false
  for (const key of new Set([...before.keys(), ...behind.keys()])) {
    const [left, right] = [before.get(key), behind.get(key)]
    if (left?.status === right?.status) continue
    const allowed = right !== undefined && excepted[right.name]?.status === right.status
    if (allowed) used = true
    else differences.push(describe(key, left, right))
  }
  return { differences, used }
}

// One scenario may make a check several times; the occurrence keeps them apart.
function keyed(checks: readonly Check[]): Map<string, Check> {
  const map = new Map<string, Check>()
  for (const check of checks) {
    const base = `${check.name} (${check.id})`
    let key = base
    for (let occurrence = 2; map.has(key); occurrence += 1) key = `${base} #${occurrence}`
    map.set(key, check)
  }
  return map
}

function describe(key: string, left: Check | undefined, right: Check | undefined): string {
  const why = right?.errorMessage === undefined ? '' : `: ${right.errorMessage}`
  return `${key}: ${left?.status ?? 'absent'} directly, ${right?.status ?? 'absent'} behind the gateway${why}`
}
