// Condition texts as matchers: exact, with `*` a glob, between slashes an RE2 expression; it knows no fields and no requests.
import { AppError } from '../base/errors.ts'
import { compileRegex } from './regex.ts'

export type Matcher = (value: string) => boolean

export interface GlobOptions {
  /**
   * `false`, for names: `*` stands for any run of characters. `true`, for URIs and paths: `*` stops at a slash, `**`
   * crosses, and a directory `**` between slashes may be absent. All other characters, `?` and brackets too, mean themselves.
   */
  readonly path: boolean
}

const ANYTHING: Matcher = () => true
const MAX_TEXT = 4096

export function isExact(text: string): boolean {
  return !text.includes('*') && !isRegexText(text)
}

/** Throws CONFIG_INVALID. */
export function compilePattern(text: string, options: GlobOptions): Matcher {
  if (text === '') throw new AppError('CONFIG_INVALID', 'a pattern is empty')
  if (text.length > MAX_TEXT) {
    throw new AppError('CONFIG_INVALID', `a pattern has more than ${MAX_TEXT} characters`)
  }
  if (isRegexText(text)) {
    const regex = compileRegex(text.slice(1, -1))
    return (value) => regex.test(value)
  }
  return compileGlob(text, options)
}

/** One matcher for a list, OR-ed. An empty list matches nothing. Throws CONFIG_INVALID. */
export function compileAnyOf(texts: readonly string[], options: GlobOptions): Matcher {
  const exact = new Set<string>()
  const others: Matcher[] = []
  for (const text of texts) {
    const matcher = compilePattern(text, options)
    if (matcher === ANYTHING) return ANYTHING
    if (isExact(text)) exact.add(text)
    else others.push(matcher)
  }
  const [only, second] = others
  if (only === undefined) {
    const [single, more] = exact
    if (single !== undefined && more === undefined) return (value) => value === single
    return (value) => exact.has(value)
  }
  if (exact.size === 0 && second === undefined) return only
  return (value) => {
    if (exact.has(value)) return true
    for (const matches of others) if (matches(value)) return true
    return false
  }
}

export function compileGlob(text: string, options: GlobOptions): Matcher {
  if (!text.includes('*')) return (value) => value === text
  if (!options.path) return /^\*+$/.test(text) ? ANYTHING : nameGlob(text)
  return text === '**' ? ANYTHING : pathGlob(text)
}

// `/x/` is an expression; one slash, or a path such as /etc/passwd, is not
function isRegexText(text: string): boolean {
  return text.length > 2 && text.startsWith('/') && text.endsWith('/')
}

// a prefix, a suffix and in between the literals in order, each at its first place: leftmost is always right
function nameGlob(text: string): Matcher {
  const parts = text.split('*')
  const prefix = parts[0] ?? ''
  const suffix = parts.at(-1) ?? ''
  const middle = parts.slice(1, -1).filter((part) => part !== '')
  const least = prefix.length + suffix.length
  if (middle.length === 0) {
    return (value) => value.length >= least && value.startsWith(prefix) && value.endsWith(suffix)
  }
  return (value) => {
    if (value.length < least || !value.startsWith(prefix) || !value.endsWith(suffix)) return false
    const end = value.length - suffix.length
    let from = prefix.length
    for (const part of middle) {
      const at = value.indexOf(part, from)
      if (at < 0) return false
      from = at + part.length
    }
    return from <= end
  }
}

function pathGlob(text: string): Matcher {
  const [, prefix = '', stars, suffix = ''] = /^([^*]*)(\*+)([^*]*)$/.exec(text) ?? []
  // `/**/` may be absent with one of its slashes
  if (stars === undefined || (stars.length > 1 && prefix.endsWith('/') && suffix.startsWith('/')))
    return pathRegex(text)
  const least = prefix.length + suffix.length
  const across = stars.length > 1
  return (value) => {
    if (value.length < least || !value.startsWith(prefix) || !value.endsWith(suffix)) return false
    const slash = across ? -1 : value.indexOf('/', prefix.length)
    return slash === -1 || slash >= value.length - suffix.length
  }
}

// several runs of stars: about 400 ns, ten times what one costs above
function pathRegex(text: string): Matcher {
  let source = ''
  for (let index = 0; index < text.length; ) {
    if (text.startsWith('/**/', index)) {
      source += '/(?:.*/)?'
      index += 4
    } else if (text.startsWith('**', index)) {
      source += '.*'
      while (text[index] === '*') index++
    } else {
      source += text[index] === '*' ? '[^/]*' : quote(text[index] ?? '')
      index++
    }
  }
  const regex = compileRegex(`^${source}$`, 's', MAX_TEXT * 8)
  const literal = text.slice(0, text.indexOf('*'))
  return (value) => value.startsWith(literal) && regex.test(value)
}

function quote(character: string): string {
  return /[\\^$.|?*+()[\]{}]/.test(character) ? `\\${character}` : character
}
