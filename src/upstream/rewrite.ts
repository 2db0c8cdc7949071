// What the link itself changes in a client's message on its way: id and progress token; bytes in, bytes out.
import { isObject } from '../base/json.ts'
import { type Message, readMessage } from '../wire/message.ts'
import { type Edit, editMember, splice, valueEdit } from '../wire/splice.ts'
import type { UpstreamRequest } from './client.ts'

export interface Rewritten {
  readonly bytes: Uint8Array
  /** The client's progress token as JSON text. */
  readonly token: string | undefined
}

/** Applies the request's edits and the link's own in one splice. */
export function rewrite(
  request: UpstreamRequest,
  id: number,
  options: { readonly depth: number },
): Rewritten {
  const { message, edits } = request
  const own = ownEdits(message, id)
  if (!overlap(edits, own.edits))
    return { bytes: splice(message.bytes, [...edits, ...own.edits]), token: own.token }
  // somebody replaced `_meta` whole: what the link changes is inside the new one
  const edited = readMessage(splice(message.bytes, edits), options)
  const again = ownEdits(edited, id)
  return { bytes: splice(edited.bytes, again.edits), token: again.token }
}

function ownEdits(message: Message, id: number): { edits: Edit[]; token: string | undefined } {
  const member = message.scan.members.get('id')
  const edits = member ? [valueEdit(member, id)] : editMember(message, ['id'], id)
  const meta = isObject(message.params) ? message.params._meta : undefined
  if (!isObject(meta)) return { edits, token: undefined }
  const token = meta.progressToken
  if (token !== undefined)
    edits.push(...editMember(message, ['params', '_meta', 'progressToken'], id))
  return { edits, token: token === undefined ? undefined : textAt(message, 'progressToken') }
}

// as the client wrote it: 1e3 and 1000 are one number but two tokens
function textAt({ bytes, scan }: Message, name: string): string | undefined {
  const span = scan.meta.get(name)
  return span && bytes.toString('utf8', span.start, span.end)
}

function overlap(edits: readonly Edit[], own: readonly Edit[]): boolean {
  return edits.some(({ span: a }) => own.some(({ span: b }) => a.start < b.end && b.start < a.end))
}

/** The id of the call a progress notification belongs to; NaN for a token that is none of ours. */
export function progressTokenOf(message: Message): number {
  const token = isObject(message.params) ? message.params.progressToken : undefined
  return typeof token === 'number' ? token : Number.NaN
}

/** The same notification with the client's own token in it; read again only for those that ask for more than its bytes. */
export function restoreToken(message: Message, token: string, depth: number): Message {
  const span = message.scan.inner.get('progressToken')
  if (!span) return message
  const { kind, id, method, result, error } = message
  const bytes = splice(message.bytes, [{ span, text: token }])
  let read: Message | undefined
  const whole = (): Message => {
    read ??= readMessage(bytes, { depth })
    return read
  }
  return {
    bytes,
    kind,
    id,
    method,
    result,
    error,
    get scan() {
      return whole().scan
    },
    get params() {
      return whole().params
    },
  }
}
