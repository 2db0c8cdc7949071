// The bytes of JSON-RPC answers that the gateway itself gives.
import type { JsonObject } from '../base/json.ts'
import type { RpcError } from './message.ts'

export function resultBytes(id: string | number, result: object): Buffer {
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, result }))
}

/** Without an id that could be read there is none in the answer: the MCP schema knows no null id. */
export function errorBytes(id: string | number | undefined, error: RpcError): Buffer {
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...(id === undefined ? {} : { id }), error }))
}

/** A fault as a JSON-RPC error: `data` has the code of our table and the request id beside what the fault says itself. */
export function rpcErrorOf(
  fault: {
    code: string
    message: string
    rpc: number
    data?: Readonly<Record<string, unknown>> | undefined
  },
  requestId: string,
): RpcError {
  return {
    code: fault.rpc,
    message: fault.message,
    data: { ...fault.data, code: fault.code, requestId } as JsonObject,
  }
}
