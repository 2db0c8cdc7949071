// How attestation says no: one reason of the table and a short detail; it decides nothing.
import { REASONS, type Reason } from './reasons.ts'

/**
 * Thrown by parsers and verifiers of this room, caught where a result is made; whatever else is thrown there is a fault of ours.
 * The detail names field and expectation and never holds a payload, a nonce or a token.
 */
export class Denial extends Error {
  readonly reason: Reason
  readonly detail: string | undefined

  constructor(reason: Reason, detail?: string) {
    // a refusal is no accident: nobody reads its stack, and a peer must not make us pay for it
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(detail === undefined ? REASONS[reason].says : `${REASONS[reason].says}: ${detail}`)
    Error.stackTraceLimit = limit
    this.name = 'Denial'
    this.reason = reason
    this.detail = detail
  }
}

/** As people are shown it: the sentence, and the code under which the runbook has it. */
export function toldReason(reason: Reason, says: string = REASONS[reason].says): string {
  return `${says} (${reason})`
}

/** For bytes that are not what they should be. */
export function malformed(detail: string): Denial {
  return new Denial('evidence.malformed', detail)
}

/** What is malformed or too large in collateral is no fault of the evidence. */
export function ofCollateral<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    const isUnread =
      error instanceof Denial && ['evidence.malformed', 'evidence.too_large'].includes(error.reason)
    if (isUnread) throw new Denial('evidence.collateral_invalid', error.detail)
    throw error
  }
}
