// Whether a server may be spoken to: what was decided about it, asked wherever something begins; it decides and ends nothing itself.
import { AppError } from '../../base/errors.ts'
import type { Admission } from '../client.ts'

/** What transports see of it. */
export interface Doorway {
  /** Why nothing is sent; undefined: it is. Each time an error of its own. */
  readonly refusal: AppError | undefined
}

export class Door implements Doorway {
  readonly #server: string
  #admission: Admission
  #reason: string | undefined

  constructor(server: string, admission: Admission, reason: string | undefined) {
    this.#server = server
    this.#admission = admission
    this.#reason = reason
  }

  get admission(): Admission {
    return this.#admission
  }

  /** One sentence for people. */
  get reason(): string | undefined {
    return this.#reason
  }

  get refusal(): AppError | undefined {
    return this.#admission === 'quarantined' ? quarantined(this.#server, this.#reason) : undefined
  }

  set(admission: Admission, reason: string | undefined): void {
    this.#admission = admission
    this.#reason = reason
  }
}

function quarantined(server: string, reason: string | undefined): AppError {
  const why = reason === undefined ? '' : `: ${reason}`
  const next = 'it serves again once it is admitted'
  return new AppError('UPSTREAM_QUARANTINED', `server ${server} is quarantined${why}; ${next}`)
}
