// Node's HTTP servers without what an import of node:http brings along; it adds nothing to them.
import type * as Http from 'node:http'
import type * as Https from 'node:https'

/**
 * An `import` of node:http reads all that it exports, and three of those are classes of the undici in Node, which is loaded
 * as a whole then: 70 ms of CPU where this takes 7, half of all that a start costs.
 */
const { createServer, STATUS_CODES }: typeof Http = process.getBuiltinModule('node:http')

export { createServer, STATUS_CODES }

/** Loads TLS with the first server that speaks it. */
export function createTlsServer(
  options: Https.ServerOptions,
  listener: Http.RequestListener,
): Https.Server {
  return process.getBuiltinModule('node:https').createServer(options, listener)
}
