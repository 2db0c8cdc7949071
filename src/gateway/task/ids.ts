// The ids under which clients know tasks: whose server's, which tool's and with which labels, by a signature of one principal; nothing is kept.
import { createCipheriv, createHmac } from 'node:crypto'
import { AppError } from '../../base/errors.ts'
import { createSigner, TAG_BYTES } from '../signed.ts'

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

export function createTaskIds(secret: Uint8Array): TaskIds {
  const signer = createSigner(secret)
  const veil = createVeil(secret)
  return {
    expose: (principal, { server, id, tool, labels }) =>
      veil(signer.sign(principal, [server, id, tool, ...labels])),
    own(principal, exposed) {
      const found = typeof exposed === 'string' ? signer.read(principal, veil(exposed)) : undefined
      if (found === undefined) throw unknownTask()
      const [server, id, tool, ...labels] = found as [string, string, string, ...string[]]
      return { server, id, tool, labels }
    },
  }
}

/**
 * Labels are not for clients to read: what follows the tag is encrypted with AES-256 in counter mode, over again it is decrypted. The
 * tag is the counter's start, so different tasks have no stream in common.
 */
function createVeil(secret: Uint8Array): (text: string) => string {
  const key = createHmac('sha256', secret).update('veil').digest()
  return (text) => {
    const bytes = Buffer.from(text, 'base64url')
    // Base64 has several texts for the same bytes; ours is one of them
    if (bytes.length < TAG_BYTES || bytes.toString('base64url') !== text) return ''
    const tag = bytes.subarray(0, TAG_BYTES)
    const body = createCipheriv('aes-256-ctr', key, tag).update(bytes.subarray(TAG_BYTES))
    return Buffer.concat([tag, body]).toString('base64url')
  }
}

export function unknownTask(): AppError {
  return new AppError(
    'WIRE_INVALID_PARAMS',
    'there is no such task here; it may be over and forgotten',
  )
}
