// What records say of other records - that a chain had come so far, that the gateway removed so much, that a line was torn - read with caution.
import type { CheckpointDetails, Head } from '../base/chain.ts'
import { isObject } from '../base/json.ts'

export class Claims {
  /** By chain and position. */
  readonly #named = new Map<string, string>()
  readonly #anchors = new Map<string, string>()
  /** The last record that was removed, by chain. */
  readonly #pruned = new Map<string, number>()
  readonly #torn = new Map<string, number>()

  take({ kind, details }: { readonly kind: string; readonly details: unknown }): void {
    if (kind === 'chain') {
      for (const head of this.named(details)) this.#named.set(place(head), head.hash)
      for (const digest of listOf(details, 'torn'))
        if (typeof digest === 'string') this.#torn.set(digest, (this.#torn.get(digest) ?? 0) + 1)
    } else if (kind === 'pruned') {
      for (const head of headsOf(details, 'anchors')) {
        this.#anchors.set(place(head), head.hash)
        this.#pruned.set(head.chain, Math.max(head.n, this.#pruned.get(head.chain) ?? 0))
      }
    }
  }

  named(details: unknown): readonly Head[] {
    return headsOf(details, 'previous')
  }

  hashOf(head: Head): string | undefined {
    return this.#named.get(place(head))
  }

  anchorAt(chain: string, n: number): string | undefined {
    return this.#anchors.get(place({ chain, n }))
  }

  isPruned(chain: string, n: number): boolean {
    return n <= (this.#pruned.get(chain) ?? 0)
  }

  /** Once for each time it was said. */
  torn(digest: string): boolean {
    const left = this.#torn.get(digest) ?? 0
    if (left > 0) this.#torn.set(digest, left - 1)
    return left > 0
  }
}

export function checkpointOf(details: unknown): CheckpointDetails | undefined {
  if (!isObject(details)) return undefined
  const { n, hash, key, signature } = details
  return typeof n === 'number' && [hash, key, signature].every((each) => typeof each === 'string')
    ? (details as unknown as CheckpointDetails)
    : undefined
}

function headsOf(details: unknown, member: string): Head[] {
  return listOf(details, member).filter(isHead)
}

function listOf(details: unknown, member: string): readonly unknown[] {
  const list = isObject(details) ? details[member] : undefined
  return Array.isArray(list) ? list : []
}

function isHead(value: unknown): value is Head {
  return (
    isObject(value) &&
    typeof value.chain === 'string' &&
    Number.isSafeInteger(value.n) &&
    typeof value.hash === 'string'
  )
}

function place({ chain, n }: { readonly chain: string; readonly n: number }): string {
  return `${chain}\n${n}`
}
