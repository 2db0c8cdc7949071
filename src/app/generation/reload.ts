// Reload: read, judge, build whole, swap one reference, drain. A reload that fails leaves everything as it was.
import { AppError, isAppError, messageOf } from '../../base/errors.ts'
import { type ConfigDiff, diffConfig } from '../../config/diff.ts'
import type { LoadedConfig } from '../../config/load.ts'
import { formatProblem, problemsOf } from '../../config/problem.ts'
import { RequestContext, SYSTEM } from '../../engine/context.ts'
import type { Runtime } from '../../gateway/runtime.ts'
import type { LoadOptions } from '../../host/host.ts'
import type { Payload } from '../../points/table.ts'
import type { Admitting } from '../control/admission.ts'
import type { GatewayConfig } from '../sections.ts'
import type { Admissions, Assembly } from './assemble.ts'

/** How a reload ended. `refused` has the reason; nothing has changed then, nor has it after a `dry_run`. */
export interface ReloadResult {
  readonly outcome: 'applied' | 'unchanged' | 'refused' | 'dry_run'
  readonly changed: readonly string[]
  readonly reason?: string
}

export interface ReloadDeps {
  readonly current: () => Assembly
  readonly read: () => Promise<LoadedConfig<GatewayConfig>>
  /** What was read with what the store adds. Throws CONFIG_INVALID. */
  readonly effective: (base: LoadedConfig<GatewayConfig>) => LoadedConfig<GatewayConfig>
  /** The points of what is declared anew, judged by the running generation. */
  readonly admit: (base: LoadedConfig<GatewayConfig>, running: Runtime) => Promise<Admitting>
  readonly build: (
    loaded: LoadedConfig<GatewayConfig>,
    previous: Assembly,
    admissions: Admissions,
  ) => Promise<Assembly>
  /** Makes the new assembly the current one and retires the old. */
  readonly swap: (next: Assembly, diff: ConfigDiff, from: Origin) => void
  readonly createId: () => string
  /** The configuration as policies may see it. */
  readonly shown: (loaded: LoadedConfig<GatewayConfig>) => Record<string, unknown>
}

/** What an assembly was made of beside what is in it. */
export interface Origin {
  readonly base: LoadedConfig<GatewayConfig>
  readonly admissions: Admissions
}

/** What cannot change while the listeners are open. */
const FIXED = [
  /^listen\.(host|port|tls)/,
  /^admin\./,
  /^telemetry\.log/,
  /^limits\.header_timeout/,
  /^store\b/,
  /^audit\b/,
  /^network\b/,
]

function assertChangeable(changed: readonly string[]): void {
  const fixed = changed.find((path) => FIXED.some((pattern) => pattern.test(path)))
  if (fixed) throw new AppError('CONFIG_RELOAD_REFUSED', `${fixed} changes only with a restart`)
}

export async function reload(deps: ReloadDeps): Promise<ReloadResult> {
  const old = deps.current()
  let changed: readonly string[] = []
  try {
    const base = await deps.read()
    const loaded = deps.effective(base)
    const diff = diffConfig(old.loaded, loaded)
    changed = diff.paths
    if (changed.length === 0) return { outcome: 'unchanged', changed }
    assertChangeable(changed)
    await judge(deps, old.runtime, loaded, changed)
    await exchange(deps, { base, loaded, diff }, () => deps.admit(base, old.runtime))
    observe(deps, old.runtime, { file: loaded.file, changed: [...changed], applied: true })
    return { outcome: 'applied', changed }
  } catch (error) {
    const reason = reasonOf(error)
    observe(deps, old.runtime, {
      file: old.loaded.file,
      changed: [...changed],
      applied: false,
      reason,
    })
    return { outcome: 'refused', changed, reason }
  }
}

/** What a reload would come to, as far as it can be told without building: read, compared and judged; nobody observes it. */
export async function rehearse(
  deps: Pick<ReloadDeps, 'current' | 'read' | 'effective' | 'createId' | 'shown'>,
): Promise<ReloadResult> {
  let changed: readonly string[] = []
  try {
    const old = deps.current()
    const loaded = deps.effective(await deps.read())
    changed = diffConfig(old.loaded, loaded).paths
    if (changed.length === 0) return { outcome: 'unchanged', changed }
    assertChangeable(changed)
    await judge(deps, old.runtime, loaded, changed, true)
    return { outcome: 'dry_run', changed }
  } catch (error) {
    return { outcome: 'refused', changed, reason: reasonOf(error) }
  }
}

