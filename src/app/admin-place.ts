// Where the configuration says that the admin API is, and where the first token lies; for the command line, which asks the API and starts nothing.
import { dirname, join, resolve } from 'node:path'
import type { StoreOptions } from '../store/options.ts'
import { type GatewayOptions, readConfig } from './gateway.ts'
import { configLoader } from './sections.ts'

export interface AdminPlace {
  readonly host: string
  /** 0: the system chooses, so that nobody knows it from here. */
  readonly port: number
  readonly path: string
  /** Where a start without a terminal leaves the first token. */
  readonly tokenFile: string
}

const FIRST_TOKEN = 'admin-token'

type Source = Pick<GatewayOptions, 'configFile' | 'profile' | 'env'> & { readonly cwd: string }

/** Without a configuration: the defaults. Rejects as a start would with a configuration that is wrong. */
export async function adminPlace({ cwd, ...source }: Source): Promise<AdminPlace> {
  const loader = configLoader()
  const { config } =
    source.configFile === undefined
      ? loader.fromObject({ version: 1, ...demoPort(source.env) }, { base: cwd })
      : await readConfig(loader, source)
  const { host, port, path } = config.admin
  return { host, port, path, tokenFile: tokenFile(config.store, cwd) }
}

// as a start without a configuration reads it
function demoPort(env: GatewayOptions['env'] = {}): object {
  const port = env.PORTCULLIS_ADMIN_PORT
  return port ? { admin: { port: Number(port) } } : {}
}

// beside the database, or where the database would be
function tokenFile({ url }: StoreOptions, cwd: string): string {
  const path = /^sqlite:(?!:memory:)(.+)$/.exec(url)?.[1] ?? './data/portcullis.db'
  return join(dirname(resolve(cwd, path)), FIRST_TOKEN)
}
