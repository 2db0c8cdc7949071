// What a command is given of the process that runs it: streams, environment, signals. Tests hand in their own.

/** A stream that text goes to. */
export interface TextStream {
  write(text: string): void
  readonly isTTY: boolean
}

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

export interface Shell {
  readonly stdout: TextStream
  readonly stderr: TextStream
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Calls `run` at each such signal; returns a function that stops doing so. */
  onSignal(signal: Signal, run: () => void): () => void
  /** Ends the process at once, whatever is still open. */
  abort(code: number): void
}

export function processShell(): Shell {
  return {
    stdout: textStream(process.stdout),
    stderr: textStream(process.stderr),
    env: process.env,
    cwd: process.cwd(),
    onSignal(signal, run) {
      process.on(signal, run)
      return () => process.off(signal, run)
    },
    abort: (code) => process.exit(code),
  }
}

function textStream(stream: NodeJS.WriteStream): TextStream {
  // a reader that went away (`| head`) is no fault of ours
  stream.on('error', () => {})
  // kept before anybody can divert it: what a command says is not what a plugin prints
  const write = stream.write.bind(stream)
  return {
    write(text) {
      write(text)
    },
    isTTY: stream.isTTY === true,
  }
}
