// The ids under which clients know tasks: whose server's, which tool's and with which labels, sealed for one principal; nothing is kept.
import { createCipheriv, createHmac, timingSafeEqual } from 'node:crypto'
import { AppError } from '../../base/errors.ts'

/** One task as its server knows it. */
export interface OwnTask {
  readonly server: string
  readonly id: string
  /** The server's own name of the tool whose call it is. */
  readonly tool: string
  /** Those of the request that began it, which policies on its end go by. */
  readonly labels: readonly string[]
}

export interface TaskIds {
  expose(principal: string, task: OwnTask): string
  /** Throws WIRE_INVALID_PARAMS for an id that is not one of ours or is another principal's. */
  own(principal: string, exposed: unknown): OwnTask
}

/** Also the initial vector of the cipher, so equal tasks have equal ids and different ones no stream in common. */
const TAG = 16

export function createTaskIds(secret: Uint8Array): TaskIds {
  const tag = (principal: string, body: Uint8Array) =>
    createHmac('sha256', secret)
      .update(JSON.stringify(principal))
      .update(body)
      .digest()
      .subarray(0, TAG)
  const key = createHmac('sha256', secret).update('what clients need not read').digest()
  // one stream both ways
  const crypt = (by: Uint8Array, body: Uint8Array) =>
    createCipheriv('aes-256-ctr', key, by).update(body)
  return {
    expose(principal, { server, id, tool, labels }) {
      const body = Buffer.from(JSON.stringify([server, id, tool, ...labels]))
      const by = tag(principal, body)
      return Buffer.concat([by, crypt(by, body)]).toString('base64url')
    },
    own(principal, exposed) {
      const bytes = Buffer.from(typeof exposed === 'string' ? exposed : '', 'base64url')
      const given = bytes.subarray(0, TAG)
      // Base64 has several texts for the same bytes; ours is one of them
      if (bytes.toString('base64url') !== exposed || given.length < TAG) throw unknown()
      const body = crypt(given, bytes.subarray(TAG))
      if (!timingSafeEqual(given, tag(principal, body))) throw unknown()
      type Body = [string, string, string, ...string[]]
      const [server, id, tool, ...labels] = JSON.parse(body.toString()) as Body
      return { server, id, tool, labels }
    },
  }
}

function unknown(): AppError {
  return new AppError('WIRE_INVALID_PARAMS', 'there is no such task')
}
