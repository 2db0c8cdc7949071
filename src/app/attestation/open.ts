// The attestation room wired to telemetry, audit and log; loaded with it.
import { randomUUID } from 'node:crypto'
import { createMeasures } from '../../attest/admission/measures.ts'
import type { AttestedServer } from '../../attest/service/server.ts'
import type { Attested, AttestHow } from '../../attest/service/service.ts'
import type { Store } from '../../store/store.ts'
import type { AttestationDeps } from './attestation.ts'
import { type AttestationParts, openParts } from './parts.ts'
import { AttestationRoom } from './room.ts'

export function openRoom(deps: AttestationDeps, store: () => Promise<Store>): AttestationRoom {
  const { clock, log, telemetry, egress, current, env } = deps
  let newest: AttestationParts | undefined
  const measures = createMeasures({
    telemetry,
    clock,
    servers: () => room.measured(current.assembly?.servers.keys() ?? []),
    collateral: () => newest?.collateral() ?? [],
    anchors: () => newest?.anchors() ?? [],
  })
  const room = new AttestationRoom({
    clock,
    log,
    random: Math.random,
    createId: randomUUID,
    store,
    async parts(loaded, kept) {
      newest = await openParts(loaded, kept, {
        clock,
        log,
        egress,
        measures,
        path: env.PATH,
        random: Math.random,
        changed: (parts, concerns) => room.collateralChanged(parts, concerns),
        told: (...said) => tell(deps, ...said),
      })
      return newest
    },
  })
  return room
}

/** The record of section 5.4 of the design: digests and claims, no evidence, no nonce. */
function tell(
  { audit, log }: Pick<AttestationDeps, 'audit' | 'log'>,
  server: AttestedServer,
  { result, drift }: Attested,
  { cause, purpose }: AttestHow,
): void {
  const { decision, mode, policyId, reason, says, evidence } = result
  if (decision === 'none') return
  const effective = mode === 'enforce' && purpose !== 'try'
  audit.write({
    kind: 'attestation',
    server: server.name,
    target: server.url,
    verdict: decision === 'accept' ? 'admit' : 'deny',
    effective,
    policy: policyId,
    code: reason,
    reason: says,
    details: { cause, purpose, ...result, ...(drift ? { drift } : {}) },
  })
  const isSynthetic = evidence.some(({ synthetic }) => synthetic)
  const fields = {
    server: server.name,
    policy: policyId,
    cause,
    ...(isSynthetic ? { synthetic: true } : {}),
    ...(reason ? { code: reason } : {}),
  }
  if (decision === 'accept') log.info(fields, 'a server was attested')
  else log.warn({ ...fields, reason: says }, 'the attestation of a server was refused')
}
