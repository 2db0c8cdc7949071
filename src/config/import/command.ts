// Splits a command written as one line into program and arguments, as a POSIX shell would quote but without ever being one.

export type SplitCommand =
  | { readonly words: readonly [string, ...string[]] }
  | { readonly refused: string }

// what a shell would act on; taking it literally would run something else than the writer saw work
const META: Readonly<Record<string, string>> = {
  '|': 'a pipe',
  '&': 'a background or "and" operator',
  ';': 'a command separator',
  '<': 'a redirection',
  '>': 'a redirection',
  '(': 'a subshell',
  ')': 'a subshell',
  '`': 'a command substitution',
  '\n': 'a line break',
}

/** Quotes and backslashes as in POSIX section 2.2; anything only a shell can do is refused with the reason. */
export function splitCommand(line: string): SplitCommand {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let index = 0; index < line.length; index++) {
    const char = line[index] as string
    const next = line[index + 1]
    const refusal = quote === "'" ? undefined : refused(char, next, quote, word, line.slice(index))
    if (refusal !== undefined) return { refused: refusal }
    if (quote !== '' && char === quote) quote = ''
    else if (quote === "'") word = (word ?? '') + char
    else if (quote === '' && (char === "'" || char === '"')) {
      quote = char
      word ??= ''
    } else if (char === '\\' && isEscaped(next, quote)) {
      word = (word ?? '') + next
      index++
    } else if (quote === '' && (char === ' ' || char === '\t')) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + char
  }
  if (quote !== '') return { refused: `the quote ${quote} is not closed` }
  if (word !== undefined) words.push(word)
  return check(words)
}

// inside double quotes a backslash escapes only what is special there
function isEscaped(next: string | undefined, quote: string): next is string {
  return next !== undefined && (quote === '' || '$`"\\'.includes(next))
}

function refused(
  char: string,
  next: string | undefined,
  quote: string,
  word: string | undefined,
  rest: string,
): string | undefined {
  if (char === '$' && !rest.startsWith(`\${env:`) && !rest.startsWith(`\${file:`)) {
    if (next === '(')
      return 'it has $(...), a command substitution, and there is no shell to run it'
    if (next !== undefined && /[A-Za-z_{]/.test(next))
      return `it has a shell variable; write \${env:NAME}`
  }
  if (char === '`') return needsShell(char)
  if (quote !== '') return undefined
  if (char in META) return needsShell(char)
  if (char === '\\' && next === undefined) return 'it ends in a backslash'
  if (char === '\\' && next !== undefined && /[A-Za-z0-9]/.test(next))
    return 'it has a backslash before a letter; quote the path'
  if (char === '~' && word === undefined && (next === undefined || next === '/'))
    return '"~" is not expanded; write the path out'
  if (char === '#' && word === undefined) return 'it has a comment'
  return undefined
}

function needsShell(char: string): string {
  return `it has ${JSON.stringify(char)}, ${META[char]}, and there is no shell to run it; quote it if it belongs to an argument`
}

function check(words: readonly string[]): SplitCommand {
  const [program, ...rest] = words
  if (program === undefined || program === '') return { refused: 'it is empty' }
  if (/^[A-Za-z_][A-Za-z0-9_]*=/.test(program))
    return { refused: `it starts with a variable; put ${program.split('=')[0]} under env` }
  return { words: [program, ...rest] }
}
