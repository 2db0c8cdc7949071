// Where the configuration says that the admin API is, and where the first token lies; for the command line, which asks the API and starts nothing.
import { resolve } from 'node:path'
import { type GatewayOptions, readConfig } from '../gateway.ts'
import { configLoader } from '../sections.ts'
import { tokenFile } from './first-token.ts'

export interface AdminPlace {
  readonly host: string
  /** 0: the system chooses, so that nobody knows it from here. */
  readonly port: number
  readonly path: string
  /** Where a start without a terminal leaves the first token. */
  readonly tokenFile: string
}

type Source = Pick<GatewayOptions, 'configFile' | 'profile' | 'env'> & { readonly cwd: string }

/** Without a configuration: the defaults. Rejects as a start would with a configuration that is wrong. */
export async function adminPlace({ cwd, ...source }: Source): Promise<AdminPlace> {
  const loader = configLoader()
  const { config } =
    source.configFile === undefined
      ? loader.fromObject({ version: 1, ...demoPort(source.env) }, { base: cwd })
      : await readConfig(loader, source)
  const { host, port, path } = config.admin
  return { host, port, path, tokenFile: resolve(cwd, tokenFile(config)) }
}

// as a start without a configuration reads it
function demoPort(env: GatewayOptions['env'] = {}): object {
  const port = env.PORTCULLIS_ADMIN_PORT
  return port ? { admin: { port: Number(port) } } : {}
}