/**
 * Puts in force what the store has come to hold. Who wrote it has passed the points of the write already; nobody is asked about the
 * configuration again.
 */
export async function applyEntities(deps: ReloadDeps, from: Origin): Promise<ReloadResult> {
  try {
    const loaded = deps.effective(from.base)
    const diff = diffConfig(deps.current().loaded, loaded)
    await exchange(deps, { base: from.base, loaded, diff }, async () => ({
      admissions: from.admissions,
      tell() {},
    }))
    return { outcome: 'applied', changed: diff.paths }
  } catch (error) {
    return { outcome: 'refused', changed: [], reason: reasonOf(error) }
  }
}

interface Exchanged {
  readonly base: LoadedConfig<GatewayConfig>
  readonly loaded: LoadedConfig<GatewayConfig>
  readonly diff: ConfigDiff
}

async function exchange(
  deps: ReloadDeps,
  { base, loaded, diff }: Exchanged,
  admit: () => Promise<Admitting>,
): Promise<void> {
  const { admissions, tell } = await admit()
  let next: Assembly
  try {
    next = await deps.build(loaded, deps.current(), admissions)
  } catch (error) {
    tell(false)
    throw error
  }
  deps.swap(next, diff, { base, admissions })
  tell(true)
}

export function reasonOf(error: unknown): string {
  const problems = isAppError(error) ? problemsOf(error) : []
  return problems.length > 0
    ? problems.map((problem) => formatProblem(problem)).join('; ')
    : messageOf(error)
}

/** The running generation judges what is to replace it. */
async function judge(
  deps: Pick<ReloadDeps, 'createId' | 'shown'>,
  runtime: Runtime,
  loaded: LoadedConfig<GatewayConfig>,
  changed: readonly string[],
  dryRun = false,
): Promise<void> {
  const runner = runtime.generation.runner('config_pre_reload')
  if (!runner) return
  const payload: Payload<'config_pre_reload'> = {
    file: loaded.file,
    digest: loaded.digest,
    changed: [...changed],
    config: deps.shown(loaded),
  }
  const outcome = await runner.dispatch(
    payload,
    systemRequest(deps.createId(), 'config/reload', runtime, dryRun),
  )
  if (outcome.kind === 'fault') throw outcome.fault
  if (outcome.kind === 'deny') {
    const { entry, reason, code } = outcome.violation
    throw new AppError(
      'CONFIG_RELOAD_REFUSED',
      `${entry} refused the new configuration: ${reason} (${code})`,
    )
  }
}

function observe(deps: ReloadDeps, runtime: Runtime, payload: Payload<'config_post_reload'>): void {
  const runner = runtime.generation.runner('config_post_reload')
  if (runner)
    void runner.dispatch(payload, systemRequest(deps.createId(), 'config/reload', runtime))
}

/** A request nobody sent: what the gateway does on its own account. */
export function systemRequest(
  requestId: string,
  method: string,
  runtime: Pick<Runtime, 'generation'> | undefined,
  dryRun = false,
): RequestContext {
  return new RequestContext({
    requestId,
    trace: undefined,
    era: 'modern',
    surface: 'system',
    method,
    principal: SYSTEM,
    client: undefined,
    session: undefined,
    generation: runtime?.generation.id ?? 0,
    dryRun,
  })
}

/** The load points on a reload: the running generation judges and observes. Nothing at start: then the entries that are loaded first judge the others. */
export function loadPoints(
  running: Runtime | undefined,
  createId: () => string,
): Pick<LoadOptions, 'judge' | 'observe'> {
  if (!running) return {}
  const request = () => systemRequest(createId(), 'plugin/load', running)
  return {
    async judge(payload) {
      const runner = running.generation.runner('plugin_pre_load')
      return runner
        ? runner.dispatch(payload, request())
        : { kind: 'pass', payload, changed: false }
    },
    observe(payload) {
      void running.generation.runner('plugin_post_load')?.dispatch(payload, request())
    },
  }
}
