// The TCB statuses of Intel's collateral and how those of platform, QE and module become one; which are accepted a policy says.
import { invalid, listOf, objectOf, textOf } from './fields.ts'

/**
 * From best to worst. `Unrecognized` is ours: the SVNs are below every level that Intel lists.
 * Intel PCS API v4, tcbStatus; the combined ones as Intel's quote verification library has them.
 */
export const TCB_STATUSES = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
  'Unrecognized',
] as const
export type TcbStatus = (typeof TCB_STATUSES)[number]

export interface TcbLevel {
  readonly status: TcbStatus
  readonly advisories: readonly string[]
}

export const UNRECOGNIZED: TcbLevel = { status: 'Unrecognized', advisories: [] }

const worth = (status: TcbStatus): number => TCB_STATUSES.indexOf(status)

/** Status and advisories of one entry of tcbLevels. A status that is not known here is invalid, not good. */
export function readLevel(value: unknown, what: string): TcbLevel {
  const level = objectOf(value, what)
  const status = TCB_STATUSES.find((one) => one === level.tcbStatus)
  if (!status || status === 'Unrecognized') throw invalid(`${what}: a status that is not known`)
  const advisories = level.advisoryIDs
  return {
    status,
    advisories:
      advisories === undefined ? [] : listOf(advisories, what).map((one) => textOf(one, what)),
  }
}

/** The worst of all, where what is outdated in one and badly configured in another is both; the advisories of all. */
export function worstOf(levels: readonly TcbLevel[]): TcbLevel {
  const statuses = levels.map(({ status }) => status)
  const worst = statuses.reduce((a, b) => (worth(b) > worth(a) ? b : a), 'UpToDate')
  const needsConfiguration = statuses.some((status) => status.startsWith('Configuration'))
  const status =
    worst === 'OutOfDate' && needsConfiguration ? 'OutOfDateConfigurationNeeded' : worst
  return {
    status,
    advisories: [...new Set(levels.flatMap(({ advisories }) => advisories))].sort(),
  }
}
