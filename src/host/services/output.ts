// What plugins print: everything written to stdout goes to stderr instead, whole lines at a time; whose line it is it cannot know.

/** The part of a stream that is diverted. */
export interface OutputStream {
  write: (chunk: string | Uint8Array, ...rest: never[]) => boolean
}

export interface Diversion {
  /** To the real stdout: for who owns it, such as the gateway speaking MCP over stdio. */
  write(chunk: string | Uint8Array, done?: (error?: Error | null) => void): boolean
  /** Passes on what is left of an unfinished line, and undoes the diversion. */
  restore(): void
}

const MAX_LINE = 16 * 1024

/**
 * Code in this process shares its streams, so this holds for all of it: the owner of stdout keeps the way in that comes back
 * and uses no other. A line without an end is passed on in pieces of 16 KiB.
 */
export function divertStdout(stdout: OutputStream, stderr: OutputStream): Diversion {
  const original = stdout.write
  const decoder = new TextDecoder()
  let rest = ''
  const pass = (text: string): void => {
    rest += text
    for (let end = lineEnd(rest); end > 0; end = lineEnd(rest)) {
      stderr.write(`${rest.slice(0, end).replace(/\n$/, '')}\n`)
      rest = rest.slice(end)
    }
  }
  stdout.write = (chunk, ...others: unknown[]) => {
    pass(typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))
    // a callback is the last argument, after an encoding or without one
    const done = others.at(-1)
    if (typeof done === 'function') queueMicrotask(() => done())
    return true
  }
  return {
    write: (chunk, done) =>
      original.call(stdout, chunk, ...((done ? [done] : []) as unknown[] as never[])),
    restore() {
      stdout.write = original
      if (rest !== '') pass('\n')
    },
  }
}

function lineEnd(text: string): number {
  const end = text.indexOf('\n') + 1
  if (end > 0) return Math.min(end, MAX_LINE)
  return text.length >= MAX_LINE ? MAX_LINE : 0
}
