// Starts the dual-era fixture server as a process and says where it listens.
import { fixture, node } from './paths.ts'
import { type RunningProcess, startProcess } from './process.ts'

export interface RunningFixture extends AsyncDisposable {
  readonly url: string
  readonly process: RunningProcess
  stop(): Promise<void>
}

export async function startFixture(
  era: 'legacy' | 'modern' | 'both' = 'both',
): Promise<RunningFixture> {
  const process = await startProcess(node, [fixture, '--port', '0', '--era', era], {
    until: /^listening (http:\S+)/,
  })
  const stop = () => process.stop()
  return { url: process.match[1] ?? '', process, stop, [Symbol.asyncDispose]: stop }
}
