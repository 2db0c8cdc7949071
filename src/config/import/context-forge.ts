// ContextForge plugin YAML to our `plugins`; a guard that cannot be translated is reported, never dropped in silence.
import { isObject, type Json, type JsonObject } from '../../base/json.ts'
import type { Path } from '../problem.ts'
import { translateConditions } from './conditions.ts'
import type { ImportReport } from './report.ts'
import { translateTemplates } from './variables.ts'

/** Modes of both of its generations: `permissive` there does not stop on faults unless a global setting says so. */
const MODES: Readonly<Record<string, { mode: string; on_error?: 'ignore' }>> = {
  enforce: { mode: 'enforce' },
  enforce_ignore_error: { mode: 'enforce', on_error: 'ignore' },
  permissive: { mode: 'permissive', on_error: 'ignore' },
  sequential: { mode: 'enforce' },
  transform: { mode: 'permissive' },
  audit: { mode: 'audit' },
  concurrent: { mode: 'guard' },
  fire_and_forget: { mode: 'background' },
  disabled: { mode: 'disabled' },
}

/** Hooks by their names there; those without a point are reported. */
const HOOKS: Readonly<Record<string, string>> = {
  http_pre_request: 'http_pre_request',
  http_post_request: 'http_post_request',
  http_auth_check_permission: 'auth_pre_check',
  prompt_pre_fetch: 'prompt_pre_fetch',
  prompt_post_fetch: 'prompt_post_fetch',
  tool_pre_invoke: 'tool_pre_invoke',
  tool_post_invoke: 'tool_post_invoke',
  resource_pre_fetch: 'resource_pre_fetch',
  resource_post_fetch: 'resource_post_fetch',
}

/** Its plugins that have a counterpart, by the last part of `kind`. */
const PLUGINS: Readonly<Record<string, string>> = {
  DenyListPlugin: 'deny-list',
  SearchReplacePlugin: 'search-replace',
  PIIFilterPlugin: 'pii-filter',
  SchemaGuardPlugin: 'schema-guard',
  RateLimiterPlugin: 'rate-limit',
  OutputLengthGuardPlugin: 'output-limit',
  HeaderInjectorPlugin: 'header-filter',
  HeaderFilterPlugin: 'header-filter',
}

/** Settings whose defaults differ there, so that a translated entry means what it meant. */
const SAME_MEANING: Readonly<Record<string, Record<string, Json>>> = {
  // its deny list looks for each word anywhere in the text, letter by letter
  'deny-list': { case_sensitive: true, whole_words: false },
}

const KNOWN = new Set([
  'name', 'kind', 'description', 'author', 'version', 'namespace', 'hooks', 'tags', 'mode', 'priority', 'conditions',
  'config', 'on_error',
]) // biome-ignore format: a table reads better in rows

export function importContextForge(
  root: Record<string, unknown>,
  report: ImportReport,
): Record<string, Json> {
  const settings = isObject(root.plugin_settings) ? root.plugin_settings : {}
  const failOnError = settings.fail_on_plugin_error === true
  const defaults = importSettings(settings, report)
  const entries: Record<string, Json>[] = []
  const list = Array.isArray(root.plugins) ? root.plugins : []
  list.forEach((plugin, index) => {
    const path = ['plugins', index]
    const entry = isObject(plugin)
      ? importPlugin(plugin, path, report, failOnError)
      : report.fail(path, 'the plugin is not a mapping')
    if (entry !== undefined) entries.push(entry)
  })
  for (const key of Object.keys(root))
    if (key !== 'plugins' && key !== 'plugin_settings')
      report.warn([key], `${key} has no counterpart and was left out`)
  const allowed = [
    ...new Set(entries.filter(({ mode }) => mode !== 'disabled').map(({ use }) => String(use))),
  ]
  return {
    enabled: true,
    allowed,
    ...(Object.keys(defaults).length > 0 ? { defaults } : {}),
    entries,
  }
}

function importSettings(
  settings: Record<string, unknown>,
  report: ImportReport,
): Record<string, Json> {
  const defaults: Record<string, Json> = {}
  for (const [key, value] of Object.entries(settings)) {
    if (key === 'plugin_timeout' && typeof value === 'number' && value > 0)
      defaults.timeout = `${value}s`
    else if (key !== 'fail_on_plugin_error')
      report.warn(['plugin_settings', key], `${key} has no counterpart and was left out`)
  }
  return defaults
}

