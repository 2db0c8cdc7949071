// When requests are meant to start: evenly at a rate, or all at once again and again; pure.

export type Schedule =
  | { readonly kind: 'rate'; readonly rate: number; readonly seconds: number }
  | {
      readonly kind: 'bursts'
      readonly size: number
      readonly count: number
      /** Milliseconds from one burst to the next. */
      readonly every: number
    }

/** Milliseconds from the beginning, in order. */
export function intendedStarts(schedule: Schedule): Float64Array {
  if (schedule.kind === 'rate') {
    const { rate, seconds } = schedule
    return Float64Array.from({ length: Math.round(rate * seconds) }, (_, i) => (i * 1000) / rate)
  }
  const { size, count, every } = schedule
  return Float64Array.from({ length: size * count }, (_, i) => Math.floor(i / size) * every)
}

/** Milliseconds at a rate, and bursts, that are sent but not counted: the generator itself has to warm up. */
const LEAD = 500
const LEAD_BURSTS = 2

/** How many of the first requests do not count. */
export function leadOf(schedule: Schedule): number {
  if (schedule.kind === 'rate') {
    const { rate, seconds } = schedule
    return Math.round((rate * Math.min(LEAD, seconds * 500)) / 1000)
  }
  return schedule.size * Math.min(LEAD_BURSTS, Math.floor(schedule.count / 2))
}

/** How many requests belong together: the size of a burst. */
export function groupSize(schedule: Schedule): number {
  return schedule.kind === 'bursts' ? schedule.size : 1
}
