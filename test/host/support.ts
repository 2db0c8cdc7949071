// A plugin host over real YAML, real folders and the real engine, for the tests of this folder.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { AuditEvent } from '../../src/audit/record.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createLoader } from '../../src/config/load.ts'
import {
  ANONYMOUS,
  RequestContext,
  type RequestIdentity,
  type ServerInfo,
} from '../../src/engine/context.ts'
import { createEngine, type EngineLimits } from '../../src/engine/engine.ts'
import type { Outcome } from '../../src/engine/outcome.ts'
import { createRecorder, type StepTrace } from '../../src/engine/trace.ts'
import { conditionCompiler, createExpression } from '../../src/expression/expression.ts'
import {
  createHost,
  type HostDeps,
  type LoadedPlugins,
  type LoadOptions,
} from '../../src/host/host.ts'
import {
  PLUGINS_SCHEMA,
  type PluginsOptions,
  POLICIES_SCHEMA,
  type Policy,
} from '../../src/host/options.ts'
import { type Payload, POINTS, type PointName, type Points } from '../../src/points/table.ts'

export const BUILT_IN = join(import.meta.dirname, '../../plugins')

export const LIMITS: EngineLimits = {
  payload: 1024 * 1024,
  points: {},
  depth: 64,
  dispatch: { data: 10_000, control: 30_000, admission: 150_000 },
}

const loader = createLoader<{ plugins: PluginsOptions; policies: readonly Policy[] }>({
  sections: { plugins: PLUGINS_SCHEMA, policies: POLICIES_SCHEMA },
})

export interface Bench {
  readonly records: AuditEvent[]
  /** Loads a configuration given as YAML of the two sections, as the file `gateway.yaml`. */
  load(yaml: string, options?: LoadOptions): Promise<LoadedPlugins>
  close(): void
}

export function createBench(deps: Partial<HostDeps> = {}): Bench {
  const records: AuditEvent[] = []
  const host = createHost({
    clock: systemClock,
    log: silentLogger,
    expression: createExpression(),
    builtInDir: BUILT_IN,
    audit: (record) => records.push(record),
    toolDefinition: async () => undefined,
    ...deps,
  })
  return {
    records,
    async load(yaml, options) {
      const { config, locate } = await loader.parse(`version: 1\n${yaml}`, {
        file: '/etc/portcullis/gateway.yaml',
      })
      return host.load(
        { plugins: config.plugins, policies: config.policies, limits: LIMITS },
        { locate, ...options },
      )
    },
    close: () => host.close(),
  }
}

/** Loads, and hands back what the refusal says, with files by their last name. */
export async function refusal(bench: Bench, yaml: string, options?: LoadOptions): Promise<string> {
  try {
    const loaded = await bench.load(yaml, options)
    await loaded.close()
  } catch (error) {
    return (error as Error).message.replaceAll('/etc/portcullis/', '')
  }
  throw new Error('it was not refused')
}

export interface Dispatched {
  readonly outcome: Outcome<object>
  readonly steps: readonly StepTrace[]
  readonly labels: readonly string[]
}

/** Of what was loaded, at one point. */
export const signatureOf = (loaded: LoadedPlugins, point: PointName): string =>
  engineOf().generation(loaded.registrations, LIMITS).signature(point)

function engineOf() {
  return createEngine<Points>(POINTS, {
    clock: systemClock,
    expression: conditionCompiler(createExpression()),
    defer: (run) => setImmediate(run),
    sink: { verdict() {}, fault() {}, dispatched() {}, observerDropped() {} },
    writes: 'throw',
  })
}

/** Runs a payload through what was loaded. */
export async function dispatch<K extends PointName>(
  loaded: LoadedPlugins,
  point: K,
  payload: Payload<K>,
  given: Partial<RequestIdentity> & { server?: ServerInfo } = {},
): Promise<Dispatched> {
  const { server, ...identity } = given
  const request = new RequestContext({ ...IDENTITY, ...identity })
  request.server = server
  const recorder = createRecorder()
  const runner = engineOf().generation(loaded.registrations, LIMITS).runner(point, { server })
  if (runner === null)
    return { outcome: { kind: 'pass', payload, changed: false }, steps: [], labels: [] }
  const outcome = await runner.dispatch(payload, request, { recorder })
  return { outcome, steps: recorder.steps, labels: [...request.labels] }
}

const IDENTITY: RequestIdentity = {
  requestId: 'request-1',
  trace: undefined,
  era: 'modern',
  surface: 'http',
  method: 'tools/call',
  principal: ANONYMOUS,
  client: undefined,
  session: undefined,
  generation: 1,
}

export interface PluginFolder extends AsyncDisposable {
  readonly path: string
  write(name: string, content: string): Promise<string>
}

/** A folder of plugins below the tests, so that the test runner resolves `portcullis/plugin` in it as it does elsewhere. */
export async function pluginFolder(files: Readonly<Record<string, string>>): Promise<PluginFolder> {
  const path = await mkdtemp(join(import.meta.dirname, '.folder-'))
  const write = async (name: string, content: string): Promise<string> => {
    const file = join(path, name)
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeFile(file, content, { mode: 0o600 })
    return file
  }
  for (const [name, content] of Object.entries(files)) await write(name, content)
  return { path, write, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

export function manifest(id: string, hooks: string, more = ''): string {
  return `id: ${id}\nversion: 1.0.0\ndescription: for a test\nhooks: [${hooks}]\nentry: ./index.ts\n${more}`
}

export const CALL = {
  server: 'files',
  name: 'read',
  exposedName: 'files__read',
  arguments: {},
  headers: {},
}
