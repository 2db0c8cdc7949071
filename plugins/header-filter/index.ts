// Removes, sets or allow-lists headers; it looks at names only and never logs a value.
import { definePlugin, patch } from 'portcullis/plugin'

type Headers = Readonly<Record<string, string>>

interface Config {
  readonly allow?: readonly string[]
  readonly remove?: readonly string[]
  readonly set?: Headers
}

export default definePlugin<Config>({
  id: 'header-filter',
  setup({ allow, remove, set }, host) {
    const allowed = allow === undefined ? () => true : host.match.anyOf(allow)
    const removed = remove === undefined ? () => false : host.match.anyOf(remove)
    const added = Object.entries(set ?? {})
    const filter = ({ headers }: { readonly headers: Headers }) => {
      const next = new Map<string, string>()
      for (const [name, value] of Object.entries(headers)) {
        const plain = name.toLowerCase()
        if (allowed(plain) && !removed(plain)) next.set(name, value)
      }
      for (const [name, value] of added) {
        // the same header in another spelling would be sent beside it
        for (const other of next.keys()) if (other.toLowerCase() === name) next.delete(other)
        next.set(name, value)
      }
      return same(headers, next) ? undefined : patch({ headers: Object.fromEntries(next) })
    }
    const all = { http_pre_request: filter, http_post_request: filter, tool_pre_invoke: filter }
    return { hooks: all }
  },
})

function same(before: Headers, after: ReadonlyMap<string, string>): boolean {
  const names = Object.keys(before)
  return names.length === after.size && names.every((name) => after.get(name) === before[name])
}
