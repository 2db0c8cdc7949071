// A link over the standard streams of a process, one message per line; restarting it is the lane's business.
import { createLineReader } from '../../wire/lines.ts'
import type { Pipe, PipeListener } from '../channel/channel.ts'
import { connectChannel } from '../channel/greeting.ts'
import type { Connection } from '../lane.ts'
import type { StdioOptions } from '../options.ts'
import type { ProcessTransportDeps } from '../transport.ts'
import { spawnServer } from './process.ts'

/** Starts a process and greets it: `known` legacy skips the probe, undefined probes and falls back. */
export function connectStdio(
  options: StdioOptions,
  deps: ProcessTransportDeps,
  known: 'legacy' | undefined,
  signal: AbortSignal,
): Promise<Connection> {
  const open = (listener: PipeListener) => openProcess(options, deps, listener)
  return connectChannel({ ...options, unit: 'a line on stdout', open }, deps, known, signal)
}

function openProcess(
  options: StdioOptions,
  { limits, clock, guard, environment, events }: ProcessTransportDeps,
  listener: PipeListener,
): Promise<Pipe> {
  const lines = createLineReader({
    limit: limits.response,
    line: (bytes) => listener.message(bytes),
    oversize: (head, tail) => listener.oversize(head, tail),
  })
  return spawnServer(
    options,
    {
      stdout: (chunk) => lines.push(chunk),
      stderr: events.stderr,
      exit: (reason) => listener.end(reason),
    },
    { clock, guard, environment, queueBytes: limits.response },
  )
}
