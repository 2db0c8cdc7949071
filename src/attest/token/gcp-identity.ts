// Identity tokens of Compute Engine machines: who the machine is, signed by keys that Google publishes; not what it runs.
import { hash } from 'node:crypto'
import { Denial } from '../denial.ts'
import type { Appraised, Claims, Verifier } from '../evidence/evidence.ts'
import { memberAt, textAt } from '../format/json.ts'
import { appraiseByAny, type GcpIdentityIssuer, type TokenPolicy } from './issuers.ts'
import { type JwsShape, parseJws } from './jws.ts'
import {
  assertAnswered,
  assertSignedByIssuer,
  base64url,
  contentSha256,
  keySetNeed,
  timesOf,
} from './token-claims.ts'

const WHAT = 'gcp-identity'
const ISSUER = 'https://accounts.google.com'
const KEYS = 'https://www.googleapis.com/oauth2/v3/certs'
const SHAPE: JwsShape = { what: WHAT, algorithms: ['RS256'], types: ['JWT'] }

/** The audience that a machine asks its token for; that it names the binder is what makes it fresh. */
export const gcpAudience = (binder: Uint8Array): string => `portcullis:${base64url(binder)}`

export const gcpIdentity: Verifier<TokenPolicy> = {
  type: WHAT,

  needs: () => [keySetNeed(ISSUER, KEYS)],

  verify(item, at) {
    const { payload, ...jws } = parseJws(item.bytes, SHAPE)
    const signer = assertSignedByIssuer({ payload, ...jws }, ISSUER, at, WHAT)
    if (payload.iss !== ISSUER) throw new Denial('evidence.issuer', `${WHAT}: iss`)
    const times = timesOf(payload, at, WHAT)
    const audience = textAt(payload, 'aud') ?? ''
    const binding = assertAnswered(at.expected, gcpAudience, [audience], WHAT)
    const machine = memberAt(payload, 'google', 'compute_engine')
    const project = textAt(machine, 'project_id')
    const instance = textAt(machine, 'instance_id')
    if (!project || !instance)
      throw new Denial('evidence.malformed', `${WHAT}: no machine; ask for format=full`)
    return {
      ...signer,
      ...times,
      binding,
      type: WHAT,
      attests: 'identity',
      synthetic: false,
      version: '1',
      size: item.bytes.length,
      contentSha256: contentSha256(jws.signed),
      hardwareSha256: hash('sha256', `gcp:${project}:${instance}`),
      tcb: {},
      measurements: {},
      flags: {
        project,
        zone: textAt(machine, 'zone') ?? '',
        service_account: payload.email_verified === true ? (textAt(payload, 'email') ?? '') : '',
      },
    }
  },

  appraise: (claims, policy) => appraiseByAny(policy, WHAT, (issuer) => appraise(claims, issuer)),
}

function appraise({ flags }: Claims, issuer: GcpIdentityIssuer): Appraised {
  const { projects, zones, service_accounts: accounts } = issuer
  const isIn = (among: readonly string[] | undefined, flag: string): boolean =>
    among === undefined || among.includes(String(flags[flag]))
  if (!isIn(projects, 'project')) throw new Denial('evidence.issuer', `${WHAT}: project_id`)
  if (!isIn(zones, 'zone')) throw new Denial('evidence.issuer', `${WHAT}: zone`)
  if (!isIn(accounts, 'service_account')) throw new Denial('evidence.issuer', `${WHAT}: email`)
  return { trust: { 'instance-identity': 2 }, matched: [], warnings: [] }
}
