// Which server a verdict is about: a digest of all that says who is reached and what is run; a verdict about another one is none.
import { createHash } from 'node:crypto'
import type { AttestedServer } from './server.ts'

/** Hex. Tags and the policy are not in it: by which policy it was judged is told beside it. */
export function targetSha256({ name, id, transport, url, command, cwd }: AttestedServer): string {
  const text = JSON.stringify([name, id, transport, url, command, cwd])
  return createHash('sha256').update(text).digest('hex')
}
