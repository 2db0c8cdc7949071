// The authorisation matrix and the fuzz test over a registry in memory.
import { fuzzSuite } from './fuzz-suite.ts'
import { matrixSuite } from './matrix-suite.ts'
import { createMemoryWorld } from './memory-world.ts'

matrixSuite('the registry in memory', async () => createMemoryWorld())
fuzzSuite('the registry in memory', async () => createMemoryWorld(), { runs: 25 })
