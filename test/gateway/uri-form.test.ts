// The one spelling of a URI that conditions and servers agree on.
import { describe, expect, it } from 'vitest'
import { abnormality } from '../../src/gateway/catalog/uri-form.ts'

describe('a URI that no server lists', () => {
  it.each([
    'file:///srv/a.txt',
    'file://host/srv/a.txt',
    'test://static-text',
    'demo://resource/static/1',
    'urn:isbn:0451450523',
    'https://example.com/a/%20b?path=../c#./d',
  ])('is taken in normal form: %s', (uri) => {
    expect(abnormality(uri)).toBeUndefined()
  })

  it.each([
    ['FILE:///srv/a', 'its scheme is missing or not in lower case'],
    ['../etc/passwd', 'its scheme is missing or not in lower case'],
    ['file:///srv/../etc/passwd', 'it has dot segments'],
    ['file:///srv/..', 'it has dot segments'],
    ['file:///srv/./a', 'it has dot segments'],
    ['file:///srv/%2e%2E/etc/passwd', 'it encodes characters that need no encoding'],
    ['file:///s%72v/a', 'it encodes characters that need no encoding'],
    ['file:///srv\\..\\etc', 'it holds white space, control characters or backslashes'],
    ['file:///srv/a\n', 'it holds white space, control characters or backslashes'],
    ['file:///srv//a', 'it has empty path segments'],
    ['file:////srv/a', 'it has empty path segments'],
  ])('is refused in another spelling: %s', (uri, why) => {
    expect(abnormality(uri)).toBe(why)
  })
})
