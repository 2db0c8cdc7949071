// The gateway under test as a process: its configuration in a temporary folder, standalone or mounted in Express, built code where there is some.
import { globSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { freePort, type Service, start, startScript } from './process.ts'
import { temporary } from './temporary.ts'

export interface GatewaySetting {
  readonly upstream: string
  /** A server that the gateway starts itself, in place of the upstream; what that costs is counted too. */
  readonly command?: readonly [string, ...string[]]
  readonly form: 'express' | 'standalone'
  /** That many entries of a plugin that reads the name and the principal and decides. */
  readonly plugins: number
  readonly asynchronous?: boolean
  readonly hooks?: readonly Hook[]
  /** Takes the place of `plugins`: whole sections of a configuration. */
  readonly sections?: object
  /** Which checkout to run; by default this one. */
  readonly root?: URL
  /** Revisions from before there was a store know files only. */
  readonly sink?: keyof typeof SINKS
  /** By default built code where it is up to date. */
  readonly code?: 'sources'
}

export type Hook = 'tool_pre_invoke' | 'tool_post_invoke'

/** Where audit records go; the log, which is the default, would measure the pipe that reads it. */
const SINKS = {
  file: (folder: string) => ({
    audit: { sinks: [{ type: 'file', path: join(folder, 'audit.jsonl') }] },
  }),
  store: (folder: string) => ({
    audit: { sinks: [{ type: 'store' }] },
    store: { url: `sqlite:${join(folder, 'audit.db')}` },
  }),
}
const SINK: keyof typeof SINKS = 'store'

export const ROOT = new URL('../../', import.meta.url)
/** As clients see the tools of the one server: namespacing is on. */
export const NAMESPACE = 'bench__'
const HOOKS: readonly Hook[] = ['tool_pre_invoke', 'tool_post_invoke']

export async function startGateway(setting: GatewaySetting): Promise<Service> {
  const { path: folder, remove } = temporary('bench')
  try {
    const file = join(folder, 'gateway.yaml')
    const [port, admin] = [await freePort(), await freePort()]
    writePlugins(folder)
    writeFileSync(file, stringify(configOf(setting, folder, port, admin)))
    const { root = ROOT, form, code } = setting
    const flags = code === undefined && isBuilt(root) ? [] : ['--conditions=portcullis-source']
    const service = await (form === 'express'
      ? mounted(root, file, flags)
      : standalone(root, file, flags, admin, setting.command !== undefined))
    return {
      ...service,
      ready: { port, ...service.ready },
      async stop() {
        await service.stop()
        remove()
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}

function configOf(setting: GatewaySetting, folder: string, port: number, admin: number): object {
  return {
    version: 1,
    listen: { host: '127.0.0.1', port },
    admin: { host: '127.0.0.1', port: admin },
    servers: [{ name: 'bench', ...serverOf(setting) }],
    ...SINKS[setting.sink ?? SINK](folder),
    telemetry: { log: { level: 'warn' } },
    ...(setting.sections ?? pluginSection(setting, folder)),
  }
}

function serverOf({ upstream, command }: GatewaySetting): object {
  if (command === undefined) return { url: upstream }
  const [program, ...args] = command
  return { command: program, args }
}

function pluginSection(setting: GatewaySetting, folder: string): object {
  const { plugins, asynchronous = false, hooks = HOOKS } = setting
  if (plugins === 0) return {}
  const use = asynchronous ? 'bench-async' : 'bench'
  // a pattern of its own each: nothing to share between entries, and all of them match the tools that are called
  const entries = Array.from({ length: plugins }, (_, index) => ({
    name: `bench-${index}`,
    use,
    hooks: [...hooks],
    conditions: [{ tools: ['e*', 'b*', 's*', 'd*', `unused-${index}-*`] }],
  }))
  return {
    plugins: { enabled: true, allowed: [use], dirs: [join(folder, 'plugins')], entries },
  }
}

function mounted(root: URL, file: string, flags: readonly string[]): Promise<Service> {
  const host = new URL('benchmarks/load/gateway-host.ts', root)
  return startScript('the gateway in Express', host, { config: file }, { core: 'subject', flags })
}

function standalone(
  root: URL,
  file: string,
  flags: readonly string[],
  admin: number,
  withChildren: boolean,
): Promise<Service> {
  const bin = new URL('bin/portcullis.js', root).pathname
  return start({
    name: 'the gateway',
    command: process.execPath,
    args: [...flags, bin, 'start', '--no-watch', '--config', file],
    core: 'subject',
    withChildren,
    untilReady: () => untilReady(`http://127.0.0.1:${admin}/readyz`),
  })
}

/** Whether `dist` is there and no source is newer. */
export function isBuilt(root: URL = ROOT): boolean {
  const changed = (path: string) => statSync(new URL(path, root)).mtimeMs
  try {
    const built = changed('dist/src/index.js')
    return globSync(['src/**/*.ts', 'plugins/**/*.ts'], { cwd: root }).every(
      (path) => changed(path) <= built,
    )
  } catch {
    return false
  }
}

async function untilReady(url: string): Promise<void> {
  for (;;) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1000) }).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer?.ok) return
    await sleep(50)
  }
}

const POLICY = (wait: string) => `import { definePlugin, deny } from 'portcullis/plugin'

const denied = deny({ code: 'BENCH_DENIED', reason: 'this tool is not for you' })

export default definePlugin({
  id: 'bench${wait && '-async'}',
  setup: () => ({
    hooks: {
      ${wait}tool_pre_invoke(payload, context) {
        if (payload.name.endsWith('denied') || context.principal.roles.includes('banned')) return denied
      },
      ${wait}tool_post_invoke(payload, context) {
        if (payload.name.endsWith('secret') || context.principal.roles.includes('blind')) return denied
      },
    },
  }),
})
`

const manifest = (id: string) => ({
  id,
  version: '1.0.0',
  description: 'decides by the name of the tool and the roles of who calls',
  hooks: HOOKS,
  permissions: {},
  entry: './index.ts',
  side_effects: 'none',
})

function writePlugins(folder: string): void {
  for (const [id, wait] of [
    ['bench', ''],
    ['bench-async', 'async '],
  ] as const) {
    const place = join(folder, 'plugins', id)
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'plugin.yaml'), stringify(manifest(id)))
    writeFileSync(join(place, 'index.ts'), POLICY(wait))
  }
}
