// Whether a URI is written the one way it should be: two spellings of one resource would let a condition see one and a server the other.

const SCHEME = /^[a-z][a-z0-9+.-]*:/
// percent-encoded letters, digits, and - . _ ~ never need to be (RFC 3986 section 6.2.2.2)
const NEEDLESS = /%(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a]|3[0-9]|2d|2e|5f|7e)/i
const DOT_SEGMENT = /(?:^|[/\\])\.\.?(?:[/\\]|$)/
const CONTROL = /[\s\p{Cc}\\]/u
const ENCODED_CONTROL = /%[01][0-9a-f]|%7f/i
const ENCODED = /%[0-9a-f]{2}/gi
const ENCODED_SLASH = /%2f|%5c/gi
// schemes whose host has one spelling for every reader (WHATWG URL, special schemes), and the port that need not be said
const HOSTED = /^(https?|wss?|ftp):\/\/([^/?#]*)/
const DEFAULT_PORT: Readonly<Record<string, string>> = {
  http: ':80',
  ws: ':80',
  https: ':443',
  wss: ':443',
  ftp: ':21',
}

/**
 * What is not normal about a URI (RFC 3986 section 6.2.2), or undefined. For URIs that no server lists: a listed one is known
 * letter by letter, however it is written.
 */
export function abnormality(uri: string): string | undefined {
  if (!SCHEME.test(uri)) return 'its scheme is missing or not in lower case'
  if (CONTROL.test(uri)) return 'it holds white space, control characters or backslashes'
  if (NEEDLESS.test(uri)) return 'it encodes characters that need no encoding'
  if (ENCODED_CONTROL.test(uri)) return 'it encodes control characters'
  if (hasLowerHex(uri)) return 'it encodes with lower-case digits'
  return uri.startsWith('file:') ? abnormalFile(uri.slice('file:'.length)) : abnormalOther(uri)
}

/**
 * A text that is the same for all spellings a server may take for one URI: decoded, in lower case, without dot segments, empty
 * segments, a fragment and what stands for this host. Several URIs may have it: to forbid by, never to allow.
 */
export function looseForm(uri: string): string {
  const text = decoded(uri).toLowerCase()
  const colon = text.indexOf(':')
  const scheme = text.slice(0, colon + 1)
  // what reads files takes the path and nothing after it
  const [rest = ''] = text.slice(colon + 1).split(scheme === 'file:' ? /[?#]/ : '#', 1)
  const segments: string[] = []
  for (const segment of rest.split(/[/\\]+/)) {
    if (segment === '..') segments.pop()
    else if (segment !== '.' && segment !== '' && segment !== 'localhost') segments.push(segment)
  }
  return scheme + segments.join('/')
}

function decoded(uri: string): string {
  return uri.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) =>
    Buffer.from(bytes.replaceAll('%', ''), 'hex').toString(),
  )
}

// the letters of an encoded byte are upper case (RFC 3986 section 6.2.2.1)
function hasLowerHex(uri: string): boolean {
  return [...uri.matchAll(ENCODED)].some(([text]) => text !== text.toUpperCase())
}

// servers take what follows the scheme for a path, some before and some after decoding it: no sign of it may hide another
function abnormalFile(rest: string): string | undefined {
  if (DOT_SEGMENT.test(rest.replace(ENCODED_SLASH, '/'))) return 'it has dot segments'
  if (/%2f|%5c/i.test(rest)) return 'it encodes a slash'
  const [, host] = /^\/\/([^/]*)\//.exec(rest) ?? []
  if (host === undefined) return 'a file is written file:///path'
  if (host !== host.toLowerCase() || host === 'localhost') return 'it names its host another way'
  // a path with an empty segment is the same file again
  return rest.slice(2 + host.length).includes('//') ? 'it has empty path segments' : undefined
}

function abnormalOther(uri: string): string | undefined {
  const [path = ''] = uri.replace(SCHEME, '').split(/[?#]/, 1)
  if (DOT_SEGMENT.test(path.replace(ENCODED_SLASH, '/'))) return 'it has dot segments'
  const [, scheme = '', authority = ''] = HOSTED.exec(uri) ?? []
  if (authority !== authority.toLowerCase() || authority.includes('@'))
    return 'it names its host another way'
  return scheme !== '' && authority.endsWith(DEFAULT_PORT[scheme] ?? '\0')
    ? 'it names a port that need not be named'
    : undefined
}
