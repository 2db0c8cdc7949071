// What the worlds of these tests answer about attestation: the pipeline is under test here; attesting is in test/e2e/attestation.
import type { ToldAttestation } from '../../src/app/attestation/room.ts'
import { AppError } from '../../src/base/errors.ts'

function told(server: string): ToldAttestation {
  if (/^(?:server|files)/.test(server)) return { server, admission: 'admitted' }
  throw new AppError('API_NOT_FOUND', `the server ${server} is not there, or not attested`)
}

export const ATTESTATION = {
  attest: async (server: string) => told(server),
  attested: told,
}
