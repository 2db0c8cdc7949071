// Starts the real gateway as a process from a configuration, on free ports, and waits until it is ready.
import { setTimeout as sleep } from 'node:timers/promises'
import { parse, stringify } from 'yaml'
import { type TemporaryDirectory, temporaryDirectory } from './directory.ts'
import { bin, node, nodeFlags } from './paths.ts'
import { freePort } from './ports.ts'
import { type RunningProcess, startProcess } from './process.ts'

export interface GatewayOptions {
  /** Files beside the configuration, by relative name. */
  files?: Record<string, string>
  env?: Record<string, string>
  cwd?: string
  /** Further arguments of `portcullis start`. */
  args?: readonly string[]
  timeout?: number
}

export interface RunningGateway extends AsyncDisposable {
  /** The MCP endpoint, on `localhost`. */
  readonly url: string
  readonly adminUrl: string
  readonly configFile: string
  readonly directory: TemporaryDirectory
  readonly process: RunningProcess
  output(): string
  stop(): Promise<void>
}

export async function startGateway(
  configYaml: string,
  { files = {}, env = {}, cwd, args = [], timeout = 30_000 }: GatewayOptions = {},
): Promise<RunningGateway> {
  const [port, adminPort] = [await freePort(), await freePort()]
  const config = withPorts(configYaml, port, adminPort)
  const directory = await temporaryDirectory({ ...files, 'gateway.yaml': stringify(config) })
  const configFile = `${directory.path}/gateway.yaml`
  const adminUrl = `http://127.0.0.1:${adminPort}`
  const command = [
    ...nodeFlags,
    bin,
    'start',
    '--config',
    configFile,
    '--port',
    String(port),
    ...args,
  ]
  const started = await startProcess(node, command, { env, cwd: cwd ?? directory.path, timeout })
  const stop = async () => {
    await started.stop()
    await directory[Symbol.asyncDispose]()
  }
  try {
    await untilReady(`${adminUrl}/readyz`, started, timeout)
  } catch (error) {
    await stop()
    throw error
  }
  const { listen } = config as { listen?: { path?: string } }
  const url = `http://localhost:${port}${listen?.path ?? '/mcp'}`
  const output = () => started.output()
  const { process } = { process: started }
  return {
    url,
    adminUrl,
    configFile,
    directory,
    process,
    output,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function withPorts(configYaml: string, port: number, adminPort: number): Record<string, unknown> {
  const config = (parse(configYaml) ?? {}) as Record<string, unknown>
  return {
    version: 1,
    ...config,
    listen: { ...(config.listen as object | undefined), port },
    admin: { ...(config.admin as object | undefined), port: adminPort },
  }
}

async function untilReady(url: string, started: RunningProcess, timeout: number): Promise<void> {
  const deadline = Date.now() + timeout
  let ended = false
  void started.exited.then(() => {
    ended = true
  })
  while (Date.now() < deadline) {
    if (ended) throw new Error(`the gateway ended while starting; it wrote:\n${started.output()}`)
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer?.ok) return
    await sleep(50)
  }
  throw new Error(`the gateway was not ready after ${timeout} ms; it wrote:\n${started.output()}`)
}
