// Clients that write without a pause through two gateways until one of them is killed, and know which of their writes were acknowledged.
import type { Answer, Replica } from './replica.ts'

export interface Acknowledged {
  readonly requestId: string
  /** Of what must be there for it. */
  readonly path?: string
  readonly id?: string
}

export interface Killing {
  readonly round: number
  readonly seed: number
  /** Of two people: what one wants the other approves. */
  readonly tokens: { readonly first: string; readonly second: string }
  readonly victim: Replica
  readonly survivor: Replica
}

export interface Killed {
  readonly acknowledged: readonly Acknowledged[]
  /** Writes whose answer never came. */
  readonly unknown: number
}

/** Kills the victim after a number of acknowledged writes and a moment more, both by the seed; ends when the survivor has gone on. */
export async function writeUntilKilled(killing: Killing): Promise<Killed> {
  const { victim, survivor, seed } = killing
  const random = randomOf(seed)
  const run = new Run(killing, 10 + Math.floor(random() * 40))
  const writing = Promise.all([
    run.creates(victim, 'v1'),
    run.creates(victim, 'v2'),
    run.approves(victim, 'v3'),
    run.creates(survivor, 's1'),
    run.approves(survivor, 's2'),
  ])
  await run.reached
  const moment = performance.now() + random() * 10
  while (performance.now() < moment) await new Promise(setImmediate)
  await victim.kill()
  const before = run.acknowledged.length
  await run.after(before + 20)
  await writing
  return { acknowledged: run.acknowledged, unknown: run.unknown }
}

class Run {
  readonly acknowledged: Acknowledged[] = []
  unknown = 0
  readonly reached: Promise<void>
  readonly #killing: Killing
  readonly #waiting = new Map<number, () => void>()
  #over = false

  constructor(killing: Killing, writes: number) {
    this.#killing = killing
    this.reached = this.#when(writes)
  }

  /** Lets all end once so many are acknowledged. */
  async after(writes: number): Promise<void> {
    await this.#when(writes)
    this.#over = true
  }

  async creates(replica: Replica, name: string): Promise<void> {
    const { first } = this.#killing.tokens
    for (let n = 0; !this.#over; n++) {
      const id = this.#id(name, n)
      const body = { id, body: { description: `${id}: ${'x'.repeat(n % 50)}` } }
      const asked = { token: first, body, headers: { 'idempotency-key': id } }
      const answer = await this.#try(() => replica.ask('POST', '/clients', asked))
      // whoever got no answer repeats his request with the other one, which knows whether it was done
      const final = answer ?? (await this.#killing.survivor.ask('POST', '/clients', asked))
      this.#take(final, 201, { path: '/clients', id })
      if (!answer) return
    }
  }

  async approves(replica: Replica, name: string): Promise<void> {
    const { first, second } = this.#killing.tokens
    for (let n = 0; !this.#over; n++) {
      const id = this.#id(name, n)
      const body = { id, body: { url: 'https://peer.example' } }
      const change = await this.#try(() => replica.ask('POST', '/peers', { token: second, body }))
      if (!change) return
      this.#take(change, 202, {})
      const path = `/changes/${change.body.id}/approve`
      const answer = await this.#try(() => replica.ask('POST', path, { token: first }))
      if (!answer) return
      this.#take(answer, 200, { path: '/peers', id })
    }
  }

  #id(name: string, n: number): string {
    return `r${this.#killing.round}-${name}-${n}`
  }

  async #try(ask: () => Promise<Answer>): Promise<Answer | undefined> {
    return ask().catch(() => {
      this.unknown++
      return undefined
    })
  }

  #take(
    { status, requestId, body }: Answer,
    expected: number,
    what: Omit<Acknowledged, 'requestId'>,
  ) {
    if (status !== expected) throw new Error(`HTTP ${status} ${JSON.stringify(body)}`)
    this.acknowledged.push({ requestId, ...what })
    for (const [writes, go] of this.#waiting) if (this.acknowledged.length >= writes) go()
  }

  #when(writes: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(writes, resolve))
  }
}

/** The same numbers for the same seed: Math.imul steps of a linear congruential generator. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
