// A shell for tests: streams that remember, an environment and a folder of the test's own, signals on demand.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../../src/cli/program.ts'
import type { Shell, Signal } from '../../src/cli/shell.ts'

export interface FakeShell extends Shell {
  readonly out: string
  readonly err: string
  readonly aborted: readonly number[]
  signal(name: Signal): void
}

export interface FakeShellOptions {
  readonly tty?: boolean
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export function fakeShell(options: FakeShellOptions = {}): FakeShell {
  const { tty = false, env = {}, cwd = temporaryFolder() } = options
  const handlers = new Map<Signal, Set<() => void>>()
  const text = { out: '', err: '' }
  const aborted: number[] = []
  const stream = (name: 'out' | 'err') => ({
    isTTY: tty,
    write(piece: string) {
      text[name] += piece
    },
  })
  return {
    stdout: stream('out'),
    stderr: stream('err'),
    env: { PATH: process.env.PATH, ...env },
    cwd,
    onSignal(signal, run) {
      const all = handlers.get(signal) ?? new Set()
      handlers.set(signal, all.add(run))
      return () => all.delete(run)
    },
    abort: (code) => aborted.push(code),
    get out() {
      return text.out
    },
    get err() {
      return text.err
    },
    aborted,
    signal(name) {
      for (const run of handlers.get(name) ?? []) run()
    },
  }
}

export function temporaryFolder(files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-cli-'))
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(folder, name), text, { mode: 0o600 })
  return folder
}

/** Runs one command line in a folder of these files; `json` is what it wrote to stdout, when that is JSON. */
export async function cli(
  argv: readonly string[],
  options: FakeShellOptions & { files?: Readonly<Record<string, string>> } = {},
) {
  const cwd = options.cwd ?? temporaryFolder(options.files)
  const shell = fakeShell({ ...options, cwd })
  const exit = await runCommand(argv, shell)
  return { exit, out: shell.out, err: shell.err, cwd, json: parsed(shell.out) }
}

// biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever was printed
function parsed(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
