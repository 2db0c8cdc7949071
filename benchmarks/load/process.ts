// Starts the processes of a benchmark, each on a core of its own where there are two, and ends them with their children.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuOf, family, openFilesOf, residentOf } from './proc.ts'

/** A process under test or beside it. */
export interface Service {
  readonly pid: number
  /** What it said about itself when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>
  /** Nanoseconds of CPU since its start. */
  cpu(): number
  /** Bytes. */
  resident(): number
  openFiles(): number
  stop(): Promise<void>
}

export interface Start {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly core: Core
  readonly env?: Readonly<Record<string, string>>
  /** Resolves when it serves; without it, the first line of its standard output is JSON that says so. */
  readonly untilReady?: () => Promise<void>
  /** Counts the processes that it started as well: the worker of nginx, the servers of a bridge. */
  readonly withChildren?: boolean
}

/** Whoever is measured runs alone on the first core; load and upstream share the second. */
export type Core = 'subject' | 'load'

const READY_DEADLINE = 30_000
const END_DEADLINE = 5_000
const running = new Set<ChildProcess>()

export const PINNED = availableParallelism() > 1 && has('taskset')

export async function start(options: Start): Promise<Service> {
  const child = launch(options)
  const pid = child.pid as number
  let errors = ''
  child.stderr?.on('data', (chunk) => {
    errors = (errors + chunk).slice(-4000)
  })
  const stop = () => end(child)
  try {
    const ready = await Promise.race([
      options.untilReady ? options.untilReady().then(() => ({})) : firstLine(child),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`it ended with ${code}`))),
      sleep(READY_DEADLINE, undefined, { ref: false }).then(() =>
        Promise.reject(new Error(`it was not ready after ${READY_DEADLINE} ms`)),
      ),
    ])
    return { pid, ready: ready as Record<string, unknown>, ...counters(pid, options), stop }
  } catch (error) {
    await stop()
    throw new Error(`${options.name} did not come up: ${errors}`, { cause: error })
  }
}

function launch({ name, command, args, core, env = {} }: Start): ChildProcess {
  const pin = PINNED ? ['taskset', '-c', core === 'subject' ? '0' : '1'] : []
  const [program = command, ...rest] = [...pin, command, ...args]
  // a group of its own: its children end with it, whatever it does about them
  const child = spawn(program, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, NODE_ENV: 'production', ...env },
  })
  child.on('error', (error) => child.stderr?.emit('data', `${name}: ${error.message}`))
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

function counters(pid: number, { withChildren = false }: Start) {
  const all = () => (withChildren ? family(pid) : [pid])
  const sum = (of: (pid: number) => number) => all().reduce((total, one) => total + of(one), 0)
  return {
    cpu: () => sum(cpuOf),
    resident: () => sum(residentOf),
    openFiles: () => sum(openFilesOf),
  }
}

async function firstLine({ stdout }: ChildProcess): Promise<Record<string, unknown>> {
  if (!stdout) return {}
  const [line] = (await once(createInterface(stdout), 'line')) as [string]
  stdout.resume()
  return JSON.parse(line) as Record<string, unknown>
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  signal(child, 'SIGTERM')
  const hard = setTimeout(() => signal(child, 'SIGKILL'), END_DEADLINE)
  await gone
  clearTimeout(hard)
  signal(child, 'SIGKILL')
}

function signal({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, name)
  } catch {
    // nobody is left in the group
  }
}

// nothing outlives the benchmark, also when it is interrupted
process.on('exit', () => {
  for (const child of running) signal(child, 'SIGKILL')
})
// npm and timeout(1) send a signal twice: the second must not end what the first began
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(name, () => process.exit(130))

export function has(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A script of this folder, with the Node that runs the benchmark; `setting` is its only argument. */
export function startScript(
  name: string,
  script: URL,
  setting: object,
  options: Pick<Start, 'core' | 'withChildren'> & { readonly flags?: readonly string[] },
): Promise<Service> {
  const { flags = [], ...rest } = options
  const args = [...flags, script.pathname, JSON.stringify(setting)]
  return start({ name, command: process.execPath, args, ...rest })
}
