// The ids under which clients know tasks: whose server's, which tool's and, by a signature, which principal's; nothing is kept.
import { AppError } from '../../base/errors.ts'
import { createSigner } from '../signed.ts'

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

export function createTaskIds(secret: Uint8Array): TaskIds {
  const signer = createSigner(secret)
  return {
    expose: (principal, { server, id, tool }) => signer.sign(principal, [server, id, tool]),
    own(principal, exposed) {
      const found = signer.read(principal, exposed)
      if (found === undefined) throw unknownTask()
      const [server, id, tool] = found as [string, string, string]
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
