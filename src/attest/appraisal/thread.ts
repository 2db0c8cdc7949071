// Appraisals as the service asks for them: one after another in a thread of their own, each with a deadline; it appraises nothing itself.
import { Worker } from 'node:worker_threads'
import type { Clock } from '../../base/clock.ts'
import { EXTENSION, SOURCES } from '../../base/place.ts'
import type { Reason } from '../reasons.ts'
import type { Activations } from './activations.ts'
import type { Needs } from './needs.ts'
import type { AppraisalRequest, AppraisalResult } from './result.ts'
import { type Refusal, refusedResult } from './settle.ts'

export interface ThreadQuestion {
  readonly ask: 'needs' | 'activations' | 'appraise'
  readonly request: AppraisalRequest
}

export type ThreadAnswer =
  | { readonly ready: true }
  | { readonly needs: Needs }
  | { readonly activations: Activations }
  | { readonly result: AppraisalResult }

/** None of them rejects: what goes wrong is a refusal. */
export interface Appraiser {
  /** What has to be fetched for `appraise`. */
  needs(request: AppraisalRequest): Promise<Needs>
  /** What has to be activated for `appraise`, while the connection is open. */
  activations(request: AppraisalRequest): Promise<Activations>
  appraise(request: AppraisalRequest): Promise<AppraisalResult>
  /** Ends the thread; what waits is refused. */
  close(): Promise<void>
}

export interface AppraiserOptions {
  readonly clock: Clock
  /** Milliseconds for one question; the thread is ended when they are over. */
  readonly deadline?: number
  /** Milliseconds for the thread to start. */
  readonly patience?: number
  /** Questions that may wait; the next is refused as `internal.busy`. */
  readonly queue?: number
  /** Milliseconds without a question after which the thread is ended. */
  readonly idle?: number
  /** Another file than the worker of this room: for tests of threads that misbehave. */
  readonly worker?: URL
}

const WORKER = new URL(`attest/appraisal/worker.${EXTENSION}`, SOURCES)
/** A parser with limits needs a few; one that ran away must not take the memory of the gateway. */
const MEGABYTES = 192

export function createAppraiser(options: AppraiserOptions): Appraiser {
  return new ThreadAppraiser(options)
}

interface Waiting {
  readonly question: ThreadQuestion
  readonly settle: (answer: ThreadAnswer | Refusal) => void
}

class ThreadAppraiser implements Appraiser {
  readonly #clock: Clock
  readonly #bounds: Required<Pick<AppraiserOptions, 'deadline' | 'patience' | 'queue' | 'idle'>>
  readonly #file: URL
  readonly #waiting: Waiting[] = []
  #worker: Worker | undefined
  #isReady = false
  #current: Waiting | undefined
  /** Of the one wait that is under way: for the start, an answer, or the end of idleness. */
  #disarm: () => void = () => {}
  #isClosed = false

  constructor(options: AppraiserOptions) {
    const { clock, deadline = 5_000, patience = 20_000, queue = 256, idle = 60_000 } = options
    this.#clock = clock
    this.#bounds = { deadline, patience, queue, idle }
    this.#file = options.worker ?? WORKER
  }

  async needs(request: AppraisalRequest): Promise<Needs> {
    const answer = await this.#ask({ ask: 'needs', request })
    if ('needs' in answer) return answer.needs
    return { refusal: 'reason' in answer ? answer : { reason: 'internal.error' } }
  }

  async activations(request: AppraisalRequest): Promise<Activations> {
    const answer = await this.#ask({ ask: 'activations', request })
    if ('activations' in answer) return answer.activations
    return { refusal: 'reason' in answer ? answer : { reason: 'internal.error' } }
  }

  async appraise(request: AppraisalRequest): Promise<AppraisalResult> {
    const answer = await this.#ask({ ask: 'appraise', request })
    if ('result' in answer) return answer.result
    return refusedResult(request, 'reason' in answer ? answer : { reason: 'internal.error' })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#end('internal.error', 'the gateway is closing')
    for (const { settle } of this.#waiting.splice(0))
      settle({ reason: 'internal.error', detail: 'the gateway is closing' })
  }

  #ask(question: ThreadQuestion): Promise<ThreadAnswer | Refusal> {
    if (this.#isClosed)
      return Promise.resolve({ reason: 'internal.error', detail: 'the gateway is closing' })
    if (this.#waiting.length >= this.#bounds.queue)
      return Promise.resolve({ reason: 'internal.busy', detail: 'too many appraisals wait' })
    return new Promise((settle) => {
      this.#waiting.push({ question, settle })
      this.#proceed()
    })
  }

  #proceed(): void {
    if (this.#current !== undefined || this.#waiting.length === 0) return
    if (this.#worker === undefined) this.#start()
    else if (this.#isReady) this.#post()
  }

  #start(): void {
    const worker = new Worker(this.#file, {
      env: {},
      name: 'attest',
      resourceLimits: { maxOldGenerationSizeMb: MEGABYTES },
    })
    this.#worker = worker
    this.#isReady = false
    // a thread that was given up may still say something; nobody listens to it any more
    const ifCurrent = (run: () => void) => {
      if (this.#worker === worker) run()
    }
    worker.on('message', (answer: ThreadAnswer) => ifCurrent(() => this.#answered(answer)))
    worker.on('error', (error: unknown) =>
      ifCurrent(() => this.#failed(error instanceof Error ? error.name : 'its thread failed')),
    )
    worker.on('exit', () => ifCurrent(() => this.#failed('its thread ended')))
    this.#wait(this.#bounds.patience, () => this.#failed('its thread did not start'))
  }

  #post(): void {
    this.#current = this.#waiting.shift()
    // what was asked for keeps the process alive, an idle thread does not
    this.#worker?.ref()
    this.#wait(this.#bounds.deadline, () => void this.#end('internal.timeout').then(this.#goOn))
    try {
      this.#worker?.postMessage(this.#current?.question)
    } catch {
      this.#settle({ reason: 'internal.error', detail: 'a request that cannot be sent' })
    }
  }

  #answered(answer: ThreadAnswer): void {
    if ('ready' in answer) {
      this.#isReady = true
      this.#rest()
    } else this.#settle(answer)
  }

  #settle(answer: ThreadAnswer | Refusal): void {
    const { settle } = this.#current ?? {}
    this.#current = undefined
    this.#rest()
    settle?.(answer)
  }

  #rest(): void {
    this.#disarm()
    if (this.#waiting.length > 0) {
      this.#proceed()
      return
    }
    this.#worker?.unref()
    this.#wait(this.#bounds.idle, () => void this.#end('internal.error'))
  }

  // a start that fails would fail for whoever waits too: all are refused, and the next question tries again
  #failed(detail: string): void {
    const refused = this.#isReady ? [] : this.#waiting.splice(0)
    void this.#end('internal.error', detail).then(this.#goOn)
    for (const { settle } of refused) settle({ reason: 'internal.error', detail })
  }

  readonly #goOn = (): void => this.#proceed()

  async #end(reason: Reason, detail?: string): Promise<void> {
    const worker = this.#worker
    const current = this.#current
    this.#worker = undefined
    this.#current = undefined
    this.#disarm()
    current?.settle({ reason, detail })
    await worker?.terminate()
  }

  #wait(ms: number, run: () => void): void {
    this.#disarm()
    this.#disarm = this.#clock.after(ms, run)
  }
}
