// The composition root: the only place where everything meets. A validated configuration in, a running, listening gateway out.
import type { AddressInfo } from 'node:net'
import { createAdminServer } from './admin/server.ts'
import { createGateway, type Gateway, type GatewayOptions } from './app/gateway.ts'
import type { ReloadResult } from './app/generation/reload.ts'
import { listen, readTls, stop } from './app/serve.ts'
import { createDisposer } from './base/dispose.ts'
import { messageOf } from './base/errors.ts'
import { type WatchTargets, watchConfig } from './config/watch.ts'
import { createHttpServer } from './gateway/http.ts'
import { divertStdout } from './host/services/output.ts'

export { createGateway, type Gateway, type GatewayOptions } from './app/gateway.ts'
export { configLoader, type GatewayConfig } from './app/sections.ts'

/** A gateway with its listeners. */
export interface RunningGateway {
  readonly gateway: Gateway
  /** Where clients connect, such as `http://127.0.0.1:8080/mcp`. */
  readonly url: string
  /** Where /healthz, /readyz and /metrics are, such as `http://127.0.0.1:8081`. */
  readonly adminUrl: string
  /** Where the first admin token was written at this start, if it was. */
  readonly tokenFile: string | undefined
  /** Reads the configuration again, as a change of its files does; never rejects. */
  reload(): Promise<ReloadResult>
  /** Not ready, drain up to `limits.drain`, close. `now`: without the wait. Idempotent. */
  stop(options?: { now?: boolean }): Promise<void>
}

export interface StartOptions {
  /** False: reload on request only, not when a file changes. */
  readonly watch?: boolean
  /** What code in this process prints to stdout goes to stderr: for a process whose stdout speaks to somebody else. */
  readonly divertStdout?: boolean
}

/** Starts everything and watches the configuration file. Rejects, with nothing left running, when it must not start. */
export async function startGateway(
  options: GatewayOptions & StartOptions,
): Promise<RunningGateway> {
  const owned = createDisposer()
  const diversion = options.divertStdout ? divertStdout(process.stdout, process.stderr) : undefined
  if (diversion) owned.defer(diversion.restore)
  let hurry = () => {}
  const deadline = new Promise<void>((resolve) => {
    hurry = resolve
  })
  try {
    let tokenFile: string | undefined
    const gateway = await createGateway(
      {
        async onFirstToken(token, config) {
          const { writeTokenFile } = await import('./app/admin/first-token.ts')
          tokenFile = await writeTokenFile(token, config)
        },
        ...options,
      },
      diversion,
    )
    owned.defer(() => gateway.close({ hurry: deadline }))
    const { config } = gateway.state().loaded
    const tls = await readTls(config.listen)
    const headerTimeout = config.limits.header_timeout
    const admin = createAdminServer(gateway.adminHandle, { ...config.admin, headerTimeout })
    const server = createHttpServer(gateway.doors, { headerTimeout }, tls)
    const adminAddress = await listen(
      admin,
      config.admin.host,
      config.admin.port,
      'the admin listener',
    )
    owned.defer(() => stop(admin, Promise.resolve()))
    const address = await listen(server, config.listen.host, config.listen.port, 'the MCP endpoint')
    owned.defer(async () => {
      gateway.drain()
      gateway.clock.after(gateway.state().loaded.config.limits.drain, hurry)
      await stop(server, deadline)
    })
    const watched = options.watch !== false && options.configFile !== undefined
    const watcher = watched ? await watchReloads(gateway) : undefined
    owned.defer(() => watcher?.close())
    if (tokenFile !== undefined)
      gateway.log.info({ file: tokenFile }, 'the first admin token is in this file')
    return {
      gateway,
      tokenFile,
      async reload() {
        const result = await gateway.reload()
        await watcher?.update(targetsOf(gateway))
        return result
      },
      url: `${tls ? 'https' : 'http'}://${hostOf(address)}${config.listen.path}`,
      adminUrl: `http://${hostOf(adminAddress)}${config.admin.path.replace(/^\/$/, '')}`,
      stop(how = {}) {
        if (how.now) hurry()
        return owned.dispose()
      },
    }
  } catch (error) {
    await owned.dispose().catch(() => {})
    throw error
  }
}

async function watchReloads(gateway: Gateway) {
  const watcher = await watchConfig(
    targetsOf(gateway),
    async () => {
      await gateway.reload()
      await watcher.update(targetsOf(gateway))
    },
    {
      clock: gateway.clock,
      onError: (error) =>
        gateway.log.warn(
          { reason: messageOf(error) },
          'the configuration is not watched completely',
        ),
    },
  )
  return watcher
}

// a reload may have brought other files
function targetsOf(gateway: Gateway): WatchTargets {
  const { files, folders } = gateway.state().loaded
  return { files, folders }
}

/** Where a client on this machine finds it: an address for all interfaces is none to connect to. */
function hostOf({ address, family, port }: AddressInfo): string {
  if (address === '0.0.0.0' || address === '::') return `127.0.0.1:${port}`
  return `${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
