// The second request of a challenge: what goes out, what is taken for an answer, and what is said of every other one.
import { describe, expect, it } from 'vitest'
import { type Activations, activationsOf } from '../../../src/attest/appraisal/activations.ts'
import type { Collateral } from '../../../src/attest/collateral.ts'
import { Denial } from '../../../src/attest/denial.ts'
import type { AppraisalPolicy } from '../../../src/attest/policy/policy.ts'
import { activate, asksForActivation } from '../../../src/attest/service/activate.ts'
import { AK_ROOTS, EK_ROOTS } from '../../../src/attest/tpm/key-chain.ts'
import { tpm } from '../../../src/attest/tpm/tpm.ts'
import { requestOf, using } from '../appraisal/world.ts'
import { AK, AK_ATTRIBUTES, areaOf, formOf, itemOf, keyFrom, sized, u8, u16, u32 } from '../synthetic/tpm.ts' // biome-ignore format: one line
import { makeAuthority } from '../synthetic/tpm-authority.ts'

const LAB = makeAuthority('lab')
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const ROOTS = { [EK_ROOTS]: [{ id: 'vendor', der: LAB.der, synthetic: true }] }
const SENT = Buffer.alloc(32, 5)
const GIVEN = { credential: u8(1, 2), secret: u8(3) }
const one: Activations = { activations: [{ id: 'tpm-activation:1', ...GIVEN, sent: SENT }] }

const answering = (status: number, body: unknown) => async () => ({
  status,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
})

async function outcome(post: Parameters<typeof activate>[1]['post'], asked: Activations = one) {
  try {
    return await activate(requestOf(undefined), { activations: async () => asked, post })
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return `${error.reason}: ${error.detail}`
  }
}

const ANSWER = { v: 1, challenge_id: 'challenge-1', activation: b64(Buffer.alloc(32, 6)) }

describe('the request', () => {
  it('names the challenge and holds no secret, and the proof is both sides of it', async () => {
    const bodies: string[] = []
    const proofs = await outcome(async (body, limit) => {
      bodies.push(Buffer.from(body).toString())
      expect(limit).toBe(1024)
      return answering(200, ANSWER)()
    })
    expect(bodies).toEqual([
      '{"v":1,"challenge_id":"challenge-1","activate":{"credential":"AQI","secret":"Aw"}}',
    ])
    const bytes = Buffer.concat([SENT, Buffer.alloc(32, 6)])
    expect([...(proofs as Collateral)].map(([id, p]) => [id, p.bytes])).toEqual([['tpm-activation:1', bytes]]) // biome-ignore format: one line
  })

  it('is not sent where there is nothing to activate, or the evidence is refused already', async () => {
    const never = () => Promise.reject(new Error('sent'))
    expect(await outcome(never, { activations: [] })).toEqual(new Map())
    const refusal = { reason: 'evidence.malformed', detail: 'envelope' } as const
    expect(await outcome(never, { refusal })).toBe('evidence.malformed: envelope')
  })
})

describe('the answer', () => {
  const long = b64(Buffer.alloc(1000))
  it.each([
    ['a refusal', 403, {}, 'evidence.ak_untrusted: activation: status 403'],
    ['a redirect', 302, {}, 'evidence.ak_untrusted: activation: status 302'],
    ['a fault', 503, {}, 'evidence.unavailable: activation: status 503'],
    ['no JSON', 200, '{', 'evidence.malformed: activation: no JSON'],
    ['a member twice', 200, '{"v":1,"v":1}', 'evidence.malformed: activation: a member twice'],
    ['another version', 200, { ...ANSWER, v: 2 }, 'evidence.unsupported: activation: v'],
    ['more than it is', 200, { ...ANSWER, activation: long }, 'evidence.too_large: activation'],
    [
      'no activation',
      200,
      { v: 1, challenge_id: 'challenge-1' },
      'evidence.malformed: activation: challenge_id or activation is no text',
    ],
    [
      'a further member',
      200,
      { ...ANSWER, more: 1 },
      'evidence.malformed: activation: a member that is not known',
    ],
    [
      'padding',
      200,
      { ...ANSWER, activation: 'AA==' },
      'evidence.malformed: activation: no base64url',
    ],
    [
      'another challenge',
      200,
      { ...ANSWER, challenge_id: 'challenge-2' },
      'evidence.nonce_mismatch: challenge_id of the activation',
    ],
  ])('is refused: %s', async (_what, status, body, says) => {
    // biome-ignore format: rows
    expect(await outcome(answering(status, body))).toBe(says)
  })
})

