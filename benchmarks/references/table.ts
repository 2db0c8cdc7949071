// Every server that a call can be sent to: the gateway in its forms and the references beside it, started alike.
import type { Call } from '../load/call.ts'
import { type GatewaySetting, NAMESPACE, startGateway } from '../load/gateway.ts'
import { type Service, startScript } from '../load/process.ts'
import { startNginx } from './nginx.ts'

export interface Target {
  readonly service: Service
  readonly port: number
  readonly path: string
  /** Before the names of tools. */
  readonly prefix: string
}

export type StartTarget = (upstream: string) => Promise<Target>

const script = (name: string, setting: object = {}): StartTarget => {
  return async (upstream) => {
    const file = new URL(`${name}.ts`, import.meta.url)
    const service = await startScript(name, file, { upstream, ...setting }, { core: 'subject' })
    return target(service, '')
  }
}

export const REFERENCES = {
  'raw pipe': script('raw-pipe'),
  'dispatch, bytes': script('dispatch'),
  'dispatch, parsed': script('dispatch', { parse: true }),
  'naive runner': script('dispatch', { parse: true, naive: 10 }),
  'express.json and Pool': script('express-json'),
  tutorial: script('tutorial'),
  'SDK on both sides': script('sdk'),
  nginx: async (upstream) => target(await startNginx(upstream), ''),
} satisfies Readonly<Record<string, StartTarget>>

/** No server in between: the upstream itself. It is there before all others, so nothing is started. */
export const DIRECT: StartTarget = () => Promise.reject(new Error('the upstream is started once'))

export function direct(upstream: Service): Target {
  return target(upstream, '')
}

export const gateway = (setting: Omit<GatewaySetting, 'upstream'>): StartTarget => {
  return async (upstream) => target(await startGateway({ ...setting, upstream }), NAMESPACE)
}

function target(service: Service, prefix: string): Target {
  return { service, port: Number(service.ready.port), path: '/mcp', prefix }
}

export async function startUpstream(setting: object = {}): Promise<Service & { url: string }> {
  const file = new URL('../load/upstream.ts', import.meta.url)
  const service = await startScript('the upstream', file, setting, { core: 'load' })
  return { ...service, url: `http://127.0.0.1:${Number(service.ready.port)}/mcp` }
}

export function callTo(
  { port, path, prefix }: Target,
  tool: string,
  rest: Pick<Call, 'payload' | 'era'> & { readonly marker?: string },
): Call {
  return { port, path, tool: `${prefix}${tool}`, ...rest }
}