function importPlugin(
  plugin: Record<string, unknown>,
  path: Path,
  report: ImportReport,
  failOnError: boolean,
): Record<string, Json> | undefined {
  const name = typeof plugin.name === 'string' ? plugin.name : ''
  if (name === '') {
    report.fail(path, 'the plugin has no name')
    return undefined
  }
  const mode = MODES[String(plugin.mode ?? 'enforce')]
  if (mode === undefined) {
    report.fail(
      [...path, 'mode'],
      `unknown mode ${JSON.stringify(plugin.mode)}; known: ${Object.keys(MODES).join(', ')}`,
    )
    return undefined
  }
  const hooks = importHooks(plugin.hooks, path, report)
  const use = hooks && pluginId(String(plugin.kind ?? ''), name, mode.mode, path, report)
  if (use === undefined || hooks === undefined) return undefined
  for (const key of Object.keys(plugin))
    if (!KNOWN.has(key)) report.warn([...path, key], `${key} has no counterpart and was left out`)
  const conditions = translateConditions(plugin.conditions, hooks, [...path, 'conditions'], report)
  const onError = errorPolicy(plugin, mode, failOnError)
  return {
    name: name
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 64),
    use,
    ...(hooks.length > 0 ? { hooks } : {}),
    mode: mode.mode,
    ...(typeof plugin.priority === 'number' ? { priority: plugin.priority } : {}),
    ...(conditions.length > 0 ? { conditions: conditions as Json } : {}),
    ...(onError === undefined ? {} : { on_error: onError }),
    ...(isObject(plugin.config)
      ? {
          config: {
            ...SAME_MEANING[use],
            ...(translateConfig(plugin.config as Json, [...path, 'config'], report) as JsonObject),
          },
        }
      : {}),
  }
}

// observers have no failure policy here; the newer generation names its own
function errorPolicy(
  plugin: Record<string, unknown>,
  mode: { mode: string; on_error?: string },
  failOnError: boolean,
): string | undefined {
  if (mode.mode === 'audit' || mode.mode === 'background' || mode.mode === 'disabled')
    return undefined
  if (typeof plugin.on_error === 'string') return plugin.on_error
  if (mode.mode === 'permissive' && failOnError) return undefined
  return mode.on_error
}

function pluginId(
  kind: string,
  name: string,
  mode: string,
  path: Path,
  report: ImportReport,
): string | undefined {
  const at = [...path, 'kind']
  const known = PLUGINS[kind.split('.').at(-1) ?? '']
  if (known !== undefined) return known
  if (mode === 'disabled') {
    report.warn(at, `${name} is disabled there and has no counterpart; it was left out`)
    return undefined
  }
  const id = kebab(kind === 'external' || kind === '' ? name : (kind.split('.').at(-1) ?? name))
  const why =
    kind === 'external' ? 'external plugins are not built yet' : 'there is no built-in counterpart'
  report.warn(
    at,
    `${name}: ${why}; the gateway refuses to start until a plugin "${id}" is in plugins.dirs or the entry is removed`,
  )
  return id
}

function kebab(name: string): string {
  const words = name
    .replace(/Plugin$/, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1-$2')
  return (
    words
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '') || 'plugin'
  )
}

// undefined: nothing it hooks into exists here, so the entry would run at the wrong points or at none
function importHooks(value: unknown, path: Path, report: ImportReport): string[] | undefined {
  if (value === undefined) return []
  if (!Array.isArray(value)) {
    report.fail([...path, 'hooks'], 'hooks: expected a list')
    return undefined
  }
  if (value.length > 0 && !value.some((hook) => HOOKS[String(hook)] !== undefined)) {
    report.warn([...path, 'hooks'], 'none of its hooks has a counterpart; the plugin was left out')
    return undefined
  }
  const hooks: string[] = []
  value.forEach((hook, index) => {
    const point = HOOKS[String(hook)]
    if (point !== undefined) hooks.push(point)
    else
      report.warn(
        [...path, 'hooks', index],
        `the hook ${String(hook)} has no counterpart; the plugin does not run there`,
      )
  })
  return hooks
}

function translateConfig(value: Json, path: Path, report: ImportReport): Json {
  if (typeof value === 'string') return translateTemplates(value, path, report)
  if (Array.isArray(value))
    return value.map((item, index) => translateConfig(item, [...path, index], report))
  if (!isObject(value)) return value
  const config: Record<string, Json> = {}
  for (const [key, inner] of Object.entries(value))
    config[key] = translateConfig(inner as Json, [...path, key], report)
  return config
}
