// A TPM in software for tests, from the example for server authors; without swtpm and tpm2-tools the tests of it are skipped, said in one line.
import { spawnSync } from 'node:child_process'
import { missingPrograms } from '../../examples/attested-server/software-tpm.ts'

export { type SoftwareTpm, startSoftwareTpm } from '../../examples/attested-server/software-tpm.ts'
export type { Quote, Tpm } from '../../examples/attested-server/tpm.ts'

const missing = missingPrograms()

/** True: tests that need one do not run. */
export const noSoftwareTpm = missing.length > 0
/** True: no certificates can be made as the example makes them. */
export const noOpenssl = spawnSync('openssl', ['version']).error !== undefined

if (noSoftwareTpm) console.log(`skipped: ${missing.join(' and ')} not installed, no software TPM`)
if (noOpenssl)
  console.log('skipped: openssl not installed, no certificates as the example makes them')
