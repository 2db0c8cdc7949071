// `npm run fuzz`: bytes from a stranger against every parser of them; ends with 1 when a property, a figure or the time does not hold.
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { addFinding } from '../test/fuzz/corpus.ts'
import { ACCEPTED } from '../test/fuzz/target.ts'
import { TARGETS } from '../test/fuzz/targets.ts'
import { type Done, type Order, PROGRESS_BYTES } from '../test/fuzz/worker.ts'

const help = `usage: npm run fuzz -- [--target NAME] [--runs N] [--seed N] [--coverage] [--missed]
  --target NAME  one of ${Object.keys(TARGETS).join(', ')}; all of them without it
  --runs N       inputs of each target; as many as npm test tries without it
  --seed N       of the random numbers; a run with the same seed and corpus is the same run
  --coverage     count the branches of the sources that ran
  --missed       name those that did not
An input that breaks a property is written to test/fuzz/corpus/NAME.`

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    runs: { type: 'string' },
    seed: { type: 'string', default: '20261121' },
    coverage: { type: 'boolean', default: false },
    missed: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
/** Longer without a new input means that the parser hangs. */
const STUCK = 10_000

if (values.help) console.log(help)
else process.exitCode = (await runAll()) ? 0 : 1

async function runAll(): Promise<boolean> {
  const names = values.target === undefined ? Object.keys(TARGETS) : [values.target]
  let good = true
  for (const name of names) good = (await runOne(name)) && good
  return good
}

async function runOne(target: string): Promise<boolean> {
  if (!Object.hasOwn(TARGETS, target)) {
    console.error(`there is no target ${target}\n${help}`)
    return false
  }
  const started = performance.now()
  const done = await inThread({
    target,
    seed: whole('seed') ?? 0,
    runs: whole('runs'),
    coverage: values.coverage || values.missed,
    progress: new SharedArrayBuffer(PROGRESS_BYTES),
  })
  return report(target, done, performance.now() - started)
}

function whole(name: 'runs' | 'seed'): number | undefined {
  const value = values[name] === undefined ? undefined : Number(values[name])
  if (value !== undefined && !Number.isSafeInteger(value))
    throw new Error(`--${name}: a whole number`)
  return value
}

function inThread(order: Order): Promise<Done> {
  const worker = new Worker(new URL('../test/fuzz/worker.ts', import.meta.url), {
    workerData: order,
  })
  const head = new Int32Array(order.progress, 0, 2)
  return new Promise((resolve, reject) => {
    let [seen, since] = [0, performance.now()]
    const watch = setInterval(() => {
      const now = Atomics.load(head, 0)
      if (now !== seen) [seen, since] = [now, performance.now()]
      // before the first input the thread loads its sources
      else if (now > 0 && performance.now() - since > STUCK) end(() => resolve(hung(order, now)))
    }, 500)
    const end = (settle: () => void) => {
      clearInterval(watch)
      void worker.terminate()
      settle()
    }
    worker.once('message', (done: Done) => end(() => resolve(done)))
    worker.once('error', (error) => end(() => reject(error)))
  })
}

function hung({ progress }: Order, runs: number): Done {
  const length = new Int32Array(progress, 4, 1)[0] as number
  const input = Buffer.from(new Uint8Array(progress, 8, length))
  return { runs, accepted: 0, traits: 0, slowest: STUCK, finding: { input, why: 'does not end' } }
}

function report(name: string, done: Done, ms: number): boolean {
  const { runs, accepted, traits, slowest, finding, branches } = done
  const share = accepted / runs
  const lines = [
    `${runs} inputs, ${(share * 100).toFixed(1)} % accepted, ${traits} ways, slowest ${slowest.toFixed(1)} ms, ${(ms / 1000).toFixed(1)} s`,
  ]
  const faults: string[] = []
  if (finding) {
    const file = addFinding(name, finding.input)
    faults.push(`${finding.why}\n  the input is ${file}`)
  } else if (share < ACCEPTED) faults.push(`fewer than ${ACCEPTED * 100} % were accepted`)
  if (branches) {
    const percent = (branches.taken / branches.all) * 100
    lines.push(`${branches.taken} of ${branches.all} branches, ${percent.toFixed(1)} %`)
    if (percent < branches.least) faults.push(`fewer than ${branches.least} % of the branches`)
    if (values.missed) lines.push(...branches.missed.map((branch) => `  missed ${branch}`))
  }
  console.log(`${name}: ${lines.join('\n  ')}`)
  for (const fault of faults) console.error(`${name}: ${fault}`)
  return faults.length === 0
}
