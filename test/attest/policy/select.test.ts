// Which policy is for a server: by name, by glob, by tag, and what happens when nobody can say.
import { describe, expect, it } from 'vitest'
import { matchesGlob, selectPolicy } from '../../../src/attest/policy/select.ts'
import { policyOf, tdxPolicy } from './world.ts'

const policy = (id: string, appliesTo?: string) =>
  policyOf(
    tdxPolicy({ rest: appliesTo && `applies_to: { ${appliesTo} }` }).replace('confidential', id),
  )
const chosen = (
  policies: readonly ReturnType<typeof policy>[],
  subject: { names?: string[]; tags?: string[]; policy?: string },
  require: 'all' | 'matched' = 'matched',
) => {
  const found = selectPolicy(policies, { names: ['files'], tags: [], ...subject }, require)
  return 'reason' in found ? `${found.reason} ${found.detail ?? ''}`.trim() : found.policy?.id
}

describe('a policy is for a server', () => {
  it('when the server names it, whatever applies_to says', () => {
    const all = [policy('general', 'servers: ["**"]'), policy('special')]
    expect(chosen(all, { policy: 'special' })).toBe('special')
    expect(chosen(all, {})).toBe('general')
  })

  it('when a name of the server fits a pattern of it', () => {
    const all = [policy('mcp', 'servers: ["spiffe://prod.example/mcp/*"]')]
    expect(chosen(all, { names: ['files', 'spiffe://prod.example/mcp/files'] })).toBe('mcp')
    expect(chosen(all, { names: ['spiffe://prod.example/mcp/a/b'] })).toBeUndefined()
  })

  it('when the server has one of its tags, and fits its names as well where it has both', () => {
    const all = [
      policy('tagged', 'tags: [prod, canary]'),
      policy('both', 'servers: [mail], tags: [lab]'),
    ]
    expect(chosen(all, { tags: ['canary'] })).toBe('tagged')
    expect(chosen(all, { tags: ['lab'] })).toBeUndefined()
    expect(chosen(all, { tags: ['lab'], names: ['mail'] })).toBe('both')
  })

  it('never by an empty list, and never without applies_to', () => {
    const all = [policy('none', 'servers: []'), policy('untagged', 'tags: []'), policy('named')]
    expect(chosen(all, { names: ['none'], tags: ['untagged'] })).toBeUndefined()
  })
})

describe('no policy is for a server', () => {
  it('and it is refused where attestation is required of all', () => {
    expect(chosen([policy('other', 'servers: [mail]')], {}, 'all')).toBe('policy.none')
    expect(chosen([], {}, 'all')).toBe('policy.none')
  })

  it('when it names one that is not there: the gateway does not fall back to another', () => {
    const all = [policy('general', 'servers: ["**"]')]
    expect(chosen(all, { policy: 'special' })).toBe('policy.error no policy special')
  })

  it('when two apply: which one was meant, nobody can say', () => {
    const all = [policy('one', 'servers: ["*"]'), policy('two', 'servers: [files]')]
    expect(chosen(all, {})).toBe(
      'policy.error one and two both apply; name one in servers[].attestation',
    )
  })
})

describe('a pattern', () => {
  it.each([
    ['files', 'files', true],
    ['files', 'files2', false],
    ['*', 'files', true],
    ['*', '', true],
    ['*', 'a/b', false],
    ['**', 'a/b', true],
    ['a/*/c', 'a/b/c', true],
    ['a/*/c', 'a/b/b/c', false],
    ['a/**/c', 'a/b/b/c', true],
    ['*-prod', 'files-prod', true],
    ['f*s-*d', 'files-prod', true],
    ['f*s-*x', 'files-prod', false],
    ['a.b', 'axb', false],
    ['***', 'a/b', true],
  ])('%s and %s: %s', (glob, text, expected) => {
    expect(matchesGlob(glob, text)).toBe(expected)
  })

  it('takes no more time for many stars', () => {
    const begun = performance.now()
    expect(matchesGlob(`${'*a'.repeat(60)}b`, 'a'.repeat(400))).toBe(false)
    expect(performance.now() - begun).toBeLessThan(500)
  })
})
