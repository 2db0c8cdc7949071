// The ids under which clients know tasks: whose server's, which tool's and, by a signature, which principal's; nothing is kept.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { AppError } from '../../base/errors.ts'

/** One task as its server knows it. */
export interface OwnTask {
  readonly server: string
  readonly id: string
  /** The server's own name of the tool whose call it is. */
  readonly tool: string
}

export interface TaskIds {
  expose(principal: string, task: OwnTask): string
  /** Throws WIRE_INVALID_PARAMS for an id that is not one of ours or is another principal's. */
  own(principal: string, exposed: unknown): OwnTask
}

const TAG = 16

export function createTaskIds(secret: Uint8Array): TaskIds {
  const tag = (principal: string, body: Uint8Array) =>
    createHmac('sha256', secret)
      .update(JSON.stringify(principal))
      .update(body)
      .digest()
      .subarray(0, TAG)
  return {
    expose(principal, { server, id, tool }) {
      const body = Buffer.from(JSON.stringify([server, id, tool]))
      return Buffer.concat([tag(principal, body), body]).toString('base64url')
    },
    own(principal, exposed) {
      const bytes = Buffer.from(typeof exposed === 'string' ? exposed : '', 'base64url')
      const body = bytes.subarray(TAG)
      const given = bytes.subarray(0, TAG)
      // Base64 has several texts for the same bytes; ours is one of them
      const isOurs = bytes.toString('base64url') === exposed && given.length === TAG
      if (!isOurs || !timingSafeEqual(given, tag(principal, body))) throw unknownTask()
      const [server, id, tool] = JSON.parse(body.toString()) as [string, string, string]
      return { server, id, tool }
    },
  }
}

export function unknownTask(): AppError {
  return new AppError(
    'WIRE_INVALID_PARAMS',
    'there is no such task here; it may be over and forgotten',
  )
}
