// One URL is one name to policies, however it is spelt.
import { describe, expect, it } from 'vitest'
import { matchesGlob } from '../../../src/attest/policy/select.ts'
import { namesOf } from '../../../src/attest/service/names.ts'

const named = (url: string) => namesOf({ name: 'files', id: 'files', url } as never)
const isUnder = (glob: string, url: string) => named(url).some((name) => matchesGlob(glob, name))

describe('the names of a server', () => {
  it.each([
    'https://files.example/mcp',
    'https://FILES.example/mcp',
    'https://files.example:443/mcp',
    'https://files.example./mcp',
    'https://files%2eexample/mcp',
    'https://files.example\\mcp',
    'https://files.example/a/../mcp',
    'https://ﬁles.example/mcp',
  ])('%s is under the policy for files.example', (url) => {
    expect(isUnder('https://files.example/*', url)).toBe(true)
  })

  it('do not hold what only seems to lead somewhere', () => {
    expect(isUnder('https://*.dev.example/**', 'https://evil.example\\.dev.example/x')).toBe(false)
  })

  it('are with and without the slash of a host alone', () => {
    for (const url of ['https://files.example', 'https://files.example/'])
      for (const glob of ['https://files.example', 'https://files.example/'])
        expect([url, glob, isUnder(glob, url)]).toEqual([url, glob, true])
  })

  it('are its name and its id, once each, where it has no URL', () => {
    expect(namesOf({ name: 'a', id: 'spiffe://x/a', url: undefined } as never)).toEqual([
      'a',
      'spiffe://x/a',
    ])
  })
})
