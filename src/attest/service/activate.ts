// The second request of a challenge: what only one machine can decrypt goes over the connection of the first; whether it came back right is not judged here.
import type { Activations } from '../appraisal/activations.ts'
import type { AppraisalRequest } from '../appraisal/result.ts'
import type { Collateral } from '../collateral.ts'
import { Denial, malformed } from '../denial.ts'
import type { Activation } from '../evidence/evidence.ts'
import { fromBase64url } from '../format/base64.ts'
import { readJson, textAt } from '../format/json.ts'
import type { EvidencePolicy } from '../policy/policy.ts'

export interface ActivateDeps {
  /** Asks what has to be activated for `request`. */
  readonly activations: (request: AppraisalRequest) => Promise<Activations>
  /** One request over the connection of the challenge, to where that was answered. Throws Denial when there is no answer. */
  readonly post: (
    body: Uint8Array,
    limit: number,
  ) => Promise<{ readonly status: number; readonly body: Uint8Array }>
}

const LARGEST_ANSWER = 1024
const MEMBERS = ['v', 'challenge_id', 'activation']

/** Whether the policy asks for it of anything: if not, nobody has to look at the evidence for it. */
export function asksForActivation({ sections }: EvidencePolicy): boolean {
  const { ak_trust = [] } = (sections.tpm ?? {}) as { readonly ak_trust?: readonly string[] }
  return ak_trust.includes('ek-activation')
}

/** The proofs, as collateral of this one appraisal. The challenge must have been consumed. */
export async function activate(request: AppraisalRequest, deps: ActivateDeps): Promise<Collateral> {
  const answer = await deps.activations(request)
  if ('refusal' in answer) throw new Denial(answer.refusal.reason, answer.refusal.detail)
  const proofs = new Map<string, { readonly bytes: Uint8Array; readonly receivedAt: number }>()
  for (const { id, sent, ...given } of answer.activations) {
    const challengeId = request.challenge?.id ?? ''
    const returned = returnedIn(await deps.post(bodyOf(challengeId, given), LARGEST_ANSWER))
    if (returned.challengeId !== challengeId)
      throw new Denial('evidence.nonce_mismatch', 'challenge_id of the activation')
    const bytes = Buffer.concat([sent, returned.activation])
    proofs.set(id, { bytes, receivedAt: request.now })
  }
  return proofs
}

function bodyOf(id: string, given: Pick<Activation, 'credential' | 'secret'>): Uint8Array {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
  const activate = { credential: text(given.credential), secret: text(given.secret) }
  return Buffer.from(JSON.stringify({ v: 1, challenge_id: id, activate }))
}

function returnedIn({ status, body }: { readonly status: number; readonly body: Uint8Array }) {
  // that it cannot now is another thing than that it does not
  if (status >= 500) throw new Denial('evidence.unavailable', `activation: status ${status}`)
  if (status !== 200) throw new Denial('evidence.ak_untrusted', `activation: status ${status}`)
  const given = readJson(body, 'activation', LARGEST_ANSWER)
  const [challengeId, activation] = [textAt(given, 'challenge_id'), textAt(given, 'activation')]
  if (given.v !== 1) throw new Denial('evidence.unsupported', 'activation: v')
  if (challengeId === undefined || activation === undefined)
    throw malformed('activation: challenge_id or activation is no text')
  if (Object.keys(given).some((name) => !MEMBERS.includes(name)))
    throw malformed('activation: a member that is not known')
  return { challengeId, activation: fromBase64url(activation, 'activation') }
}
