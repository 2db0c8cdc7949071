// What appraisals are made with in the thread and in commands: every kind of evidence, the check of connections, a clock for stages.
import { performance } from 'node:perf_hooks'
import type { Appraising } from './appraise.ts'
import { Denial } from './denial.ts'
import { VERIFIERS } from './evidence/table.ts'
import { recordOf } from './tls.ts'

export const APPRAISING: Appraising = {
  verifiers: VERIFIERS,
  checkTls(connection, policy) {
    if (policy !== undefined) throw new Denial('policy.error', 'tls')
    return { record: recordOf(connection), ends: [], trust: {} }
  },
  monotonic: () => performance.now(),
}
