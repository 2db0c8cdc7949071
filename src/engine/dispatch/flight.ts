// Steps that have not answered yet: listed for the watchdog, and given up when their time is over. One coarse timer for all.
import type { Clock } from '../../base/clock.ts'
import type { Step } from '../compile.ts'

export interface InFlight {
  readonly point: string
  readonly entry: string
  readonly plugin: string
  /** Monotonic milliseconds, to the nearest tick. */
  readonly since: number
}

const UNSTAMPED = -1

/** One pending step. The list is intrusive and the clock is read once per tick for all, so a pending step costs no more than its links. */
export abstract class Flight {
  previous: Flight = this
  next: Flight = this
  point = ''
  step: Step | null = null
  /** Until then the step may take whatever its own timeout says. */
  budgetEnd = Number.POSITIVE_INFINITY
  since = UNSTAMPED
  at = UNSTAMPED

  /** Its time is over; `own`: its timeout, not the budget of the dispatch. It is no longer listed. */
  abstract expired(own: boolean): void
}

export interface Flights {
  /** Lists a step; its time begins with the next tick, so a deadline is late by two ticks at most and never early. */
  add(flight: Flight): void
  /** Ignored when it is not listed. */
  remove(flight: Flight): void
  /** What is listed now, for people. */
  list(): ReadonlySet<InFlight>
}

class Head extends Flight {
  expired(): void {}
}

/** A wheel with one bucket, walked once per tick (about 5 ns per pending step); a timer per plugin costs 1 to 10 us. */
export function createFlights(clock: Clock, tick = 10): Flights {
  const head = new Head()
  let armed = false

  function turn(): void {
    armed = false
    const now = clock.now()
    const over: Flight[] = []
    for (let flight = head.next; flight !== head; flight = flight.next) {
      if (flight.at === UNSTAMPED) stamp(flight, now)
      if (flight.at <= now) over.push(flight)
    }
    // unlinked first: what one expiry starts or ends must not disturb the walk
    for (const flight of over) remove(flight)
    if (head.next !== head) arm()
    for (const flight of over) flight.expired(flight.at < flight.budgetEnd)
  }

  function arm(): void {
    if (armed) return
    armed = true
    clock.after(tick, turn)
  }

  function remove(flight: Flight): void {
    flight.previous.next = flight.next
    flight.next.previous = flight.previous
    flight.next = flight
    flight.previous = flight
  }

  return {
    add(flight) {
      flight.at = UNSTAMPED
      if (flight.next === flight) {
        flight.previous = head.previous
        flight.next = head
        head.previous.next = flight
        head.previous = flight
      }
      if (!armed) arm()
    },
    remove,
    list() {
      const listed = new Set<InFlight>()
      for (let flight = head.next; flight !== head; flight = flight.next) {
        const { point, step, at, since } = flight
        if (step)
          listed.add({
            point,
            entry: step.entry,
            plugin: step.plugin,
            since: at === UNSTAMPED ? clock.now() : since,
          })
      }
      return listed
    },
  }
}

function stamp(flight: Flight, now: number): void {
  const own = now + (flight.step?.timeout ?? 0)
  flight.since = now
  flight.at = own < flight.budgetEnd ? own : flight.budgetEnd
}
