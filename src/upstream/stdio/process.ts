// One server process: spawned without a shell in a group of its own, its lines in and out, its end; it knows no JSON-RPC.
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import type { Clock } from '../../base/clock.ts'
import { AppError, messageOf } from '../../base/errors.ts'
import type { StdioOptions } from '../options.ts'
import type { ProcessGuard } from './guard.ts'
import { spawn } from './spawn.ts'
import { createStderrLines } from './stderr.ts'

/** What the process says. Buffers are only valid during the call. */
export interface ProcessListener {
  stdout(chunk: Buffer): void
  stderr(line: string): void
  /** Once, after its last output; `reason` is fit to show. */
  exit(reason: string): void
}

export interface ServerProcess {
  readonly pid: number
  /** Writes one JSON text as one line. False when the process does not read and the queue is full: nothing was written. */
  write(bytes: Uint8Array): boolean
  /** End of input, then SIGTERM, then SIGKILL to the whole group, with bounded waits. Idempotent. */
  close(): Promise<void>
  /** SIGKILL to the whole group at once. */
  kill(): void
}

export interface ProcessDeps {
  readonly clock: Clock
  readonly guard: ProcessGuard
  /** Bytes that may wait for a process that does not read. */
  readonly queueBytes: number
  /** The gateway's own environment, of which a server sees the harmless part. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Milliseconds for each rung of the ladder. */
  readonly patience?: { readonly input: number; readonly term: number; readonly kill: number }
}

// what programs need to start and nothing that could carry a secret; the rest must be configured
const INHERITED = [
  'PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'TEMP', 'TMP',
  'SYSTEMROOT', 'SYSTEMDRIVE', 'WINDIR', 'PATHEXT', 'COMSPEC', 'APPDATA', 'LOCALAPPDATA', 'USERPROFILE',
] // biome-ignore format: a table reads better in rows
const PATIENCE = { input: 2000, term: 2000, kill: 1000 }
// output of a process that has exited may still be in the pipe; a grandchild may hold the pipe open for ever
const LAST_WORDS_MS = 250
const POLL_MS = 25

export function minimalEnvironment(
  host: Readonly<Record<string, string | undefined>>,
  configured: Readonly<Record<string, string>>,
): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const name of INHERITED) {
    const value = host[name]
    // an exported bash function is code that arrives as a value
    if (value !== undefined && !value.startsWith('()')) environment[name] = value
  }
  return { ...environment, ...configured }
}

/** Resolves when the process runs; rejects with UPSTREAM_SPAWN. */
export async function spawnServer(
  options: StdioOptions,
  listener: ProcessListener,
  deps: ProcessDeps,
): Promise<ServerProcess> {
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: minimalEnvironment(deps.environment, options.env),
    shell: false,
    detached: true,
    windowsHide: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // in the same tick as the fork: the window in which nobody would end it is microseconds
  if (child.pid !== undefined) deps.guard.watch(child.pid)
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (error) => reject(spawnError(options, error)))
  })
  return supervise(child, listener, deps)
}

function spawnError(options: StdioOptions, cause: Error): AppError {
  const missing = 'code' in cause && cause.code === 'ENOENT'
  const why = missing
    ? `no such program or working directory (command ${options.command})`
    : messageOf(cause)
  return new AppError('UPSTREAM_SPAWN', `server ${options.name} could not be started: ${why}`, {
    cause,
  })
}

function supervise(
  child: ChildProcessWithoutNullStreams,
  listener: ProcessListener,
  deps: ProcessDeps,
): ServerProcess {
  const pid = child.pid ?? 0
  const patience = deps.patience ?? PATIENCE
  let closing: Promise<void> | undefined
  const over = whenOver(child, listener, deps.clock)

  child.on('error', () => {})
  child.stdout.on('data', (chunk: Buffer) => listener.stdout(chunk))
  const lines = createStderrLines(deps.clock, listener.stderr)
  child.stderr.on('data', (chunk: Buffer) => lines.push(chunk))
  child.stderr.on('end', () => lines.end())
  // a broken pipe is told by the exit
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => {})
  // whatever the leader left behind goes with it
  const gone = over
    .then(() => endGroup(pid, patience, deps.clock))
    .then(() => deps.guard.release(pid))

  async function ladder(): Promise<void> {
    child.stdin.end()
    if (await within(over, patience.input, deps.clock)) return gone
    signal(pid, 'SIGTERM')
    if (await within(over, patience.term, deps.clock)) return gone
    signal(pid, 'SIGKILL')
    await within(gone, patience.kill, deps.clock)
  }

  return {
    pid,
    write(bytes) {
      if (!child.stdin.writable || child.stdin.writableLength > deps.queueBytes) return false
      child.stdin.cork()
      child.stdin.write(singleLine(bytes))
      child.stdin.write('\n')
      child.stdin.uncork()
      return true
    },
    close() {
      closing ??= ladder()
      return closing
    },
    kill() {
      signal(pid, 'SIGKILL')
    },
  }
}

// a line break in JSON text is white space between tokens: inside a string it must be escaped (RFC 8259 section 7)
function singleLine(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(10) && !bytes.includes(13)) return bytes
  return bytes.map((byte) => (byte === 10 || byte === 13 ? 32 : byte))
}

function whenOver(
  child: ChildProcessWithoutNullStreams,
  listener: ProcessListener,
  clock: Clock,
): Promise<void> {
  return new Promise((resolve) => {
    let reason = 'the process is gone'
    let told = false
    const tell = () => {
      if (told) return
      told = true
      listener.exit(reason)
      resolve()
    }
    child.once('exit', (code, name) => {
      reason = name ? `the process was ended by ${name}` : `the process exited with code ${code}`
      clock.after(LAST_WORDS_MS, tell)
    })
    child.once('close', tell)
  })
}

async function endGroup(
  pid: number,
  patience: { term: number; kill: number },
  clock: Clock,
): Promise<void> {
  if (!signal(pid, 'SIGTERM')) return
  if (await emptied(pid, patience.term, clock)) return
  signal(pid, 'SIGKILL')
  await emptied(pid, patience.kill, clock)
}

async function emptied(pid: number, ms: number, clock: Clock): Promise<boolean> {
  for (const end = clock.now() + ms; clock.now() < end; ) {
    await new Promise<void>((resolve) => clock.after(POLL_MS, resolve))
    if (!signal(pid, 0)) return true
  }
  return false
}

// to the group, not to the process: npx and shells start the real server as a child
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(process.platform === 'win32' ? pid : -pid, name)
  } catch {
    return false
  }
}

function within(event: Promise<unknown>, ms: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () => resolve(false))
    void event.then(() => {
      cancel()
      resolve(true)
    })
  })
}
