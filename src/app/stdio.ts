// A gateway whose only client is on stdin and stdout of this process: no listener.
import { createDisposer } from '../base/dispose.ts'
import { createGateway, type Gateway, type GatewayOptions } from './gateway.ts'
import { ownPipes, type RunningStdio, serve } from './pipes.ts'

/** A gateway that serves one client. */
export interface StdioGateway extends RunningStdio {
  readonly gateway: Gateway
}

/** Rejects as `createGateway` does, with nothing left running. */
export async function startStdio(options: GatewayOptions): Promise<StdioGateway> {
  const owned = createDisposer()
  try {
    const pipes = ownPipes(owned)
    const gateway = await createGateway(options, { carries: 'MCP' })
    owned.defer(() => gateway.close({ hurry: Promise.resolve() }))
    const { clock } = gateway
    const patience = () => gateway.state().loaded.config.limits.drain
    const lines = gateway.stdio(pipes)
    const running = serve(lines, { owned, clock, patience, stopping: () => gateway.drain() })
    return { ...running, gateway, reload: () => gateway.reload() }
  } catch (error) {
    await owned.dispose().catch(() => {})
    throw error
  }
}
