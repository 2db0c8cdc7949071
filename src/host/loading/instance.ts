// One run of a plugin's setup and its closing, each with a deadline; what comes back is checked, because plugins are not trusted to be typed.
import pTimeout from 'p-timeout'
import { AppError, isAppError, messageOf } from '../../base/errors.ts'
import { isObject } from '../../base/json.ts'
import type { Logger } from '../../base/log.ts'
import type { Handler } from '../../engine/registry.ts'
import type { PluginDefinition } from '../../plugin.ts'
import { isPointName, POINT_ALIASES, type PointName } from '../../points/table.ts'
import type { PluginHost } from '../api.ts'
import { pointProblem } from '../discovery/manifest.ts'
import type { BoundEntry } from './bind.ts'

export interface LoadedInstance {
  /** The points it runs at, and what runs there. */
  readonly handlers: ReadonlyMap<PointName, Handler>
  close(): Promise<void>
}

export interface Deadlines {
  readonly setup: number
  readonly close: number
}

/** False when the plugin declines. Throws PLUGIN_SETUP, or CONFIG_INVALID when what it was configured with does not compile. */
export async function setUp(
  definition: PluginDefinition,
  config: Readonly<Record<string, unknown>>,
  host: PluginHost,
  bound: BoundEntry,
  deadlines: Deadlines,
  log: Logger,
): Promise<LoadedInstance | false> {
  const instance = await runSetup(definition, config, host, deadlines.setup, (late) =>
    closeLate(late, bound, deadlines, log),
  )
  if (instance === false) return false
  const close = closerOf(instance, bound, deadlines, log)
  try {
    return { handlers: handlersOf(instance, bound), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function runSetup(
  definition: PluginDefinition,
  config: Readonly<Record<string, unknown>>,
  host: PluginHost,
  milliseconds: number,
  onLate: (instance: unknown) => void,
): Promise<unknown> {
  let late = false
  const started = Promise.resolve().then(() => definition.setup(config, host))
  started.then(
    (instance) => {
      if (late) onLate(instance)
    },
    () => {},
  )
  try {
    return await pTimeout(started, {
      milliseconds,
      message: new AppError('PLUGIN_SETUP', `its setup did not end within ${milliseconds} ms`),
    })
  } catch (error) {
    late = true
    if (isAppError(error)) throw error
    throw new AppError('PLUGIN_SETUP', `its setup threw: ${messageOf(error)}`, { cause: error })
  }
}

function handlersOf(instance: unknown, { entry, facts }: BoundEntry): Map<PointName, Handler> {
  const hooks = isObject(instance) ? instance.hooks : undefined
  if (!isObject(hooks))
    throw new AppError('PLUGIN_SETUP', 'its setup answered neither false nor { hooks }')
  const implemented = new Map<PointName, Handler>()
  for (const [name, handler] of Object.entries(hooks)) {
    if (handler === undefined) continue
    const point = POINT_ALIASES[name] ?? name
    const problem = pointProblem(point)
    if (problem || !isPointName(point))
      throw new AppError('PLUGIN_SETUP', `its setup hooks ${name}: ${problem?.message}`)
    if (typeof handler !== 'function')
      throw new AppError('PLUGIN_SETUP', `its hook ${name} is no function`)
    if (facts.hooks && !facts.hooks.includes(point))
      throw new AppError(
        'PLUGIN_SETUP',
        `its setup hooks ${name}, which its manifest does not declare`,
      )
    // the instance stays `this`, as the author wrote it
    implemented.set(point, handler.bind(hooks) as Handler)
  }
  const missing = (entry.hooks ?? []).filter((name) => !implemented.has(name))
  if (missing.length > 0)
    throw new AppError(
      'PLUGIN_SETUP',
      `the entry is bound to ${missing.join(', ')}, which the plugin does not hook with this config`,
    )
  const wanted = entry.hooks ?? [...implemented.keys()]
  if (wanted.length === 0) throw new AppError('PLUGIN_SETUP', 'its setup hooks nothing')
  return new Map(wanted.map((name) => [name, implemented.get(name) as Handler]))
}

function closerOf(
  instance: unknown,
  { entry }: BoundEntry,
  deadlines: Deadlines,
  log: Logger,
): () => Promise<void> {
  let closed: Promise<void> | undefined
  const run = async (): Promise<void> => {
    const close = isObject(instance) ? instance.close : undefined
    if (typeof close !== 'function') return
    try {
      const ended = Promise.resolve().then(() => close.call(instance))
      await pTimeout(ended, {
        milliseconds: deadlines.close,
        message: `not closed within ${deadlines.close} ms`,
      })
    } catch (error) {
      log.warn(
        { entry: entry.name, plugin: entry.use, reason: messageOf(error) },
        'closing a plugin failed',
      )
    }
  }
  return () => {
    closed ??= run()
    return closed
  }
}

// a setup that ends after its deadline has acquired things that nobody else would release
function closeLate(instance: unknown, bound: BoundEntry, deadlines: Deadlines, log: Logger): void {
  if (isObject(instance)) void closerOf(instance, bound, deadlines, log)()
}
