// Runs the generators of ours as processes on the core of the load, and reads the one line that each says at its end.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { OpenLoop, OpenLoopSummary } from './open-loop.ts'
import { PINNED } from './process.ts'
import type { StreamSummary, Streams } from './streams.ts'

const run = promisify(execFile)

export function openLoop(setting: OpenLoop): Promise<OpenLoopSummary> {
  return generate('open-loop', setting)
}

export function streams(setting: Streams): Promise<StreamSummary> {
  return generate('streams', setting)
}

async function generate<T>(name: string, setting: object): Promise<T> {
  const script = new URL(`${name}.ts`, import.meta.url).pathname
  const command = [process.execPath, script, JSON.stringify(setting)]
  const [program = '', ...args] = PINNED ? ['taskset', '-c', '1', ...command] : command
  const { stdout } = await run(program, args)
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as T
}
