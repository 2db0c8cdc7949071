// "Did you mean": the nearest of the known words to one that is not known.

/**
 * The known word with the smallest edit distance, if it is near enough to be a slip of the hand: two letters or a third of
 * the word, and never all of it.
 */
export function suggest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  const most = Math.max(Math.min(2, word.length - 1), Math.floor(word.length / 3))
  let bestDistance = most + 1
  const wanted = word.toLowerCase()
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase(), bestDistance)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

// Levenshtein with two rows, given up once a whole row is at or above the limit
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    let least = i
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      const value = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + cost)
      row.push(value)
      if (value < least) least = value
    }
    if (least >= limit) return limit
    previous = row
  }
  return previous[b.length]!
}
