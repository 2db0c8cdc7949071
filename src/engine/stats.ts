// Counters of one entry at one point: plain numbers that the telemetry reads when it is scraped.

export interface StepStats {
  readonly point: string
  readonly entry: string
  readonly plugin: string
  pass: number
  patch: number
  deny: number
  respond: number
  ask: number
  /** Recorded without effect: permissive, audit. */
  wouldDeny: number
  fault: number
  failedOpen: number
  /** A condition did not match. */
  unmatched: number
  aborted: number
}

export function createStats(point: string, entry: string, plugin: string): StepStats {
  return {
    point,
    entry,
    plugin,
    pass: 0,
    patch: 0,
    deny: 0,
    respond: 0,
    ask: 0,
    wouldDeny: 0,
    fault: 0,
    failedOpen: 0,
    unmatched: 0,
    aborted: 0,
  }
}
