// The folder in which the fences of one page are carried out, inside the package so that `portcullis` can be imported by name.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspectGateway } from '../../src/app/inspect/inspect.ts'
import { findingsOf } from '../../src/cli/output.ts'
import { runCommand } from '../../src/cli/program.ts'
import type { Shell } from '../../src/cli/shell.ts'
import { type AdminWorld, createAdminWorld, tokenOf } from '../cli/admin-world.ts'
import { bin, node, nodeFlags, root } from '../support/paths.ts'
import { freePort } from '../support/ports.ts'
import { type RunningProcess, runProcess, startProcess } from '../support/process.ts'
import { type AttestedServer, startAttestedServer } from './attested-server.ts'

export interface Workplace extends AsyncDisposable {
  readonly folder: string
  write(name: string, text: string): string
  /** Problems of a configuration and its plugins, loaded as a start would; none when it is valid. */
  problems(file: string): Promise<string[]>
  /** One `portcullis` command, as a person at a terminal sees it; `admin`: who may everything at a running admin API. */
  portcullis(
    argv: readonly string[],
    options?: { readonly admin?: boolean },
  ): Promise<{ exit: number; output: string }>
  /** A shell command against the running gateway, which is started at the first one; its URLs are put in and taken out. */
  live(command: string): Promise<string>
  /** The text with the address of a server that is there, and whose authority is in anchors/, where a page speaks of it. */
  attested(text: string): Promise<string>
  /** Waits until the running gateway has taken up what was written. */
  reloaded(): Promise<void>
}

const MCP = 'http://127.0.0.1:8080'
const ADMIN = 'http://127.0.0.1:8081'
const ATTESTED = 'https://localhost:8443'

interface Live {
  readonly process: RunningProcess
  readonly mcp: string
  readonly admin: string
  generation: number
}

export function createWorkplace(name: string): Workplace {
  mkdirSync(join(root, '.cache', 'docs'), { recursive: true })
  const folder = mkdtempSync(join(root, '.cache', 'docs', `${name}-`))
  for (const part of ['config', 'sandbox'])
    cpSync(join(root, part), join(folder, part), { recursive: true })
  for (const part of ['node_modules', 'test/fixtures/attestation']) {
    mkdirSync(dirname(join(folder, part)), { recursive: true })
    symlinkSync(join(root, part), join(folder, part))
  }
  let running: Promise<Live> | undefined
  let world: Promise<AdminWorld> | undefined
  let server: Promise<AttestedServer> | undefined
  const write = (file: string, text: string): string => {
    const path = join(folder, file)
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }

  return {
    folder,
    write,
    problems,
    async portcullis(argv, { admin = false } = {}) {
      if (!admin) return runAtTerminal(argv, folder)
      world ??= createAdminWorld()
      const { url } = await world
      const env = { PORTCULLIS_ADMIN: url, PORTCULLIS_TOKEN: tokenOf('admin') }
      const { exit, output } = await runAtTerminal(argv, folder, env)
      return { exit, output: output.replaceAll(url, ADMIN) }
    },
    async live(command) {
      running ??= startLive(folder)
      return runLive(command, await running, folder)
    },
    async attested(text) {
      if (!text.includes(ATTESTED)) return text
      server ??= startAttestedServer()
      const { origin, files } = await server
      for (const [name, held] of Object.entries(files)) write(name, held)
      return text.replaceAll(ATTESTED, origin)
    },
    async reloaded() {
      if (running) await untilReloaded(await running)
    },
    async [Symbol.asyncDispose]() {
      await (await running?.catch(() => undefined))?.process.stop()
      await (await world)?.[Symbol.asyncDispose]()
      await (await server)?.[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function problems(configFile: string): Promise<string[]> {
  try {
    const inspection = await inspectGateway({ configFile })
    await inspection.close()
    return inspection.warnings.map(({ message }) => `warning: ${message}`)
  } catch (error) {
    const found = findingsOf(error).map(
      ({ line, column, message }) => `${line}:${column}: ${message}`,
    )
    return found.length > 0 ? found : [(error as Error).message]
  }
}

async function runAtTerminal(argv: readonly string[], cwd: string, env: object = {}) {
  let output = ''
  const stream = {
    isTTY: true,
    write(text: string) {
      output += text
    },
  }
  const shell: Shell = {
    stdout: stream,
    stderr: stream,
    env: { PATH: process.env.PATH, NO_COLOR: '1', ...env },
    cwd,
    onSignal: () => () => {},
    abort: () => {},
  }
  const exit = await runCommand(argv, shell)
  return { exit, output: output.replaceAll(cwd, '/home/you/gateway') }
}

async function startLive(folder: string): Promise<Live> {
  const [port, adminPort] = [await freePort(), await freePort()]
  const config = existsSync(join(folder, 'portcullis.yaml'))
    ? 'portcullis.yaml'
    : 'config/gateway.yaml'
  const args = [...nodeFlags, bin, 'start', '--config', config, '--port', String(port)]
  const started = await startProcess(node, args, {
    cwd: folder,
    env: { PORTCULLIS_ADMIN_PORT: String(adminPort) },
    until: /"event":"ready"/,
    timeout: 60_000,
  })
  const [mcp, admin] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${adminPort}`]
  const live = { process: started, mcp, admin, generation: 0 }
  live.generation = (await readiness(live)).generation
  return live
}

async function runLive(command: string, { mcp, admin }: Live, folder: string): Promise<string> {
  // a client that starts it would ask the registry for a package that is this checkout
  const own = [node, ...nodeFlags, bin].join(' ')
  const real = command
    .replaceAll(MCP, mcp)
    .replaceAll(ADMIN, admin)
    .replaceAll('npx portcullis ', `${own} `)
  const { stdout } = await runProcess('bash', ['-c', real], {
    cwd: folder,
    // packages come from this checkout or not at all
    env: { HOME: folder, npm_config_offline: 'true', npm_config_yes: 'false', NO_COLOR: '1' },
    timeout: 60_000,
  })
  return stdout
    .replaceAll(mcp, MCP)
    .replaceAll(admin, ADMIN)
    .replaceAll(folder, '/home/you/gateway')
}

async function readiness({ admin }: Live): Promise<{ generation: number }> {
  const answer = await fetch(`${admin}/readyz`, { signal: AbortSignal.timeout(5_000) })
  return (await answer.json()) as { generation: number }
}

async function untilReloaded(live: Live): Promise<void> {
  const deadline = Date.now() + 15_000
  while (Date.now() < deadline) {
    const { generation } = await readiness(live)
    if (generation > live.generation) {
      live.generation = generation
      return
    }
    await sleep(50)
  }
  throw new Error(`the gateway did not reload; it wrote:\n${live.process.output()}`)
}
