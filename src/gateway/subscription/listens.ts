// The open subscriptions/listen requests: bounded per principal, told of changes while they are open, ended together at shutdown.
import { AppError } from '../../base/errors.ts'
import type { Principal } from '../../engine/context.ts'
import { ownerKey } from '../access/owner.ts'
import type { Receiver } from './receiver.ts'

/** A place taken by one request; in the registry from the moment it is acknowledged. */
export interface Place {
  /** From now on it is told of changes. */
  opened(receiver: Receiver): void
  /** Resolves when the gateway wants it to end. */
  readonly ended: Promise<void>
  end(): void
  /** Gives the place back. */
  free(): void
}

export interface Listens {
  /** Throws SUBSCRIPTION_LIMIT, or SHUTTING_DOWN once all have been ended. */
  take(principal: Principal, max: number): Place
  all(): Iterable<Receiver>
  readonly size: number
  /** Ends all, each with a result, and takes no more. */
  endAll(): void
}

export function createListens(): Listens {
  const places = new Map<Place, Receiver | undefined>()
  const taken = new Map<string, number>()
  let closed = false

  return {
    take(principal, max) {
      const id = ownerKey(principal)
      if (closed) throw new AppError('SHUTTING_DOWN', 'the gateway takes no more subscriptions')
      const count = taken.get(id) ?? 0
      if (count >= max)
        throw new AppError(
          'SUBSCRIPTION_LIMIT',
          `no more subscriptions/listen than ${max} are open at one time; end one`,
        )
      taken.set(id, count + 1)
      const { promise, resolve } = Promise.withResolvers<void>()
      const place: Place = {
        opened: (receiver) => void places.set(place, receiver),
        ended: promise,
        end: resolve,
        free() {
          if (!places.delete(place)) return
          const left = (taken.get(id) ?? 1) - 1
          if (left === 0) taken.delete(id)
          else taken.set(id, left)
        },
      }
      places.set(place, undefined)
      return place
    },
    *all() {
      for (const receiver of places.values()) if (receiver) yield receiver
    },
    get size() {
      return places.size
    },
    endAll() {
      closed = true
      for (const place of places.keys()) place.end()
    },
  }
}
