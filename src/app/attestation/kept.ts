// The store for attestation where no control plane has opened one: that which the configuration names, or was handed in.
import type { Clock } from '../../base/clock.ts'
import { createStore } from '../../store/open.ts'
import type { StoreOptions } from '../../store/options.ts'
import type { Store } from '../../store/store.ts'

export interface KeptStore {
  readonly store: Store
  /** What was handed in is its owner's to close. */
  close(): Promise<void>
}

/** Rejects with STORE_UNAVAILABLE: without what was known of its servers a gateway should not begin to admit them. */
export async function openKept(
  options: StoreOptions,
  given: Store | undefined,
  clock: Clock,
): Promise<KeptStore> {
  if (given) {
    await given.start()
    return { store: given, close: async () => {} }
  }
  const store = createStore(options, { clock })
  try {
    await store.start()
  } catch (error) {
    await store.close().catch(() => {})
    throw error
  }
  return { store, close: () => store.close() }
}
