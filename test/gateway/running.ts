// A gateway in this process with its listeners on free ports, its log kept, and plugins given in code under both gates.

import type { GatewayOptions } from '../../src/app/gateway.ts'
import { type RunningGateway, startGateway } from '../../src/app.ts'
import { type Logger, redact } from '../../src/base/log.ts'
import { definePlugin, type Hooks, type PluginDefinition } from '../../src/plugin.ts'

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: Record<string, unknown>
  readonly message: string
}

/** A logger that keeps what it is told, redacted as the product's own is. */
export function memoryLog(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const at = (level: LogLine['level'], bindings: object) => (fields: object, message: string) => {
    lines.push({ level, fields: redact({ ...bindings, ...fields }) as LogLine['fields'], message })
  }
  const make = (bindings: object): Logger => ({
    debug: at('debug', bindings),
    info: at('info', bindings),
    warn: at('warn', bindings),
    error: at('error', bindings),
    child: (more) => make({ ...bindings, ...more }),
  })
  return { ...make({}), lines }
}

/** An entry of the configuration with the hooks that are its plugin. */
export interface CodeEntry {
  readonly name: string
  readonly hooks: Hooks
  readonly mode?: string
  readonly priority?: number
  readonly redacts?: boolean
  readonly permissions?: PluginDefinition['permissions']
  readonly more?: Readonly<Record<string, unknown>>
}

export interface Started extends RunningGateway, AsyncDisposable {
  readonly lines: LogLine[]
  /** Everything the log was told, as text. */
  logged(): string
  /** Resolves when every observer has run. */
  observed(): Promise<void>
}

/** The part of a configuration that opens both gates for these entries. */
export function pluginsSection(entries: readonly CodeEntry[]): object {
  if (entries.length === 0) return {}
  return {
    plugins: {
      enabled: true,
      allowed: [...new Set(entries.map(({ name }) => name))],
      entries: entries.map(({ name, mode, priority, more, hooks }) => ({
        name,
        use: name,
        hooks: Object.keys(hooks),
        ...(mode ? { mode } : {}),
        ...(priority === undefined ? {} : { priority }),
        ...more,
      })),
    },
  }
}

export function pluginsOf(entries: readonly CodeEntry[]): PluginDefinition[] {
  return entries.map(({ name, hooks, redacts, permissions }) =>
    definePlugin({
      id: name,
      ...(redacts ? { redacts } : {}),
      ...(permissions ? { permissions } : {}),
      setup: () => ({ hooks }),
    }),
  )
}

/** On free ports of the loopback address. */
export const LISTEN = { listen: { port: 0 }, admin: { port: 0 } } as const

export async function runGateway(
  config: object,
  entries: readonly CodeEntry[] = [],
  options: Partial<GatewayOptions> = {},
): Promise<Started> {
  const log = memoryLog()
  const merged = { version: 1, ...LISTEN, ...pluginsSection(entries), ...config }
  const running = await startGateway({
    log,
    plugins: pluginsOf(entries),
    ...(options.configFile === undefined ? { config: merged } : {}),
    ...options,
  })
  return {
    ...running,
    lines: log.lines,
    logged: () => log.lines.map((line) => JSON.stringify(line)).join('\n'),
    async observed() {
      await running.gateway.engine.observers.idle()
    },
    [Symbol.asyncDispose]: () => running.stop({ now: true }),
  }
}

/** One upstream over HTTP. */
export const server = (name: string, url: string, more: object = {}): object => ({
  name,
  url,
  ...more,
})
