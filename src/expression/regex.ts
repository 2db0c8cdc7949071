// Regular expressions from configuration, in RE2 syntax and linear time; it never hands a text to the engine's own RegExp.
import { createRequire } from 'node:module'
import type { RE2JS } from 're2js'
import { AppError, messageOf } from '../base/errors.ts'

export interface RegexMatch {
  readonly index: number
  readonly text: string
  /** Group 1 is at index 0; a group that took no part is undefined. */
  readonly groups: readonly (string | undefined)[]
  readonly named: Readonly<Record<string, string | undefined>>
}

/** A compiled expression without state: two calls never see each other. */
export interface Regex {
  readonly source: string
  readonly flags: string
  test(text: string): boolean
  /** The first match, at or after `from`. */
  exec(text: string, from?: number): RegexMatch | null
  /** Every match from left to right, none overlapping; found as they are asked for. */
  matchAll(text: string): IterableIterator<RegexMatch>
  /** `$1`, `$<name>`, `$&` and `$$` in a replacement text mean what they mean in JavaScript. */
  replaceAll(text: string, replacement: string | ((match: RegexMatch) => string)): string
}

// beyond this a program is a mistake: 64 alternatives of 30 characters are about 2,000 instructions
const MAX_INSTRUCTIONS = 20_000

type Package = typeof import('re2js')
const require = createRequire(import.meta.url)
let loaded: Package['RE2JS'] | undefined

// loaded with the first expression: exact texts and globs do without
function re2(): Package['RE2JS'] {
  loaded ??= (require('re2js') as Package).RE2JS
  return loaded
}

const FLAGS: Readonly<Record<string, (engine: Package['RE2JS']) => number>> = {
  i: (engine) => engine.CASE_INSENSITIVE,
  m: (engine) => engine.MULTILINE,
  s: (engine) => engine.DOTALL,
  // JavaScript's g and u are how every expression here works
  g: () => 0,
  u: () => 0,
}

/** Throws CONFIG_INVALID when RE2 does not accept the expression. */
export function compileRegex(source: string, flags = '', maxLength = 4096): Regex {
  if (source.length > maxLength) {
    throw invalid(source, `it has ${source.length} characters, more than ${maxLength}`)
  }
  const engine = compileEngine(source, flags)
  const names = Object.entries(engine.namedGroups() as Record<string, number>)

  const found = (matcher: Matcher): RegexMatch => {
    const groups: (string | undefined)[] = []
    for (let group = 1; group <= matcher.groupCount(); group++) {
      groups.push(matcher.group(group) ?? undefined)
    }
    const named: Record<string, string | undefined> = {}
    for (const [name, group] of names) named[name] = groups[group - 1]
    return { index: matcher.start(), text: matcher.group() ?? '', groups, named }
  }

  function* matchAll(text: string): IterableIterator<RegexMatch> {
    const matcher = engine.matcher(text)
    while (matcher.find()) yield found(matcher)
  }

  return {
    source,
    flags,
    test: (text) => engine.test(text),
    exec(text, from = 0) {
      const matcher = engine.matcher(text)
      return from <= text.length && matcher.find(from) ? found(matcher) : null
    },
    matchAll,
    replaceAll(text, replacement) {
      let replaced = ''
      let end = 0
      for (const match of matchAll(text)) {
        replaced += text.slice(end, match.index)
        replaced +=
          typeof replacement === 'string' ? expand(replacement, match) : replacement(match)
        end = match.index + match.text.length
      }
      return end === 0 && replaced === '' ? text : replaced + text.slice(end)
    },
  }
}

type Matcher = ReturnType<RE2JS['matcher']>

function compileEngine(source: string, flags: string): RE2JS {
  let bits = 0
  for (const flag of flags) {
    const bit = FLAGS[flag]?.(re2())
    if (bit === undefined) throw invalid(source, `the flag ${flag} is not one of i, m, s`)
    bits |= bit
  }
  let engine: RE2JS
  try {
    engine = re2().compile(source, bits)
  } catch (error) {
    throw invalid(source, reasonOf(source, messageOf(error)), error)
  }
  if (engine.programSize() > MAX_INSTRUCTIONS) throw invalid(source, 'it is too large')
  return engine
}

const LOOKAROUND = /\(\?<?[=!]/
const BACKREFERENCE = /(?<!\\)(?:\\\\)*\\(?:[1-9]|k<)/

function reasonOf(source: string, message: string): string {
  if (LOOKAROUND.test(source)) return 'lookahead and lookbehind do not exist in RE2'
  if (BACKREFERENCE.test(source)) return 'backreferences do not exist in RE2; use (?:...) twice'
  return message.replace(/^error parsing regexp: /, '')
}

function invalid(source: string, reason: string, cause?: unknown): AppError {
  const shown = source.length > 80 ? `${source.slice(0, 80)}…` : source
  return new AppError('CONFIG_INVALID', `the expression /${shown}/ is not valid: ${reason}`, {
    cause,
  })
}

// one pass over the replacement, never over what a group brought in
function expand(replacement: string, match: RegexMatch): string {
  return replacement.replace(
    /\$(?:(\$)|(&)|(\d{1,2})|<([^>]*)>)/g,
    (all, dollar, whole, digits, name) => {
      if (dollar) return '$'
      if (whole) return match.text
      if (name !== undefined) return match.named[name] ?? ''
      const group = Number(digits)
      return group >= 1 && group <= match.groups.length ? (match.groups[group - 1] ?? '') : all
    },
  )
}
