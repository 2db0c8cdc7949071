// What the schema of `identity` cannot say: names that must exist, patterns that must match something, what would be open by mistake.
import type { Check, Report } from '../config/load.ts'
import type { AnyOf } from './authorize/rule.ts'
import { expiryOf } from './declared.ts'
import type { IdentityOptions, OAuthOptions } from './options.ts'
import { checkGrants, checkMappings, checkRight, checkRoles, RESERVED_IDS } from './role-checks.ts'

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/
const MOST_SKEW = 300_000

/** Warns while clients cannot be told apart: whoever reaches the address can use every server. */
export const EXPOSURE_CHECK: Check = {
  sections: ['listen', 'identity'],
  run(config, report) {
    const { host, tls } = config.listen as { host: string; tls?: { client_ca?: string } }
    const { anonymous } = config.identity as IdentityOptions
    if (LOOPBACK.test(host) || tls?.client_ca !== undefined || anonymous === 'deny') return
    report(
      ['listen', 'host'],
      `everyone who can reach ${host} is let in without credentials; set identity.anonymous: deny with identity.api_keys or identity.oauth, or listen.tls.client_ca`,
      { warning: true },
    )
  },
}

/** `anyOf` of the compiler that conditions are compiled with. */
export function createIdentityCheck(anyOf: AnyOf): Check {
  return {
    sections: ['identity', 'listen'],
    run(config, report) {
      const options = config.identity as IdentityOptions
      const { tls } = config.listen as { tls?: { client_ca?: string } }
      checkDoors(options, tls?.client_ca !== undefined, report)
      checkKeys(options, report)
      if (options.oauth) checkOAuth(options.oauth, report)
      checkRoles(options, anyOf, report)
      checkGrants(options, anyOf, report)
      checkMappings(options, anyOf, report)
    },
  }
}

function checkDoors(options: IdentityOptions, verified: boolean, report: Report): void {
  const { anonymous, api_keys, oauth, mtls, keys } = options
  if (anonymous === 'deny' && !api_keys && !oauth && !mtls)
    report(
      ['identity', 'anonymous'],
      'identity.anonymous: nobody could connect; set identity.api_keys, identity.oauth or identity.mtls, too',
    )
  if (keys.length > 0 && !api_keys)
    report(
      ['identity', 'keys'],
      'identity.keys: API keys are not accepted; set identity.api_keys: true',
      { key: true },
    )
  if (mtls && !verified)
    report(
      ['identity', 'mtls'],
      'identity.mtls: no client certificate is ever verified; set listen.tls.client_ca',
      { key: true },
    )
}

function checkKeys({ keys }: IdentityOptions, report: Report): void {
  const seen = new Set<string>()
  keys.forEach((key, index) => {
    const at = `identity.keys[${index}]`
    const path = ['identity', 'keys', index]
    if (seen.has(key.id)) report([...path, 'id'], `${at}.id: the id ${key.id} is already used`)
    seen.add(key.id)
    if (RESERVED_IDS.includes(key.principal))
      report(
        [...path, 'principal'],
        `${at}.principal: ${key.principal} is a name of the gateway's own`,
      )
    if (key.expires !== undefined && expiryOf(key.expires) === undefined)
      report([...path, 'expires'], `${at}.expires: there is no such day`)
    key.scopes?.forEach((scope, number) => {
      checkRight(scope, [...path, 'scopes', number], `${at}.scopes[${number}]`, { report })
    })
  })
}

function checkOAuth(oauth: OAuthOptions, report: Report): void {
  const path = ['identity', 'oauth']
  if (oauth.clock_skew > MOST_SKEW)
    report([...path, 'clock_skew'], 'identity.oauth.clock_skew: must be at most 5m')
  checkUrl(oauth.audience, [...path, 'audience'], 'identity.oauth.audience', report)
  const names = new Set<string>()
  oauth.issuers.forEach((one, index) => {
    const at = `identity.oauth.issuers[${index}]`
    const here = [...path, 'issuers', index]
    checkUrl(one.issuer, [...here, 'issuer'], `${at}.issuer`, report)
    if (one.jwks_uri) checkUrl(one.jwks_uri, [...here, 'jwks_uri'], `${at}.jwks_uri`, report)
    for (const [member, name] of Object.entries({ issuer: one.issuer, name: one.name })) {
      if (name === undefined) continue
      if (names.has(name))
        report([...here, member], `${at}.${member}: ${name} is already used by another issuer`)
      names.add(name)
    }
    if (one.tenant !== undefined && one.tenant_claim !== undefined)
      report([...here, 'tenant'], `${at}.tenant: does not go with the key "tenant_claim"`)
  })
  for (const right of Object.keys(oauth.scopes))
    checkRight(right, [...path, 'scopes', right], 'identity.oauth.scopes', { report, key: true })
}

// a token or a set of keys that came in the clear could be anybody's
function checkUrl(text: string, path: (string | number)[], at: string, report: Report): void {
  const url = URL.parse(text)
  if (url === null) report(path, `${at}: is not a URL`)
  else if (url.protocol !== 'https:' && !LOOPBACK.test(url.hostname))
    report(path, `${at}: must be https, except on loopback`)
}
