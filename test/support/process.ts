// Starts a program in a process group of its own, waits for a line it prints, and ends the whole group; knows nothing of MCP.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'

export interface StartOptions {
  env?: Record<string, string>
  cwd?: string
  /** Resolves when a line of stdout or stderr matches; without it, when the program runs. */
  until?: RegExp
  /** How long to wait for `until`, in milliseconds. */
  timeout?: number
}

export interface RunningProcess extends AsyncDisposable {
  readonly child: ChildProcess
  readonly pid: number
  /** The match of `until`. */
  readonly match: RegExpMatchArray
  /** Everything written so far, the last 1 MiB of it. */
  output(): string
  /** Waits for a line that comes, or has already come. */
  line(pattern: RegExp, timeout?: number): Promise<RegExpMatchArray>
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Ends the group: SIGTERM, then SIGKILL after `grace` milliseconds. */
  stop(grace?: number): Promise<void>
}

const outputLimit = 1 << 20
const running = new Set<number>()
let guarded = false

export async function startProcess(
  command: string,
  args: readonly string[],
  { env = {}, cwd, until, timeout = 15_000 }: StartOptions = {},
): Promise<RunningProcess> {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: null, signal: null }))
  })
  if (child.pid === undefined) throw new Error(`cannot start ${command}`)
  const { pid } = child
  remember(pid)
  const capture = captureOutput(child, exited, `${command} ${args.join(' ')}`)
  const stop = async (grace = 5_000) => {
    signalGroup(pid, 'SIGTERM')
    const late = setTimeout(() => signalGroup(pid, 'SIGKILL'), grace)
    await exited
    clearTimeout(late)
    // What the leader left behind in its group goes too.
    signalGroup(pid, 'SIGKILL')
    running.delete(pid)
  }
  try {
    const match = await capture.line(until ?? /^/, timeout)
    return { child, pid, match, ...capture, exited, stop, [Symbol.asyncDispose]: () => stop() }
  } catch (error) {
    await stop(0)
    throw error
  }
}

/** Runs a program to its end and returns what it wrote. */
export async function runProcess(
  command: string,
  args: readonly string[],
  options: Omit<StartOptions, 'until'> & { input?: string } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { env = {}, cwd, timeout = 30_000, input } = options
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, detached: true })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      texts[name] = (texts[name] + chunk).slice(-outputLimit)
    })
  }
  child.stdin.on('error', () => {}).end(input)
  if (child.pid === undefined) throw new Error(`cannot start ${command}`)
  const { pid } = child
  remember(pid)
  const code = await new Promise<number | null>((resolve) => {
    const late = setTimeout(() => signalGroup(pid, 'SIGKILL'), timeout)
    child.once('close', (ended) => {
      clearTimeout(late)
      resolve(ended)
    })
  })
  signalGroup(pid, 'SIGKILL')
  running.delete(pid)
  return { code, ...texts }
}

/** Whether a process runs; one that has ended but was not yet reaped does not. */
export function isRunning(pid: number): boolean {
  const state = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return state.status === 0 && !state.stdout.trim().startsWith('Z')
}

function captureOutput(child: ChildProcess, exited: Promise<unknown>, name: string) {
  let text = ''
  const waiting = new Set<() => void>()
  const append = (chunk: string) => {
    text = (text + chunk).slice(-outputLimit)
    for (const check of [...waiting]) check()
  }
  child.stdout?.setEncoding('utf8').on('data', append)
  child.stderr?.setEncoding('utf8').on('data', append)
  let ended = false
  void exited.then(() => {
    ended = true
    append('')
  })
  const line = (pattern: RegExp, timeout = 15_000) =>
    new Promise<RegExpMatchArray>((resolve, reject) => {
      const multiline = new RegExp(pattern.source, [...new Set(`${pattern.flags}m`)].join(''))
      const settle = (act: () => void) => {
        clearTimeout(timer)
        waiting.delete(check)
        act()
      }
      const fail = (why: string) =>
        settle(() => reject(new Error(`${name}: ${why} before ${pattern}; it wrote:\n${text}`)))
      const check = () => {
        const match = multiline.exec(text)
        if (match) settle(() => resolve(match))
        else if (ended) fail('ended')
      }
      const timer = setTimeout(() => fail(`${timeout} ms passed`), timeout)
      waiting.add(check)
      check()
    })
  return { output: () => text, line }
}

function remember(pid: number): void {
  if (!guarded) guardGroups()
  running.add(pid)
}

// A group of its own does not get the signals of the terminal, so they are passed on before this process ends.
function guardGroups(): void {
  guarded = true
  const endAll = () => {
    for (const group of running) signalGroup(group, 'SIGKILL')
  }
  process.once('exit', endAll)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      endAll()
      process.kill(process.pid, signal)
    })
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // The group is gone, which is what was wanted.
  }
}
