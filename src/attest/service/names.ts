// What policies know a server by: its name, its id, and its URL in the one spelling that says where it leads; it selects nothing.
import type { AttestedServer } from './server.ts'

/**
 * Two spellings of one URL must not be under two policies: case, default port, escapes and a trailing dot of the host are no difference.
 * As it was written it counts too, unless it is written so that it seems to lead elsewhere.
 */
export function namesOf({ name, id, url }: AttestedServer): readonly string[] {
  return [...new Set([name, id, ...(url === undefined ? [] : urlsOf(url))])]
}

function urlsOf(text: string): readonly string[] {
  const url = URL.parse(text)
  if (!url) return [text]
  const host = url.hostname.replace(/\.$/, '')
  const port = url.port === '' ? '' : `:${url.port}`
  const rest = `${url.pathname}${url.search}`
  const place = `${url.protocol}//${host}${port}`
  // a backslash is a slash to URLs, and none to patterns
  const written = text.includes('\\') ? [] : [text]
  return rest === '/' ? [...written, place, `${place}/`] : [...written, `${place}${rest}`]
}
