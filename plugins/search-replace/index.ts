// Replaces texts and patterns, in order, in every text a patch may write; whatever it does not find it leaves as it was.
import { definePlugin, type Hooks, type PluginHost, patch } from 'portcullis/plugin'

interface Replacement {
  readonly search: string
  readonly replace: string
  readonly type: 'literal' | 'regex'
  readonly case_sensitive: boolean
}

interface Config {
  readonly replacements: readonly Replacement[]
  readonly keys: boolean
}

type Replace = (text: string) => string

export default definePlugin<Config>({
  id: 'search-replace',
  setup({ replacements, keys }, host) {
    const steps = replacements.map((replacement, index) => compile(replacement, index, host))
    const replaceAll: Replace = (text) => steps.reduce((made, step) => step(made), text)
    const at = (point: string) => (payload: object) => {
      const fields = host.text.rewrite(point as 'tool_pre_invoke', payload as never, replaceAll, {
        keys,
      })
      return fields && patch(fields)
    }
    return { hooks: Object.fromEntries(host.points.map((point) => [point, at(point)])) as Hooks }
  },
})

/** One short text with many hits and a long replacement would otherwise fill the memory before any limit sees it. */
const MAX_LENGTH = 8 * 1024 * 1024

function compile(replacement: Replacement, index: number, host: PluginHost): Replace {
  const { search, replace, type, case_sensitive: exact } = replacement
  if (type === 'literal' && exact) return (text) => replaceLiteral(text, search, replace)
  const source = type === 'literal' ? quote(search) : search
  const filled = type === 'literal' ? replace.replaceAll('$', '$$$$') : replace
  try {
    const regex = host.match.regex(source, exact ? '' : 'i')
    return (text) => {
      if (!regex.test(text)) return text
      let length = text.length
      for (const match of regex.matchAll(text))
        length = grown(length, filled.length + longest(match, filled))
      return regex.replaceAll(text, filled)
    }
  } catch (error) {
    throw Object.assign(error as Error, { path: ['replacements', index, 'search'] })
  }
}

function replaceLiteral(text: string, search: string, replace: string): string {
  const parts = text.split(search)
  if (parts.length === 1) return text
  grown(text.length, (parts.length - 1) * replace.length)
  return parts.join(replace)
}

// what one `$` of the replacement may bring in, at most
function longest(match: { readonly text: string }, replacement: string): number {
  return match.text.length * (replacement.split('$').length - 1)
}

function grown(length: number, more: number): number {
  if (length + more > MAX_LENGTH)
    throw new RangeError(`a replaced text would be longer than ${MAX_LENGTH} characters`)
  return length + more
}

function quote(text: string): string {
  return text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')
}
