// A thread that runs one target and tells what it tries, so that whoever started it sees when an input does not end.
import { parentPort, workerData } from 'node:worker_threads'
import { readCorpus } from './corpus.ts'
import { type BranchCoverage, recordCoverage } from './coverage.ts'
import { LONGEST } from './mutate.ts'
import { type Outcome, runSession } from './session.ts'
import { TARGETS } from './targets.ts'

export interface Order {
  readonly target: string
  readonly seed: number
  /** Left out: as many as `npm test` does. */
  readonly runs: number | undefined
  readonly coverage: boolean
  /** The number of the run, the length of its input, and the input. */
  readonly progress: SharedArrayBuffer
}

export interface Done extends Outcome {
  readonly branches?: BranchCoverage & { readonly least: number }
}

export const PROGRESS_BYTES = 8 + LONGEST

if (parentPort && workerData) {
  const order = workerData as Order
  parentPort.postMessage(await carryOut(order))
}

async function carryOut({ target: name, seed, runs, coverage, progress }: Order): Promise<Done> {
  const recorder = coverage ? await recordCoverage() : undefined
  const target = await TARGETS[name]?.()
  if (target === undefined) throw new Error(`there is no target ${name}`)
  const [head, room] = [new Int32Array(progress, 0, 2), new Uint8Array(progress, 8)]
  const outcome = runSession(target, {
    seed,
    runs: runs ?? target.runs,
    corpus: readCorpus(name),
    before(input) {
      room.set(input.subarray(0, LONGEST))
      head[1] = input.length
      Atomics.add(head, 0, 1)
    },
  })
  if (recorder === undefined) return outcome
  const branches = await recorder.stop(target.files)
  return { ...outcome, branches: { ...branches, least: target.branches } }
}
