// `WWW-Authenticate` and the metadata of the resource, as texts and documents.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../src/base/errors.ts'
import { challengeOf, stepUp, wwwAuthenticate } from '../../src/identity/oauth/challenge.ts'
import {
  metadataAddress,
  metadataPaths,
  resourceMetadata,
} from '../../src/identity/oauth/metadata.ts'
import { lacksScopes, limited, required } from '../../src/identity/refusal.ts'
import { section } from './gate.ts'

const METADATA = 'https://gateway.example.com/.well-known/oauth-protected-resource/mcp'

describe('the challenge', () => {
  it('to whoever has no credentials names no error, but where to get them and what for', () => {
    expect(challengeOf(required(['mcp', 'tools']), METADATA)).toBe(
      `Bearer scope="mcp tools", resource_metadata="${METADATA}"`,
    )
    expect(challengeOf(required([]))).toBe('Bearer')
  })

  it('for credentials that are not valid says so', () => {
    const fault = new AppError('AUTH_INVALID', 'the token has expired', {
      data: { error: 'invalid_token' },
    })
    expect(challengeOf(fault, METADATA)).toBe(
      `Bearer error="invalid_token", error_description="the token has expired", resource_metadata="${METADATA}"`,
    )
  })

  it('for scopes that are missing names all that the operation needs', () => {
    expect(challengeOf(lacksScopes(['mcp', 'tools']), METADATA)).toBe(
      `Bearer error="insufficient_scope", error_description="the token lacks a scope that every token must have", scope="mcp tools", resource_metadata="${METADATA}"`,
    )
    const decision = { allowed: false, reason: 'it needs a scope', scopes: ['mcp', 'a'] } as const
    expect(stepUp(decision)).toBe(
      'Bearer error="insufficient_scope", error_description="it needs a scope", scope="mcp a"',
    )
  })

  it('is not for what credentials do not cure', () => {
    expect(challengeOf(limited(100), METADATA)).toBeUndefined()
    expect(stepUp({ allowed: false, reason: 'no role' })).toBeUndefined()
    expect(stepUp({ allowed: true })).toBeUndefined()
  })

  it('cannot be broken out of, whatever it is given', () => {
    const form =
      /^Bearer(?: (?:error|error_description|scope|resource_metadata)="[\x20\x21\x23-\x5b\x5d-\x7e]*"(?:,(?= \w)|$))*$/
    const text = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(text, fc.array(text), text, (description, scopes, resourceMetadata) => {
        expect(wwwAuthenticate({ description, scopes, resourceMetadata })).toMatch(form)
      }),
    )
    expect(
      wwwAuthenticate({
        description: 'a "b" \\ c\r\nSet-Cookie: x',
        scopes: ['a b', 'c"', 'd'],
        resourceMetadata: 'https://x/"',
      }),
    ).toBe(`Bearer error_description="a 'b' ? c??Set-Cookie: x", scope="d"`)
  })
})

describe('the metadata of the resource', () => {
  const issuers = [{ issuer: 'https://idp.example.com' }, { issuer: 'https://b.example.com' }]
  const audience = 'https://gateway.example.com/mcp'

  it('says who issues tokens for it, and for which scopes', async () => {
    const { oauth } = await section({
      oauth: {
        audience,
        issuers,
        required_scopes: ['mcp'],
        scopes: { 'mcp:tool.call': 'tools', 'mcp:prompt.*': 'mcp' },
        metadata: { name: 'Tools', documentation: 'https://example.com/docs' },
      },
    })
    if (oauth === undefined) throw new Error('no section')
    expect(resourceMetadata(oauth)).toEqual({
      resource: audience,
      authorization_servers: ['https://idp.example.com', 'https://b.example.com'],
      bearer_methods_supported: ['header'],
      scopes_supported: ['mcp', 'tools'],
      resource_name: 'Tools',
      resource_documentation: 'https://example.com/docs',
    })
  })

  it('says no more than is known', async () => {
    const { oauth } = await section({ oauth: { audience, issuers } })
    if (oauth === undefined) throw new Error('no section')
    expect(Object.keys(resourceMetadata(oauth))).toEqual([
      'resource',
      'authorization_servers',
      'bearer_methods_supported',
    ])
  })

  it('stands where RFC 9728 inserts it, and at the root', () => {
    expect(metadataAddress({ audience })).toBe(METADATA)
    expect(metadataPaths({ audience })).toEqual([
      '/.well-known/oauth-protected-resource/mcp',
      '/.well-known/oauth-protected-resource',
    ])
    expect(metadataPaths({ audience: 'https://gateway.example.com/' })).toEqual([
      '/.well-known/oauth-protected-resource',
    ])
    expect(metadataAddress({ audience: 'https://gateway.example.com' })).toBe(
      'https://gateway.example.com/.well-known/oauth-protected-resource',
    )
  })
})
