// `portcullis stdio` as a local client starts it: as a child process with pipes, its messages and its log apart.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { type LineClient, lineClient } from './lines.ts'
import { bin, node, nodeFlags, root } from './paths.ts'

/** What a client's configuration says after `command`. */
export const stdioCommand = (...args: readonly string[]): { command: string; args: string[] } => ({
  command: node,
  args: [...nodeFlags, bin, 'stdio', ...args],
})

export interface StdioProcess extends LineClient, AsyncDisposable {
  readonly child: ChildProcessWithoutNullStreams
  /** What it wrote to stderr so far. */
  log(): string
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

export function startStdio(
  args: readonly string[],
  { cwd = root, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
): StdioProcess {
  const { command, args: all } = stdioCommand(...args)
  const child = spawn(command, all, { cwd, env: { ...process.env, ...env } })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log += chunk
  })
  child.stdin.on('error', () => {})
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  )
  return {
    ...lineClient(child.stdin, child.stdout),
    child,
    log: () => log,
    exited,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** An SDK client, pinned to one era, that starts `portcullis stdio` itself. */
export async function stdioClient(
  era: 'legacy' | 'modern',
  args: readonly string[],
  env: Record<string, string> = {},
  capabilities: Record<string, object> = {},
): Promise<{ client: Client; transport: StdioClientTransport } & AsyncDisposable> {
  const mode = era === 'legacy' ? era : { pin: '2026-07-28' }
  const client = new Client(
    { name: 'portcullis-test', version: '1.0.0' },
    { capabilities, versionNegotiation: { mode } },
  )
  const inherited = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' }
  const transport = new StdioClientTransport({
    ...stdioCommand(...args),
    env: { ...inherited, ...env },
    cwd: root,
    stderr: 'ignore',
  })
  await client.connect(transport, { timeout: 15_000 })
  return { client, transport, [Symbol.asyncDispose]: () => client.close() }
}
