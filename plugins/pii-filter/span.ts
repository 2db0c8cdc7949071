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

/** All matches of a vetted expression that pass a check. */
export function findAll(
  kind: string,
  pattern: RegExp,
  text: string,
  check?: (found: string, start: number) => boolean,
): Span[] {
  const spans: Span[] = []
  for (const match of text.matchAll(pattern)) {
    const [found] = match
    if (found !== '' && (check === undefined || check(found, match.index)))
      spans.push({ kind, start: match.index, end: match.index + found.length })
  }
  return spans
}