/** TPMT_PUBLIC of a storage key with AES in CFB. */
function ekArea(seed: string): Buffer {
  const area = areaOf({ key: keyFrom(seed), attributes: 0x0003_00b2, keyScheme: 0x0010 })
  // in place of no cipher: AES, 128 bits, CFB
  const head = Buffer.concat([u16(0x0023), u16(0x000b), u32(0x0003_00b2), sized(u8())])
  const rest = area.subarray(head.length + 2)
  return Buffer.concat([head, u16(0x0006), u16(128), u16(0x0043), rest])
}

const policyOf = (section: object): AppraisalPolicy => {
  const evidence = { require: [], sections: { tpm: section } }
  return { evidence } as never
}

describe('what has to be activated', () => {
  const endorsements = { ek_public: b64(ekArea('ek')), ek_cert: b64(LAB.issue(keyFrom('ek'))) }
  const asked = (section: object, changes: object = {}, items = [itemOf(formOf(), endorsements)]) => {
    const request = requestOf(policyOf({ ak_trust: ['ek-activation'], enrolled: [], ...section }), {
      evidence: items,
      roots: ROOTS,
      ...changes,
    })
    const answer = activationsOf(request, { ...using, random: (size) => Buffer.alloc(size, 5) })
    return 'refusal' in answer ? answer.refusal.reason : answer.activations
  } // biome-ignore format: one line

  it('is a credential for the endorsement key under the name of the attestation key, new for each challenge', () => {
    const [first] = asked({}) as readonly { id: string; sent: Uint8Array }[]
    expect(first?.sent).toEqual(SENT)
    expect(first?.id).toMatch(/^tpm-activation:[0-9a-f]{64}$/)
    const value = { kind: 'exact', bytes: Buffer.alloc(32, 1) } as const
    const [second] = asked({}, { expected: { value, covers: [] } }) as readonly { id: string }[]
    expect(second?.id).not.toBe(first?.id)
    const request = requestOf(policyOf({ ak_trust: ['ek-activation'], enrolled: [] }), {
      evidence: [itemOf(formOf(), endorsements)],
      roots: ROOTS,
    })
    const secrets = [1, 2].map(() => JSON.stringify(activationsOf(request, using)))
    expect(secrets[0]).not.toBe(secrets[1])
  })

  it('is nothing where the policy asks for none, is content with less, or nobody could vouch', () => {
    const spki = formOf()
    expect(asked({ ak_trust: ['ak-cert'] })).toEqual([])
    expect(asked({}, { roots: {} })).toEqual([])
    expect(asked({}, { expected: undefined })).toEqual([])
    expect(asked({}, {}, [itemOf(spki, { ek_public: endorsements.ek_public })])).toEqual([])
    expect(asked({}, {}, [itemOf(spki, { ek_cert: endorsements.ek_cert })])).toEqual([])
    const certified = [itemOf(spki, { ...endorsements, ak_cert: b64(LAB.issue(AK)) })]
    const roots = { ...ROOTS, [AK_ROOTS]: ROOTS[EK_ROOTS] }
    const either = { ak_trust: ['ak-cert', 'ek-activation'] }
    expect(asked(either, { roots }, certified)).toEqual([])
    // a certificate that the policy does not take is no reason to ask for nothing
    expect(asked({}, { roots }, certified)).toHaveLength(1)
  })

  it('is one for quotes of one TPM, and never several', () => {
    const quote = itemOf(formOf(), endorsements)
    expect(asked({}, {}, [quote, quote])).toHaveLength(1)
    const other = itemOf(formOf({ key: keyFrom('another attestation key') }), endorsements)
    expect(asked({}, {}, [quote, other])).toBe('evidence.too_large')
  })

  it.each([
    [
      'an attestation key that its TPM does not keep',
      { attributes: AK_ATTRIBUTES & ~2 },
      {},
      'evidence.ak_attributes',
    ],
    [
      'an endorsement key that keeps nothing',
      {},
      { ek_public: b64(areaOf()) },
      'evidence.weak_algorithm',
    ],
    ['an endorsement key that is none', {}, { ek_public: 'AAAA' }, 'evidence.weak_algorithm'],
  ])('is refused: %s', (_what, form, changes, reason) => {
    // biome-ignore format: rows
    expect(asked({}, {}, [itemOf(formOf(form), { ...endorsements, ...changes })])).toBe(reason)
  })

  it('is asked for by the policy of TPMs only', () => {
    const asks = (sections: object) => asksForActivation({ sections } as never)
    expect(asks({ tpm: { ak_trust: ['enrolled', 'ek-activation'] } })).toBe(true)
    expect(asks({ tpm: { ak_trust: ['ak-cert'] } })).toBe(false)
    expect(asks({ 'sev-snp': {} })).toBe(false)
    expect(tpm.activation).toBeDefined()
  })
})
