// Whether a text contains one of many words, in one pass whatever their number (Aho and Corasick, 1975); it knows no payloads.

export interface WordOptions {
  readonly caseSensitive: boolean
  /** A word counts only between characters that are no letters, digits or `_`. */
  readonly wholeWords: boolean
}

interface State {
  readonly next: Map<number, State>
  /** Where to go on when no transition fits: the longest proper suffix that begins a word. */
  fallback: State | null
  /** Lengths of the words that end here, of those at the fallbacks too. */
  ends: readonly number[]
}

export function createWordSearch(
  words: readonly string[],
  options: WordOptions,
): (text: string) => boolean {
  const fold = options.caseSensitive ? normal : (text: string) => normal(text).toLowerCase()
  const root = buildTrie(words.map(fold))
  linkFallbacks(root)
  return (given) => {
    const text = fold(given)
    let state = root
    for (let index = 0; index < text.length; index++) {
      state = step(state, text.charCodeAt(index))
      for (const length of state.ends)
        if (!options.wholeWords || standsAlone(text, index + 1 - length, index + 1)) return true
    }
    return false
  }
}

// one spelling for what looks the same: full-width letters, ligatures, composed accents
function normal(text: string): string {
  return text.normalize('NFKC')
}

function buildTrie(words: readonly string[]): State {
  const root = newState()
  for (const word of words) {
    let state = root
    for (let index = 0; index < word.length; index++) {
      const code = word.charCodeAt(index)
      let next = state.next.get(code)
      if (next === undefined) {
        next = newState()
        state.next.set(code, next)
      }
      state = next
    }
    if (state !== root) state.ends = [word.length]
  }
  return root
}

function newState(): State {
  return { next: new Map(), fallback: null, ends: [] }
}

// breadth first: the fallback of a state is nearer to the root and so is complete already
function linkFallbacks(root: State): void {
  const queue: State[] = [root]
  for (const state of queue)
    for (const [code, child] of state.next) {
      child.fallback = state === root ? root : step(state.fallback as State, code)
      child.ends = [...new Set([...child.ends, ...child.fallback.ends])]
      queue.push(child)
    }
}

function step(from: State, code: number): State {
  for (let state: State | null = from; state !== null; state = state.fallback) {
    const next = state.next.get(code)
    if (next !== undefined) return next
    if (state.fallback === null) return state
  }
  return from
}

function standsAlone(text: string, start: number, end: number): boolean {
  return !isWordAt(text, start - 1) && !isWordAt(text, end)
}

const WORD = /[\p{L}\p{N}\p{M}_]/u

function isWordAt(text: string, index: number): boolean {
  const code = text.codePointAt(index)
  if (index < 0 || code === undefined) return false
  // the second half of a pair belongs to the character before it
  const whole = code >= 0xdc00 && code <= 0xdfff ? text.codePointAt(index - 1) : code
  return WORD.test(String.fromCodePoint(whole ?? code))
}
