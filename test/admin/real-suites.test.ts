// The authorisation matrix and the fuzz test over the real rooms.
import { KINDS, RIGHTS, type RightSpec } from '../../src/identity/rights.ts'
import { fuzzSuite } from './fuzz-suite.ts'
import { matrixSuite } from './matrix-suite.ts'
import { createRealWorld } from './real-world.ts'

const sharedReads = KINDS.filter((kind) => (RIGHTS[`api:${kind}.read`] as RightSpec).shared)

matrixSuite('the real rooms', createRealWorld, { sharedReads })
fuzzSuite('the real rooms', createRealWorld, { runs: 25 })
