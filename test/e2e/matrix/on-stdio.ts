// Carries out one operation on a pair of pipes, alone or as an element of a batch; what is sent is what is sent over HTTP.
import { initialize, isAnswer, type Line, pipeTo } from '../../support/lines.ts'
import { modernRequest } from '../../support/rpc.ts'
import { type Running, WATCHED } from './start.ts'
import type { Surface } from './surfaces.ts'

type Pipe = ReturnType<typeof pipeTo>

export interface StdioDrive {
  readonly running: Running
  readonly surface: Surface
  readonly action: string
  readonly known: boolean
  readonly client: { readonly name: string }
  /** The message as it goes over HTTP. */
  readonly body: () => object
}

let last: Pipe | undefined

/** A process serves one client: the one before is ended, so that it counts for nothing here. */
async function connect({ gateway }: Running): Promise<Pipe> {
  last?.connection.end()
  last = pipeTo(gateway)
  return last
}

export async function onStdio(drive: StdioDrive): Promise<void> {
  const { running, surface, action } = drive
  const pipe = await connect(running)
  if (surface.era === 'legacy' && action !== 'open') {
    pipe.send(initialize(surface.batch ? '2025-03-26' : '2025-11-25', drive.client.name))
    await pipe.line((line) => isAnswer(line, 'open'))
  }
  if (drive.known) await say(pipe, drive)
  if (action === 'announce' || action === 'update') await follow(pipe, drive)
  // observers of what came before run a little later, and count for nothing here
  await new Promise((resolve) => setTimeout(resolve, 5))
  await running.gateway.engine.observers.idle()
  running.counter.reset()
  if (action === 'end') return end(pipe)
  if (action === 'announce') running.announce()
  else if (action === 'update') running.update()
  else return say(pipe, drive)
  await new Promise((resolve) => setTimeout(resolve, 50))
}

/** In the modern era a client is told what it listens for, in the legacy one of the resources it has subscribed to. */
async function follow(pipe: Pipe, { surface, action }: StdioDrive): Promise<void> {
  if (surface.era === 'modern') {
    const notifications = { toolsListChanged: true, resourceSubscriptions: [WATCHED] }
    pipe.send(JSON.stringify(modernRequest('subscriptions/listen', { notifications }).body))
    await pipe.line(
      (line) => 'method' in line && line.method === 'notifications/subscriptions/acknowledged',
    )
  } else if (action === 'update') {
    const params = { uri: WATCHED }
    pipe.send(JSON.stringify({ jsonrpc: '2.0', id: 's', method: 'resources/subscribe', params }))
    await pipe.line((line) => isAnswer(line, 's'))
  }
}

async function end(pipe: Pipe): Promise<void> {
  pipe.end()
  await pipe.connection.over
  pipe.connection.end()
}

const UNREADABLE: Readonly<Record<string, string>> = {
  'not-json': '{"jsonrpc":',
  'duplicate-member': '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"ping"}',
}

async function say(pipe: Pipe, { surface, action, body }: StdioDrive): Promise<void> {
  const before = pipe.lines.length
  const answered = (fits: (line: Line) => boolean) =>
    pipe.line((line) => pipe.lines.indexOf(line) >= before && fits(line))
  const text = UNREADABLE[action] ?? JSON.stringify(body())
  pipe.send(surface.batch ? inBatch(text) : text)
  if (surface.batch) await answered((line) => Array.isArray(line) || 'error' in line)
  else if (action !== 'notify') await answered((line) => 'result' in line || 'error' in line)
}

/** Beside a ping, which fires nothing of its own. */
export const inBatch = (text: string): string =>
  `[{"jsonrpc":"2.0","id":"beside","method":"ping"},${text}]`
