// A caller that may go away while others wait on its behalf: one per request, where an AbortSignal with a listener costs ten times as much.

/** Something that waits on behalf of a caller. */
export interface Interruptible {
  interrupt(): void
}

/** Who a request is for, as those see it who wait for an answer. */
export interface Caller {
  readonly aborted: boolean
  /** Joins those that are interrupted when the caller goes away; not for a caller that has gone already. */
  enter(wait: Interruptible): void
  leave(wait: Interruptible): void
}

/** A caller whose going is decided here. */
export class Cancellation implements Caller {
  aborted = false
  #waits: Interruptible[] | undefined

  /** Interrupts all that wait, once. */
  abort(): void {
    if (this.aborted) return
    this.aborted = true
    for (const wait of this.#waits?.splice(0) ?? []) wait.interrupt()
  }

  enter(wait: Interruptible): void {
    this.#waits ??= []
    this.#waits.push(wait)
  }

  leave(wait: Interruptible): void {
    const at = this.#waits?.lastIndexOf(wait) ?? -1
    if (at !== -1) this.#waits?.splice(at, 1)
  }
}
