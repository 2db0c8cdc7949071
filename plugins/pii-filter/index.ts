// Finds personal data and secrets in everything that may be written, and redacts, masks, hashes or blocks them; it logs none of it.
import { randomBytes } from 'node:crypto'
import { definePlugin, deny, type Hooks, type PluginHost, patch } from 'portcullis/plugin'
import { findAddresses, findEmails, findPhones } from './contacts.ts'
import { findCards, findIbans, findSsns } from './numbers.ts'
import { type Action, createSubstitutes } from './replace.ts'
import { findSecrets } from './secrets.ts'
import { type Find, settleSpans } from './span.ts'

interface Config {
  readonly detect: readonly string[]
  readonly action: Action
  readonly actions: Readonly<Record<string, Action>>
  readonly hash_key?: string
  readonly custom: readonly {
    readonly name: string
    readonly pattern: string
    readonly case_sensitive: boolean
  }[]
  readonly allow: readonly string[]
}

// of two kinds at the same place the one with check digits counts, so the strictest come first
const BUILT_IN: Readonly<Record<string, Find>> = {
  secret: findSecrets,
  credit_card: findCards,
  iban: findIbans,
  ssn: findSsns,
  email: findEmails,
  ip: findAddresses,
  phone: findPhones,
}

export default definePlugin<Config>({
  id: 'pii-filter',
  setup(config, host) {
    const finders = findersOf(config, host)
    // nothing we look for is shorter; what you look for may be
    const shortest = config.custom.length > 0 ? 1 : 4
    const actionOf = actionsOf(config)
    const substitutes = createSubstitutes(config.hash_key ?? randomBytes(32))
    const allowed = config.allow.length === 0 ? () => false : host.match.anyOf(config.allow)

    const holds = (text: string): boolean =>
      finders.some((find) => find(text).some(({ start, end }) => !allowed(text.slice(start, end))))

    const at = (point: string) => (payload: object) => {
      const blocked = new Set<string>()
      const replace = (text: string): string => {
        if (text.length < shortest) return text
        const spans = settleSpans(finders.flatMap((find) => find(text)))
        let made = ''
        let end = 0
        for (const span of spans) {
          const found = text.slice(span.start, span.end)
          if (allowed(found)) continue
          host.metrics.count(`found_${span.kind}`)
          const action = actionOf(span.kind)
          if (action === 'block') blocked.add(span.kind)
          else made += text.slice(end, span.start) + substitutes[action](span.kind, found)
          if (action !== 'block') end = span.end
        }
        return end === 0 ? text : made + text.slice(end)
      }
      const options = { keys: true, numbers: true }
      const fields = host.text.rewrite(
        point as 'tool_pre_invoke',
        payload as never,
        replace,
        options,
      )
      if (
        host.text.some(point as 'tool_pre_invoke', payload as never, holds, {
          ...options,
          fixed: true,
        })
      )
        return UNREACHABLE
      if (blocked.size > 0) return blockedBy([...blocked])
      return fields && patch(fields)
    }

    return { hooks: Object.fromEntries(host.points.map((point) => [point, at(point)])) as Hooks }
  },
})

function findersOf({ detect, custom }: Config, host: PluginHost): Find[] {
  const own = custom.map(({ name, pattern, case_sensitive: exact }, index): Find => {
    try {
      const regex = host.match.regex(pattern, exact ? '' : 'i')
      return (text) =>
        [...regex.matchAll(text)]
          .filter((match) => match.text !== '')
          .map((match) => ({
            kind: name,
            start: match.index,
            end: match.index + match.text.length,
          }))
    } catch (error) {
      throw Object.assign(error as Error, { path: ['custom', index, 'pattern'] })
    }
  })
  const known = Object.entries(BUILT_IN).filter(([kind]) => detect.includes(kind))
  return [...known.map(([, find]) => find), ...own]
}

function actionsOf({ action, actions, detect, custom }: Config): (kind: string) => Action {
  const kinds = [...detect, ...custom.map(({ name }) => name)]
  for (const kind of Object.keys(actions))
    if (!kinds.includes(kind))
      throw Object.assign(new TypeError(`actions: "${kind}" is not looked for`), {
        path: ['actions', kind],
      })
  const byKind = new Map(Object.entries(actions))
  return (kind) => byKind.get(kind) ?? action
}

// what cannot be redacted is not let through
const UNREACHABLE = deny({
  code: 'PII_UNREACHABLE',
  reason: 'the result holds something that may not pass here, where it cannot be redacted',
})

function blockedBy(kinds: readonly string[]) {
  return deny({
    code: 'PII_FOUND',
    reason: `the content holds something that may not pass here: ${kinds.join(', ')}`,
    details: { kinds },
  })
}
