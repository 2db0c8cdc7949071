// The way from a command to the admin API; loaded with the commands, so that what asks it is loaded only when one of them runs.
import type { Output } from '../output.ts'
import type { Shell } from '../shell.ts'
import type { Client } from './client.ts'
import type { ApiOptions } from './options.ts'

/** Finds out where and as whom. Rejects with UsageError, and with what is wrong with the configuration. */
export async function connect(
  options: ApiOptions,
  shell: Shell,
  output: Pick<Output, 'note' | 'warn'>,
): Promise<Client> {
  const [{ findAddress }, { findToken }, { createClient }] = await Promise.all([
    import('./address.ts'),
    import('./token.ts'),
    import('./client.ts'),
  ])
  const address = await findAddress(options, shell, output)
  const token = await findToken(options, address, shell, output)
  if (!isPrivate(address.url))
    output.warn(`${address.url} is not https: others on the way can read the token`)
  return createClient({ url: address.url, token })
}

function isPrivate(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}
