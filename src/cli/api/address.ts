// Where the admin API is: named, or where the configuration would have the gateway listen; nothing is asked of it here.
import type { AdminPlace } from '../../app/admin/place.ts'
import { findConfig } from '../command.ts'
import { UsageError } from '../exit.ts'
import type { Output } from '../output.ts'
import type { Shell } from '../shell.ts'
import type { ApiOptions } from './options.ts'

export interface Address {
  /** With the path it is served below, without a slash at the end. */
  readonly url: string
  /** The first token of the gateway of this machine; it is for no other one. */
  readonly tokenFile: string | undefined
}

/** Throws UsageError, and what is wrong with the configuration where that has to be read. */
export async function findAddress(
  options: ApiOptions,
  shell: Shell,
  output: Pick<Output, 'note'>,
): Promise<Address> {
  const variable = shell.env.PORTCULLIS_ADMIN || undefined
  if (options.admin !== undefined || variable === undefined) {
    if (options.admin !== undefined) return named(options.admin, '--admin')
    return configured(options, shell, output)
  }
  return named(variable, 'PORTCULLIS_ADMIN')
}

function named(text: string, by: string): Address {
  const url = URL.parse(text)
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new UsageError(`${by}: not an http or https URL, such as http://127.0.0.1:8081`)
  if (url.username !== '' || url.password !== '')
    throw new UsageError(`${by}: credentials do not belong in a URL; use --token-file`)
  if (url.search !== '' || url.hash !== '')
    throw new UsageError(`${by}: the address has no query and no fragment`)
  return { url: `${url.origin}${url.pathname.replace(/\/+$/, '')}`, tokenFile: undefined }
}

async function configured(
  options: ApiOptions,
  shell: Shell,
  output: Pick<Output, 'note'>,
): Promise<Address> {
  const { adminPlace } = await import('../../app/admin/place.ts')
  const configFile = findConfig(options, shell)
  const { profile } = options
  const source = configFile === undefined ? {} : { configFile, profile }
  const place = await adminPlace({ ...source, env: shell.env, cwd: shell.cwd }).catch((error) => {
    output.note('--admin or PORTCULLIS_ADMIN names the admin API without a configuration')
    throw error
  })
  if (place.port === 0)
    throw new UsageError(
      'admin.port is 0, so the system chose the port: name the address that start printed with --admin',
    )
  return { url: urlOf(place), tokenFile: place.tokenFile }
}

const ANY = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])

function urlOf({ host, port, path }: AdminPlace): string {
  const reached = ANY.get(host) ?? host
  const shown = reached.includes(':') ? `[${reached}]` : reached
  return `http://${shown}:${port}${path === '/' ? '' : path}`
}
