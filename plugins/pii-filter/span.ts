// Places in a text that hold something personal, and the one rule for places that overlap. Data only.

export interface Span {
  readonly kind: string
  readonly start: number
  readonly end: number
}

/** Finds every place of its kind; in time linear in the text, whatever the text is. */
export type Find = (text: string) => readonly Span[]

/** From left to right, none overlapping: the longer one of two that begin together stays, otherwise the earlier one. */
export function settleSpans(spans: readonly Span[]): Span[] {
  const sorted = spans.toSorted((a, b) => a.start - b.start || b.end - a.end)
  const kept: Span[] = []
  for (const span of sorted) {
    const last = kept.at(-1)
    if (last === undefined || span.start >= last.end) kept.push(span)
    // what sticks out of the earlier one is as personal as its beginning
    else if (span.end > last.end) kept[kept.length - 1] = { ...last, end: span.end }
  }
  return kept
}

/** All matches of a vetted, global expression that pass a check. */
export function findAll(
  kind: string,
  pattern: RegExp,
  text: string,
  check?: (found: string, start: number) => boolean,
): Span[] {
  const spans: Span[] = []
  for (const { found, start } of matchesOf(pattern, text))
    if (check === undefined || check(found, start))
      spans.push({ kind, start, end: start + found.length })
  return spans
}

const NONE: readonly Match[] = []

interface Match {
  readonly found: string
  readonly start: number
  readonly groups: readonly (string | undefined)[]
}

/** Like `matchAll`, which copies the expression for every text: that costs more than most searches. */
export function matchesOf(pattern: RegExp, text: string): readonly Match[] {
  pattern.lastIndex = 0
  let matches: Match[] | undefined
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [found, ...groups] = match
    matches ??= []
    matches.push({ found, start: match.index, groups })
    // no expression here matches nothing, and one that did would never end
    if (found === '') pattern.lastIndex++
  }
  return matches ?? NONE
}
