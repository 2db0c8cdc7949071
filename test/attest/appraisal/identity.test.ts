// Documents that show who a machine is and not what it runs: what they admit, and what they never stand for. All synthetic.
import { describe, expect, it } from 'vitest'
import { type Appraising, appraise } from '../../../src/attest/appraisal/appraise.ts'
import type { AppraisalRequest } from '../../../src/attest/appraisal/result.ts'
import { policyOf } from '../policy/world.ts'
import { NOW } from '../synthetic/authority.ts'
import * as instances from '../synthetic/instances.ts'
import { ACCOUNTS, binder, identityToken, keysOf } from '../synthetic/issuers.ts'
import { requestOf, TDX, using } from './world.ts'

const GCP = '  token: { issuers: [{ type: gcp-identity, projects: [p1] }] }'
const AWS = '  aws-iid: { accounts: ["123456789012"] }'
const policy = (require: string, ...sections: string[]) =>
  policyOf(`version: 1\nid: machine\nevidence:\n  require: ${require}\n${sections.join('\n')}`)

function result(
  text: ReturnType<typeof policy>,
  evidence: AppraisalRequest['evidence'],
  changes: Partial<Appraising> = {},
) {
  const request = requestOf(text, {
    now: NOW,
    challenge: { id: 'challenge-1', issuedAt: NOW },
    expected: { value: binder, covers: ['spki'] },
    collateral: keysOf(ACCOUNTS),
    roots: instances.AWS_ROOTS,
    ...(evidence && { evidence }),
  })
  return appraise(request, { ...using, ...changes })
}

describe('an identity token that answers the challenge', () => {
  it('admits where the policy asks for identity only, and says that it is no more', () => {
    expect(result(policy('{ any_of: [gcp-identity] }', GCP), [identityToken()])).toMatchObject({
      decision: 'accept',
      admits: true,
      level: 'identity',
      freshness: 'checked',
    })
  })

  it('does not stand for evidence of a platform that is asked for besides', () => {
    const both = policy(
      '{ all_of: [gcp-identity, tdx] }',
      GCP,
      '  tdx: { reference: { mrtd: [] } }',
    )
    expect(result(both, [identityToken()]).reason).toBe('evidence.missing')
  })
})

describe('an instance document, which answers no challenge', () => {
  it('admits nobody by itself', () => {
    const verdict = result(policy('{ any_of: [aws-iid] }', AWS), [instances.awsItem()])
    expect(verdict).toMatchObject({
      decision: 'deny',
      admits: false,
      reason: 'evidence.freshness_unchecked',
      freshness: 'not checked',
    })
  })

  it('may be there besides, and must be wanted then', () => {
    const besides = policy('{ any_of: [gcp-identity] }', GCP, AWS)
    const evidence = [identityToken(), instances.awsItem()]
    expect(result(besides, evidence)).toMatchObject({ admits: true, level: 'identity' })
    const others = policy('{ any_of: [gcp-identity] }', GCP, AWS.replace('1234', '4321'))
    expect(result(others, evidence).reason).toBe('evidence.issuer')
  })
})

it('a verifier that calls an identity evidence of a platform is not believed', () => {
  const token = identityToken()
  const verifiers = {
    tdx: {
      type: 'tdx',
      verify: (_: unknown, at: never) => ({
        ...(
          using.verifiers['gcp-identity'] as { verify: (item: object, at: object) => object }
        ).verify(token, at),
        type: 'tdx',
      }),
    } as never,
  }
  const text = policy('{ any_of: [tdx] }', '  tdx: { reference: { mrtd: [] } }')
  expect(result(text, [TDX], { verifiers }).reason).toBe('evidence.identity_only')
})
