// Reference: hooks as they are usually run - each plugin gets a copy of its own, a timer of its own, and is timed.
import pTimeout from 'p-timeout'

export interface Message {
  readonly params?: { readonly name?: string }
}

export type Plugin = (message: Message) => Promise<void>

const TIMEOUT = 5_000
const spent: number[] = []

export async function runNaively(plugins: readonly Plugin[], message: Message): Promise<void> {
  for (const [index, plugin] of plugins.entries()) {
    const start = performance.now()
    await pTimeout(plugin(structuredClone(message)), { milliseconds: TIMEOUT })
    spent[index] = (spent[index] ?? 0) + performance.now() - start
  }
}
