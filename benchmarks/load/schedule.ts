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

/** How many requests belong together: the size of a burst. */
export function groupSize(schedule: Schedule): number {
  return schedule.kind === 'bursts' ? schedule.size : 1
}
