// Has servers attested before they are registered, changed and admitted; what is proven, and how, is the attestation room's matter.
import { type AttestationVerdict, definePlugin, deny } from 'portcullis/plugin'

export default definePlugin({
  id: 'attest',
  setup(_config, { attestation }) {
    const ask = async (request: Parameters<typeof attestation.appraise>[0]) =>
      verdictOf(await attestation.appraise(request))
    return {
      hooks: {
        server_pre_register: ({ kind, id, entity }, { surface, signal }) =>
          kind === 'server'
            ? ask({ server: id, cause: causeAt(surface, 'registration'), entity, signal })
            : undefined,
        server_pre_update: ({ kind, id, entity }, { surface, signal }) =>
          kind === 'server'
            ? ask({ server: id, cause: causeAt(surface, 'update'), entity, signal })
            : undefined,
        server_pre_admit: ({ server, cause }, { signal }) => ask({ server, cause, signal }),
      },
    }
  },
})

/** What a configuration declares is attested when it is admitted: a server that is down for a moment is then tried again. */
function causeAt(surface: string, cause: string): string {
  return surface === 'config' ? 'declaration' : cause
}

function verdictOf(verdict: AttestationVerdict) {
  if (verdict.decision !== 'deny') return undefined
  const { reason, stage, says, next, policy } = verdict
  return deny({
    code: 'ATTESTATION_DENIED',
    // what an API shows of a refusal is its reason: the code of the table belongs to it
    reason: `${says} (${reason})`,
    description: next,
    details: { reason, stage, ...(policy === undefined ? {} : { policy }) },
  })
}
