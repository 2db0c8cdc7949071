// Has servers attested before they are registered, changed and admitted; what is proven, and how, is the attestation room's matter.
import { type AttestationVerdict, definePlugin, deny } from 'portcullis/plugin'

export default definePlugin({
  id: 'attest',
  setup(_config, { attestation }) {
    const ask = async (request: Parameters<typeof attestation.appraise>[0]) =>
      verdictOf(await attestation.appraise(request))
    return {
      hooks: {
        server_pre_register: ({ kind, id, entity }) =>
          kind === 'server' ? ask({ server: id, cause: 'registration', entity }) : undefined,
        server_pre_update: ({ kind, id, entity }) =>
          kind === 'server' ? ask({ server: id, cause: 'update', entity }) : undefined,
        server_pre_admit: ({ server, cause }) => ask({ server, cause }),
      },
    }
  },
})

function verdictOf(verdict: AttestationVerdict) {
  if (verdict.decision !== 'deny') return undefined
  const { reason, stage, says, next, policy } = verdict
  return deny({
    code: 'ATTESTATION_DENIED',
    reason: says,
    description: next,
    details: { reason, stage, ...(policy === undefined ? {} : { policy }) },
  })
}
