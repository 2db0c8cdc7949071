// A client that speaks in lines: writes what it is told, reads messages, waits for the one that is asked for; no SDK in between.
import { PassThrough, type Readable, type Writable } from 'node:stream'
import type { Gateway } from '../../src/app/gateway.ts'
import type { LineService } from '../../src/wire/line-service.ts'
import type { RpcMessage } from './rpc.ts'

export type Line = RpcMessage | RpcMessage[]

export interface LineClient {
  /** Every line received, parsed. */
  readonly lines: Line[]
  /** A string goes out byte for byte with a line end; anything else as JSON. */
  send(...messages: readonly (object | string)[]): void
  /** The first line, received already or yet to come, that fits. */
  line(fits: (line: Line) => boolean, ms?: number): Promise<Line>
  /** Sends a request and resolves with its answer. */
  request(id: string | number, method: string, params?: object): Promise<RpcMessage>
  /** Closes its side. */
  end(): void
}

export function lineClient(input: Writable, output: Readable): LineClient {
  const lines: Line[] = []
  const waiting = new Set<() => void>()
  let rest = ''
  output.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    // whatever is no JSON on stdout breaks the test, as it would break a client
    for (const part of parts) lines.push(JSON.parse(part) as Line)
    for (const check of waiting) check()
  })
  const client: LineClient = {
    lines,
    send(...messages) {
      const text = messages.map((each) => (typeof each === 'string' ? each : JSON.stringify(each)))
      input.write(`${text.join('\n')}\n`)
    },
    line: (fits, ms = 5000) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => {
          waiting.delete(check)
          reject(new Error(`no such line; there were ${JSON.stringify(lines)}`))
        }, ms)
        const check = () => {
          const found = lines.find(fits)
          if (found === undefined) return
          clearTimeout(late)
          waiting.delete(check)
          resolve(found)
        }
        waiting.add(check)
        check()
      }),
    async request(id, method, params = {}) {
      client.send({ jsonrpc: '2.0', id, method, params })
      return (await client.line((line) => isAnswer(line, id))) as RpcMessage
    },
    end: () => void input.end(),
  }
  return client
}

export const isAnswer = (line: Line, id: string | number): boolean =>
  !Array.isArray(line) && line.method === undefined && line.id === id

export const initialize = (version = '2025-11-25', name = 'lines', capabilities = {}) => ({
  jsonrpc: '2.0',
  id: 'open',
  method: 'initialize',
  params: { protocolVersion: version, capabilities, clientInfo: { name, version: '1' } },
})

export const INITIALIZED = { jsonrpc: '2.0', method: 'notifications/initialized' }

/** A client on a pair of pipes of a gateway in this process. */
export function pipeTo(gateway: Gateway): LineClient & {
  readonly connection: LineService
  readonly input: PassThrough
  readonly output: PassThrough
} {
  const [input, output] = [new PassThrough(), new PassThrough()]
  const connection = gateway.stdio({
    input,
    output: { write: (bytes, done) => void output.write(bytes, done) },
  })
  return { ...lineClient(input, output), connection, input, output }
}
