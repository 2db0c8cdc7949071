// Words for anything a plugin threw; it decides nothing and never throws itself.

const MAX_TEXT = 300

/** One bounded line about anything thrown; its getters and proxies are the plugin's and may throw again. */
export function textOf(error: unknown): string {
  let text: unknown
  try {
    text = error instanceof Error ? unquoted(error) : `threw ${whatIs(error)}`
  } catch {
    text = undefined
  }
  if (typeof text !== 'string') return 'threw an error that cannot be read'
  const line = text.slice(0, MAX_TEXT).replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
  return text.length > MAX_TEXT ? `${line}…` : line
}

// what JSON.parse says of a text quotes it, and the text may be a payload
const NOT_JSON = ' is not valid JSON'

function unquoted({ message }: Error): unknown {
  if (typeof message !== 'string' || !message.endsWith(NOT_JSON)) return message
  return `${message.slice(0, message.indexOf('"'))}what was parsed${NOT_JSON}`
}

function whatIs(error: unknown): string {
  if (typeof error === 'string') return error
  if (error === null || typeof error !== 'object') return String(error)
  return Array.isArray(error) ? 'an array' : 'an object that is no error'
}
