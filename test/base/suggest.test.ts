// "Did you mean": near words are offered, far ones are not.
import { describe, expect, it } from 'vitest'
import { suggest } from '../../src/base/suggest.ts'

const KEYS = ['servers', 'plugins', 'policies', 'listen', 'limits', 'port', 'on']

describe('a suggestion', () => {
  it.each([
    ['server', 'servers'],
    ['pluigns', 'plugins'],
    ['polices', 'policies'],
    ['Listen', 'listen'],
    ['prt', 'port'],
    ['o', undefined],
  ])('for %j is %j', (word, known) => {
    expect(suggest(word, KEYS)).toBe(known)
  })

  it('is nothing when no known word is near', () => {
    expect(suggest('telemetry', KEYS)).toBeUndefined()
    expect(suggest('x', KEYS)).toBeUndefined()
    expect(suggest('', KEYS)).toBeUndefined()
    expect(suggest('servers', [])).toBeUndefined()
  })

  it('is the nearest of several, and the first of equals', () => {
    expect(suggest('limit', ['list', 'limits'])).toBe('limits')
    expect(suggest('cat', ['bat', 'rat'])).toBe('bat')
  })

  it('allows a long word more slips than a short one', () => {
    expect(suggest('max_conections_pre_hst', ['max_connections_per_host'])).toBe(
      'max_connections_per_host',
    )
  })
})
