// Carries out one operation on a pair of pipes, alone or as an element of a batch; what is sent is what is sent over HTTP.
import { initialize, isAnswer, type Line, pipeTo } from '../../support/lines.ts'
import type { Running } from './start.ts'
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
  // observers of what came before run a little later, and count for nothing here
  await new Promise((resolve) => setTimeout(resolve, 5))
  await running.gateway.engine.observers.idle()
  running.counter.reset()
  if (action === 'end') return end(pipe)
  if (action !== 'announce') return say(pipe, drive)
  running.recorder.announce({ method: 'notifications/tools/list_changed' })
  await new Promise((resolve) => setTimeout(resolve, 50))
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
