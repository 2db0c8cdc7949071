// Cuts what a process writes to stderr into lines, bounded in length and in rate; what becomes of them is decided elsewhere.
import { StringDecoder } from 'node:string_decoder'
import type { Clock } from '../../base/clock.ts'

export interface StderrLines {
  push(chunk: Buffer): void
  /** What is left without a line end. */
  end(): void
}

const LINE = 4096
/** A server in a crash loop or at debug level must not become the gateway's log. */
const LINES_PER_SECOND = 200

/** A line above the bound is cut; lines above the rate are counted and reported as one line in the next second. */
export function createStderrLines(clock: Clock, line: (text: string) => void): StderrLines {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  let cutting = false
  let second = clock.now()
  let given = 0
  let dropped = 0

  function give(text: string): void {
    const now = clock.now()
    if (now - second >= 1000) {
      if (dropped > 0) line(`(${dropped} lines dropped)`)
      second = now
      given = 0
      dropped = 0
    }
    if (++given > LINES_PER_SECOND) dropped++
    else line(text.slice(0, LINE).trimEnd())
  }

  return {
    push(chunk) {
      const parts = (rest + decoder.write(chunk)).split('\n')
      rest = parts.pop() ?? ''
      for (const part of parts) {
        if (!cutting && part.length > 0) give(part)
        cutting = false
      }
      if (rest.length <= LINE) return
      if (!cutting) give(rest)
      cutting = true
      rest = ''
    },
    end() {
      if (!cutting && rest.length > 0) give(rest)
      rest = ''
    },
  }
}
