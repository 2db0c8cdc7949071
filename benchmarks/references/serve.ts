// What every reference process shares: its setting from the command line, and the line that says on which port it listens.
import type { AddressInfo, Server } from 'node:net'

export interface Setting {
  /** The MCP endpoint behind it. */
  readonly upstream: string
}

export function setting<T extends Setting>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T
}

export function announce(server: Server): void {
  const say = () => {
    const { port } = server.address() as AddressInfo
    process.stdout.write(`${JSON.stringify({ port })}\n`)
  }
  if (server.listening) say()
  else server.once('listening', say)
}
