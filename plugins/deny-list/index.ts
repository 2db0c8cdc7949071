// Refuses whatever contains a listed word or pattern, in any text and any member name; it changes nothing and quotes nothing.
import { definePlugin, deny, type Hooks, type PluginHost } from 'portcullis/plugin'
import { createWordSearch } from './words.ts'

interface Config {
  readonly words?: readonly string[]
  readonly patterns?: readonly string[]
  readonly case_sensitive: boolean
  readonly whole_words: boolean
  readonly reason: string
}

export default definePlugin<Config>({
  id: 'deny-list',
  setup(config, host) {
    const listed = compileList(config, host)
    const verdict = deny({ code: 'DENY_LIST', reason: config.reason })
    const options = { keys: true, numbers: true }
    const check =
      (point: string) =>
      (payload: { readonly uri?: string; readonly name?: string; readonly url?: string }) => {
        const target = payload.uri ?? payload.url ?? payload.name
        const found =
          (target !== undefined && listed(target)) ||
          host.text.some(point as 'tool_pre_invoke', payload as never, listed, options) ||
          host.text.some(point as 'tool_pre_invoke', payload as never, listed, {
            ...options,
            fixed: true,
          })
        return found ? verdict : undefined
      }
    return { hooks: Object.fromEntries(host.points.map((point) => [point, check(point)])) as Hooks }
  },
})

function compileList(config: Config, host: PluginHost): (text: string) => boolean {
  const {
    words = [],
    patterns = [],
    case_sensitive: caseSensitive,
    whole_words: wholeWords,
  } = config
  const hasWord =
    words.length === 0 ? () => false : createWordSearch(words, { caseSensitive, wholeWords })
  const expressions = patterns.map((source) => host.match.regex(source, caseSensitive ? '' : 'i'))
  return (text) => hasWord(text) || expressions.some((expression) => expression.test(text))
}
