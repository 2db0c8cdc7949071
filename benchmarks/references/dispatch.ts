// Reference: node:http in front of undici's Pool.dispatch, as lean as a proxy in Node gets; with `parse` it reads both messages and forwards the original bytes.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { type Dispatcher, Pool } from 'undici'
import { type Plugin, runNaively } from './naive-runner.ts'
import { announce, type Setting, setting } from './serve.ts'

interface DispatchSetting extends Setting {
  readonly parse?: boolean
  /** That many plugins run before and after each call, each the naive way. */
  readonly naive?: number
}

const { upstream, parse = false, naive = 0 } = setting<DispatchSetting>()
const { origin, pathname: path } = new URL(upstream)
const pool = new Pool(origin, {
  connections: 256,
  pipelining: 1,
  headersTimeout: 0,
  bodyTimeout: 0,
})
const plugins = Array.from({ length: naive }, (_, index): Plugin => {
  return async (message) => {
    if (message.params?.name === `forbidden-${index}`) throw new Error('forbidden')
  }
})

const server = createServer((req, res) => {
  const chunks: Buffer[] = []
  req.on('data', (chunk: Buffer) => chunks.push(chunk))
  req.on('end', () => {
    const body = Buffer.concat(chunks)
    forward(req.headers, body, res).catch((error) => {
      process.stderr.write(`${error}\n`)
      res.destroy()
    })
  })
})
announce(server.listen(0, '127.0.0.1'))

async function forward(given: IncomingHttpHeaders, body: Buffer, res: ServerResponse) {
  if (parse) {
    const message = JSON.parse(body.toString())
    if (naive > 0) await runNaively(plugins, message)
  }
  const headers = { ...given } as Record<string, string>
  delete headers.host
  delete headers.connection
  pool.dispatch({ method: 'POST', path, headers, body }, parse ? collect(res) : pass(res))
}

function pass(res: ServerResponse): Dispatcher.DispatchHandler {
  return {
    onRequestStart() {},
    onResponseStart(controller, status, headers) {
      res.writeHead(status, withoutHops(headers))
      res.on('drain', () => controller.resume())
    },
    onResponseData(controller, chunk) {
      if (!res.write(chunk)) controller.pause()
    },
    onResponseEnd() {
      res.end()
    },
    onResponseError(_controller, error) {
      process.stderr.write(`${error}\n`)
      res.destroy()
    },
  }
}

function collect(res: ServerResponse): Dispatcher.DispatchHandler {
  const chunks: Buffer[] = []
  let status = 502
  let headers: IncomingHttpHeaders = {}
  return {
    onRequestStart() {},
    onResponseStart(_controller, given, received) {
      status = given
      headers = received
    },
    onResponseData(_controller, chunk) {
      chunks.push(chunk)
    },
    onResponseEnd() {
      finish(res, status, withoutHops(headers), Buffer.concat(chunks))
    },
    onResponseError(_controller, error) {
      process.stderr.write(`${error}\n`)
      res.destroy()
    },
  }
}

function finish(res: ServerResponse, status: number, headers: IncomingHttpHeaders, body: Buffer) {
  const message = JSON.parse(body.toString())
  const send = () => {
    res.writeHead(status, headers as Record<string, string>)
    res.end(body)
  }
  if (naive > 0) void runNaively(plugins, message).then(send, () => res.destroy())
  else send()
}

function withoutHops(headers: IncomingHttpHeaders): Record<string, string> {
  const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...rest } = headers
  return rest as Record<string, string>
}
