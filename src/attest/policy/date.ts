// Ends and beginnings that a policy or an anchor states: a day, or a time in UTC; it asks no clock.

/** JSON Schema pattern of the two. */
export const DATE_PATTERN =
  '^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{1,3})?Z)?$'
export const DATE_IN_WORDS = 'a day such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z'

const EXPRESSION = new RegExp(DATE_PATTERN)
const DAY = 86_400_000

/** Milliseconds since the epoch. A day is meant whole: it begins at midnight UTC, and ends a millisecond before the next. */
export function parseDate(text: string, edge: 'begin' | 'end'): number | undefined {
  if (!EXPRESSION.test(text)) return undefined
  const time = Date.parse(text)
  // 2027-02-30 is read as the second of March
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text.slice(0, 10))
    return undefined
  return edge === 'end' && text.length === 10 ? time + DAY - 1 : time
}
