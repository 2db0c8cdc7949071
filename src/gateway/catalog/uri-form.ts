// Whether a URI is written the one way it should be: two spellings of one resource would let a condition see one and a server the other.

const SCHEME = /^[a-z][a-z0-9+.-]*:/
// percent-encoded letters, digits, and - . _ ~ never need to be (RFC 3986 section 6.2.2.2)
const NEEDLESS = /%(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a]|3[0-9]|2d|2e|5f|7e)/i
const DOT_SEGMENT = /(?:^|[/\\])\.\.?(?:[/\\]|$)/
const CONTROL = /[\s\p{Cc}\\]/u

/**
 * What is not normal about a URI (RFC 3986 section 6.2.2), or undefined. For URIs that no server lists: a listed one is known
 * letter by letter, however it is written.
 */
export function abnormality(uri: string): string | undefined {
  if (!SCHEME.test(uri)) return 'its scheme is missing or not in lower case'
  if (CONTROL.test(uri)) return 'it holds white space, control characters or backslashes'
  if (NEEDLESS.test(uri)) return 'it encodes characters that need no encoding'
  const [path = ''] = uri.replace(SCHEME, '').split(/[?#]/, 1)
  if (DOT_SEGMENT.test(path)) return 'it has dot segments'
  // of files a path with an empty segment is the same file again
  if (uri.startsWith('file:') && path.replace(/^\/\/[^/]*/, '').includes('//'))
    return 'it has empty path segments'
  return undefined
}
