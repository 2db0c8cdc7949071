// Keeps the messages of one stream in order while policies decide: at once where nothing is waited for, held and bounded in bytes otherwise.

/** What a held message costs beside its bytes, so that empty ones are bounded, too. */
const OVERHEAD = 64

export interface HoldbackOptions {
  /** Most bytes that may be held. */
  readonly limit: () => number
  /** More would be held than may: the work is not done, and what is held has been thrown away. */
  overflow(): void
  failed(error: unknown): void
}

type Work = () => void | Promise<void>

interface Held {
  readonly bytes: number
  readonly work: Work
}

export class Holdback {
  readonly #options: HoldbackOptions
  #queue: Held[] = []
  #held = 0
  #busy = false
  #waiting: (() => void)[] = []

  constructor(options: HoldbackOptions) {
    this.#options = options
  }

  /** Does the work after all that was pushed before; at once when nothing is pending. */
  push(length: number, work: Work): void {
    const held = { bytes: length + OVERHEAD, work }
    if (!this.#busy) this.#start(held)
    else if (this.#fits(held)) this.#queue.push(held)
  }

  /** Undefined: nothing is pending. */
  settled(): Promise<void> | undefined {
    return this.#busy ? new Promise((resolve) => this.#waiting.push(resolve)) : undefined
  }

  /** Throws away what waits; what is being decided goes on. */
  clear(): void {
    for (const { bytes } of this.#queue.splice(0)) this.#held -= bytes
  }

  #start(held: Held): void {
    this.#busy = true
    const pending = this.#run(held)
    if (pending) {
      const bytes = this.#fits(held) ? held.bytes : 0
      void pending.then(() => this.#next(bytes))
    } else this.#next(0)
  }

  #next(done: number): void {
    this.#held -= done
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      const { bytes } = next
      const pending = this.#run(next)
      if (pending) return void pending.then(() => this.#next(bytes))
      this.#held -= bytes
    }
    this.#busy = false
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #run({ work }: Held): Promise<void> | undefined {
    try {
      return work()?.catch(this.#options.failed) ?? undefined
    } catch (error) {
      this.#options.failed(error)
      return undefined
    }
  }

  #fits({ bytes }: Held): boolean {
    if (this.#held + bytes <= this.#options.limit() + OVERHEAD) {
      this.#held += bytes
      return true
    }
    this.clear()
    this.#options.overflow()
    return false
  }
}
