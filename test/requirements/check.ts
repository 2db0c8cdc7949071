// What is wrong with a table of requirements, given the tests there are and the points that fire. Reads no file.
import type { PointName } from '../../src/points/table.ts'
import { isDeclared, type TestName } from './citations.ts'
import { FEATURES, type Requirement, sectionNumber } from './requirement.ts'

export interface TestFile {
  readonly tests: readonly TestName[]
  /** Where the parts of names that come from rows must occur. */
  readonly words: string
}

export interface Known {
  readonly files: ReadonlyMap<string, TestFile>
  readonly wired: readonly PointName[]
}

/** One line per mistake. */
export function mistakes(requirements: readonly Requirement[], known: Known): string[] {
  const ids = new Set<string>()
  return requirements.flatMap((requirement) => {
    const { id, section } = requirement
    const twice = ids.has(id)
    ids.add(id)
    return [
      ...(twice ? ['this id is taken'] : []),
      ...(id.startsWith(`H${sectionNumber(section)}-`) ? [] : [`is not in section ${section}`]),
      ...('later' in requirement ? overdue(requirement.later, known) : []),
      ...('tests' in requirement ? unproven(requirement.tests, known) : []),
      ...('tests' in requirement === 'later' in requirement ? ['has either tests or later'] : []),
    ].map((what) => `${id}: ${what}`)
  })
}

function overdue(later: keyof typeof FEATURES, { wired }: Known): string[] {
  const points: readonly PointName[] | undefined = FEATURES[later]
  if (!points) return [`waits for ${later}, which is no feature`]
  return points
    .filter((point) => wired.includes(point))
    .map((point) => `waits for ${later}, but ${point} fires`)
}

/** What is wrong with the tests of one requirement. */
export function unproven(citations: readonly string[], { files }: Known): string[] {
  if (citations.length === 0) return ['has no test']
  return citations.flatMap((citation) => {
    const [path = '', ...names] = citation.split(' > ')
    const file = files.get(path)
    if (!file) return [`there is no ${path}`]
    return isDeclared(names.join(' > '), file.tests, file.words)
      ? []
      : [`there is no test ${citation}`]
  })
}
