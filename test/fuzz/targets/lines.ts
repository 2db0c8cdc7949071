// Fuzz target: bytes as the output of a stdio server. Lines stay within their bound, however they are cut, and a framed message is one line.
import { createLineReader, frameLine, idAtEnds } from '../../../src/wire/lines.ts'
import { holds } from '../holds.ts'
import type { Random } from '../random.ts'
import type { Target } from '../target.ts'

export const lines: Target = {
  name: 'lines',
  files: ['src/wire/lines.ts'],
  tokens: [
    '\n',
    '\r\n',
    '\n\n',
    '{"jsonrpc":"2.0","id":1,"result":{}}\n',
    'x'.repeat(300),
    'x'.repeat(3000),
  ],
  runs: 5000,
  branches: 90,
  run(bytes, random) {
    const limit = 1 + random(600)
    const whole = read([bytes], limit)
    const pieces = read(cut(bytes, random), limit)
    holds(JSON.stringify(whole) === JSON.stringify(pieces), 'chunks change nothing')
    holds(
      JSON.stringify(whole.lines) === JSON.stringify(linesOf(bytes, limit)),
      'the lines are those of the text',
    )
    const json = bytes.toString()
    const framed = frameLine(bytes)
    holds(framed.indexOf(0x0a) === framed.length - 1, 'a framed message is one line')
    holds(!parses(json) || parses(framed.toString()), 'a framed message says what it said')
    return {
      accepted: whole.lines.length > 0,
      trait: `${Math.min(9, whole.lines.length)} ${Math.min(9, whole.over.length)}`,
    }
  },
}

interface Read {
  readonly lines: string[]
  readonly over: string[]
}

function read(chunks: readonly Buffer[], limit: number): Read {
  const found: Read = { lines: [], over: [] }
  const reader = createLineReader({
    limit,
    line: (line) => void found.lines.push(line.toString('latin1')),
    oversize(head, tail) {
      const id = idAtEnds(head, tail)
      holds(id === undefined || Number.isSafeInteger(id), 'the id of a line too long is an id')
      found.over.push(`${head} ${tail}`)
    },
  })
  for (const chunk of chunks) reader.push(chunk)
  return found
}

/** The same in one line, of what is ended: split at newlines, too long and empty ones left out. */
function linesOf(bytes: Buffer, limit: number): string[] {
  return bytes
    .toString('latin1')
    .split('\n')
    .slice(0, -1)
    .filter((line) => line.length <= limit)
    .map((line) => line.replace(/\r$/, ''))
    .filter((line) => line !== '')
}

function cut(bytes: Buffer, random: Random): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random(200)
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
