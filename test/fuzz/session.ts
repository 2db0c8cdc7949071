// One run of one target: inputs made from its corpus, each tried, the interesting ones kept for the next; ends at the first broken property.
import { createMutator } from './mutate.ts'
import { createRandom, pick, type Random } from './random.ts'
import { type Reading, SLOWEST, type Target } from './target.ts'

export interface SessionOptions {
  readonly seed: number
  readonly runs: number
  readonly corpus: readonly Buffer[]
  /** Told every input before it is tried, for whoever watches that it ends. */
  before?(input: Buffer): void
}

export interface Finding {
  readonly input: Buffer
  readonly why: string
}

export interface Outcome {
  readonly runs: number
  readonly accepted: number
  /** Ways through the parser that were told apart. */
  readonly traits: number
  readonly slowest: number
  readonly finding?: Finding
}

/** Inputs that are kept besides the corpus. */
const POOL = 2000

export function runSession(target: Target, options: SessionOptions): Outcome {
  const { seed, runs, corpus } = options
  const random = createRandom(seed)
  const mutate = createMutator(random, target.tokens)
  const pool: Buffer[] = [...corpus]
  const traits = new Set<string>()
  const next = () =>
    target.generate && random(2) === 0
      ? target.generate(random)
      : mutate(pick(random, random(2) === 0 ? corpus : pool), pick(random, pool))
  let accepted = 0
  let slowest = 0
  for (let run = 0; run < runs; run++) {
    // the corpus itself first, then what is made of it
    const input = corpus[run] ?? next()
    options.before?.(input)
    // drawn once: a second try on a busy machine is the same try, and changes nothing that comes later
    const tried = attempt(target, input, random(2 ** 31))
    if ('why' in tried)
      return { runs: run + 1, accepted, traits: traits.size, slowest, finding: { input, ...tried } }
    slowest = Math.max(slowest, tried.ms)
    if (tried.reading.accepted) accepted++
    if (traits.has(tried.reading.trait) || traits.size >= POOL) continue
    traits.add(tried.reading.trait)
    pool.push(input)
  }
  return { runs, accepted, traits: traits.size, slowest }
}

function attempt(
  target: Target,
  input: Buffer,
  seed: number,
): { reading: Reading; ms: number } | { why: string } {
  try {
    const first = timed(target, input, createRandom(seed))
    if (first.ms <= SLOWEST) return first
    // a machine that was busy with something else is not the parser's fault: now only its own time counts
    const before = process.threadCpuUsage()
    const { reading } = timed(target, input, createRandom(seed))
    const { user, system } = process.threadCpuUsage(before)
    const ms = (user + system) / 1000
    return ms <= SLOWEST ? { reading, ms } : { why: `took ${Math.round(ms)} ms` }
  } catch (error) {
    return { why: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

function timed(target: Target, input: Buffer, random: Random): { reading: Reading; ms: number } {
  const started = performance.now()
  const reading = target.run(input, random)
  return { reading, ms: performance.now() - started }
}
