// What appraisals are made with in the thread and in commands: every kind of evidence, a clock for stages, and randomness.
import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { VERIFIERS } from '../evidence/table.ts'
import type { Appraising } from './appraise.ts'

export const APPRAISING: Appraising = {
  verifiers: VERIFIERS,
  monotonic: () => performance.now(),
  random: randomBytes,
}
