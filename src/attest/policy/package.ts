// Whether a measured command is one that the policy lists; measuring it is not done here.
import { Denial } from '../denial.ts'
import type { AllowList } from '../evidence/evidence.ts'
import type { PackagePolicy } from './policy.ts'

/** What is started for a server: digests of files, taken by the gateway itself. */
export interface PackageMeasurement {
  /** `sha256:<hex>`; undefined: it cannot be measured, for the reason given. */
  readonly command?: string
  readonly unmeasured?: string
  /** Arguments that are files, by their position. */
  readonly files: readonly { readonly argument: number; readonly digest: string }[]
}

/** Ids of the reference values that matched. Throws `package.unmeasured` or `package.unlisted`. */
export function appraisePackage(
  measured: PackageMeasurement | undefined,
  policy: PackagePolicy,
  now: number,
): readonly string[] {
  if (measured?.command === undefined)
    throw new Denial('package.unmeasured', measured?.unmeasured ?? 'it has no command')
  const matched = [listed(policy.command, measured.command, 'command', now)]
  for (const { argument, digest } of measured.files)
    matched.push(listed(policy.files, digest, `argument ${argument}`, now))
  return matched
}

function listed(list: AllowList, digest: string, what: string, now: number): string {
  const entry = Object.hasOwn(list, digest) ? list[digest] : undefined
  if (entry === undefined) throw new Denial('package.unlisted', what)
  if (entry.notAfter !== undefined && now > entry.notAfter)
    throw new Denial('package.unlisted', `${what}: its reference value is over`)
  return entry.id
}
