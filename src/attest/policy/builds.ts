// What matched reference values say of the build (image, kernel, firmware) against what a policy asks of it.
import { Denial } from '../denial.ts'
import type { Builds, ReferenceValue } from './policy.ts'

/**
 * Each thing that is asked must be said by a reference value that matched; one that says nothing of it does not count, and
 * one that says something else refuses. Throws `evidence.build_refused`.
 */
export function appraiseBuilds(
  builds: Builds | undefined,
  matched: readonly string[],
  references: Readonly<Record<string, ReferenceValue>>,
): void {
  if (builds === undefined) return
  const said = matched.flatMap((id) => (Object.hasOwn(references, id) ? [references[id]] : []))
  const ask = (member: 'imageDigest' | 'kernel' | 'firmware', what: string) => {
    const values = said.flatMap((reference) => reference?.[member] ?? [])
    if (values.length === 0)
      throw new Denial('evidence.build_refused', `no matched reference value says the ${what}`)
    return values
  }
  const { imageDigests, kernel, firmware } = builds
  if (imageDigests && !ask('imageDigest', 'image').every((digest) => imageDigests.includes(digest)))
    throw new Denial('evidence.build_refused', 'the image is not listed')
  for (const [least, member] of [
    [kernel, 'kernel'],
    [firmware, 'firmware'],
  ] as const)
    if (least !== undefined && ask(member, member).some((version) => isOlder(version, least)))
      throw new Denial('evidence.build_refused', `the ${member} is older than ${least}`)
}

/** By their numbers, from the left; what is missing counts as 0. */
function isOlder(version: string, than: string): boolean {
  const [mine, theirs] = [version, than].map((text) => text.split('.').map(Number))
  for (let at = 0; at < Math.max(mine?.length ?? 0, theirs?.length ?? 0); at++) {
    const difference = (mine?.[at] ?? 0) - (theirs?.[at] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}
